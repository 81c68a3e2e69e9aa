"""Tidy frames made of result tables."""
