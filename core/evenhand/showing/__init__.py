"""An audit in a notebook: a short summary, frames of the caller's kind, a picture of the gaps."""
