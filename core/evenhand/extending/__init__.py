"""Finds plugins and quarantines broken ones; the core's own hook implementations; what is installed."""
