"""What other decision thresholds would do."""
