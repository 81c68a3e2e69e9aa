"""Heads: a family; what a classifier tells apart."""
