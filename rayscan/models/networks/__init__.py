"""Networks trained in packs, and what they are made of."""
