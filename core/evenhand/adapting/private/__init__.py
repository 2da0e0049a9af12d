"""Strategies under differential privacy: what of a recipe can keep the promise, and how it is fitted then."""
