"""From inputs to the pools that a worker needs."""
