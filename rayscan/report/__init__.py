"""The reading side: tables in words, figures and pages; never imports models."""
