"""Price bars: walk-forward forecasts of direction and variance, and whether they are worth anything."""
