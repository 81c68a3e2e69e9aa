"""From pools to examples: exact pseudo-experiments."""
