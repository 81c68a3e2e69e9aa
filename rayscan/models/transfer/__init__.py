"""Frozen image backbones: pictures of histograms, their features, and what is fitted to these."""
