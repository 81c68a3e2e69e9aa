"""What runs, one file a step."""
