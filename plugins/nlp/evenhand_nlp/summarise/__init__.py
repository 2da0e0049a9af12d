"""summarise: what a text says, in a sentence or two."""
