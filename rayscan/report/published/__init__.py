"""Published tables, a file for each study, and what a scan gives beside them."""
