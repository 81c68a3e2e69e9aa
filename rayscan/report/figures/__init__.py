"""Figures, from tables alone."""
