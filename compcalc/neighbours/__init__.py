"""Neighbour lists: one structure as matscipy and ASE do it, a batch of molecules in one call, and a list for MD."""

from compcalc.neighbours.batch import batch_edges
from compcalc.neighbours.edges import Edges
from compcalc.neighbours.single import neighbour_list
from compcalc.neighbours.verlet import VerletList

__all__ = ["Edges", "VerletList", "batch_edges", "neighbour_list"]
