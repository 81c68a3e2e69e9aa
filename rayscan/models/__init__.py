"""From examples to scores."""
