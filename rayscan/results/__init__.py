"""Where both halves meet: storage, ledger, lock, journal, tables."""
