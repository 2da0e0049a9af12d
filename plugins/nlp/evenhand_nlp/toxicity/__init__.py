"""Posts to toxic or not, with the audit of what a model makes of the groups of people that they mention."""
