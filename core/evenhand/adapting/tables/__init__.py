"""Adapting to a table: a network that reads the labelled rows as they are, trees, a linear model, or their average."""
