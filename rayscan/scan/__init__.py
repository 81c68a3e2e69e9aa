"""What a scan is; no Ray here."""
