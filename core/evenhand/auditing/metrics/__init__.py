"""What a metric is, the built-in ones, and those that plugins bring."""
