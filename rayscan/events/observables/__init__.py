"""Observables: a family, each with its unit, meaning, needs and formula."""
