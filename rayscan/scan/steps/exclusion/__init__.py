"""Limits: a family of methods."""
