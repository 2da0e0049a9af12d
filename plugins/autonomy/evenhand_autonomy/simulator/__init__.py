"""Our own driving simulator: signs and roads drawn and photographed by formulas, every sample with its ground truth."""
