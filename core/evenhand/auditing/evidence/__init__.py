"""From counts to estimates: values, variances, limits, simultaneous bands."""
