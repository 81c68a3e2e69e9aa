"""Layouts of the result tables."""
