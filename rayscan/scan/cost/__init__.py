"""What a scan will take."""
