"""Networks that evenhand trains itself, from formulas, and ships."""
