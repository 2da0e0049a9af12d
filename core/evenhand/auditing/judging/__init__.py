"""From estimates to verdicts: gaps, ratios, bounds, trends, and the sentences beside them."""
