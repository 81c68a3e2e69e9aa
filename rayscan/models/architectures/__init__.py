"""Architectures: a family, a file each."""
