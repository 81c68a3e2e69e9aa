"""What a signal would need, answered from formulas or tables."""
