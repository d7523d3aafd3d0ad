"""Models trained and tested over tasks and seeds, unattended."""

from compcalc.benchmark.matrix import Cell, Matrix
from compcalc.benchmark.models import Model, parse_model

__all__ = ["Cell", "Matrix", "Model", "parse_model"]
