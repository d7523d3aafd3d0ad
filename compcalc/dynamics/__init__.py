"""Molecular dynamics: protocols, the ASE engine, guards that stop a run with a cause."""
