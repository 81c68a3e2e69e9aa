"""What is asked: dataclasses, the scan file and its problems, variants."""
