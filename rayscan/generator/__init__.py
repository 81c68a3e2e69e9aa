"""Events made here: Pythia, a detector, densities, recipes."""
