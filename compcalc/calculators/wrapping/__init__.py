"""Functions, torch modules and foreign ASE calculators, made into calculators that keep ASE's contract."""
