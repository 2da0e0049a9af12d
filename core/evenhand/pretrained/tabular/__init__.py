"""The tabular backbone: a network that reads a labelled table as context and predicts further rows of it."""
