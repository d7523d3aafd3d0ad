"""Checks: accuracy of a potential on test molecules."""
