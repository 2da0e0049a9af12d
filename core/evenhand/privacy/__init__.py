"""Differential privacy: how much a model may tell of one training row, and what an attacker can tell of it."""
