"""Calculators: any interatomic potential as an ASE calculator, by name."""

from compcalc.calculators.catalogue import SCHEMES, Scheme, get_calculator, get_scheme
from compcalc.calculators.spec import Spec, parse_spec

__all__ = ["SCHEMES", "Scheme", "Spec", "get_calculator", "get_scheme", "parse_spec"]
