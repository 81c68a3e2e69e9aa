"""The command line: verbs, and the paths that they are given."""
