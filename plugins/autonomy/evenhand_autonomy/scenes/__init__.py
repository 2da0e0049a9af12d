"""Road scenes: a pinhole camera above a flat road, and everything that may stand on it, with its full ground truth."""
