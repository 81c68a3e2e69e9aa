"""Losses: a family, each written for the engine that trains and in numpy."""
