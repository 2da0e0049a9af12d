"""credit-default: who is likely not to pay back, with reasons for the declined and a search for more even models."""
