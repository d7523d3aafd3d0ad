"""Standard error of the mean of values that are correlated in time, from block means."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from compcalc.metrics._arrays import as_shape

FEWEST_BLOCKS = 8
"""Blocking stops here: the scatter of fewer means is too uncertain, and the largest of several would be too large."""


def blocked_mean(runs: Sequence[ArrayLike]) -> tuple[float, float]:
    """Mean over all points of independent runs and its standard error, in the unit of the input.

    Blocking (Flyvbjerg and Petersen, J. Chem. Phys. 91, 461 (1989)): the textbook error of means of 1, 2, 4, ...
    neighbouring points, down to `FEWEST_BLOCKS` blocks over all runs; the largest counts. No block reaches from one run
    into the next, so that eight runs or more also give the error of their own means. Right for correlation times up to
    a fortieth of all points together, and 10 to 30% too large for uncorrelated ones.

    Args:
        runs: the points of each run in the order of time, (F_r,) each.

    Returns:
        Mean and error; NaN for both without points, NaN for the error with fewer than `FEWEST_BLOCKS`.
    """
    series = [as_shape(f"runs[{r}]", values, (None,), "(F,)") for r, values in enumerate(runs)]
    series = [values for values in series if len(values)]
    if not series:
        return float("nan"), float("nan")
    errors = [_error(np.concatenate(blocks)) for blocks in _blockings(series)]
    return float(np.concatenate(series).mean()), float(max(errors, default=np.nan))


def block_means(values: np.ndarray, size: int) -> np.ndarray:
    """Means of blocks of `size` neighbours, (len(values) // size,); what is left over at the end is dropped."""
    blocks = len(values) // size
    return values[: blocks * size].reshape(blocks, size).mean(axis=1)


def _blockings(series: list[np.ndarray]):
    """Block means of every run by size, from single points on; at last one mean a run if there are enough runs."""
    size = 1
    while sum(len(values) // size for values in series) >= FEWEST_BLOCKS:
        yield [block_means(values, size) for values in series]
        size *= 2
    if len(series) >= FEWEST_BLOCKS:
        yield [np.array([values.mean()]) for values in series]


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
