"""Potentials that run in another Python interpreter, behind ASE's socket protocol."""
