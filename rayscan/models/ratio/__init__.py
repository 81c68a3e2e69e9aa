"""Likelihood ratios and the ceiling."""
