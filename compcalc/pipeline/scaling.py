"""Time against the number of atoms, from a few measured sizes."""

from collections.abc import Iterable, Mapping

import numpy as np

_ALONE = 1.0
"""Exponent where a single size was measured: time in proportion to the atoms."""


class SizeLaw:
    """Monotone interpolation of time over the number of atoms: a power law between each two neighbouring sizes.

    One power law for all sizes is wrong at both ends, since every call costs something however small the molecule.
    Below and above the measured sizes the law of the nearest two goes on.

    Args:
        measured: number of atoms -> s; one size or more. A larger size that was measured as faster than a smaller one
            counts as just as slow.
    """

    def __init__(self, measured: Mapping[int, float]):
        self.sizes = sorted(measured)
        times = np.maximum.accumulate([max(measured[size], 1e-12) for size in self.sizes])
        self._log_sizes, self._log_times = np.log(self.sizes), np.log(times)

    def __call__(self, atoms: float) -> float:
        """Time for so many atoms, s."""
        x, y = self._log_sizes, self._log_times
        if len(x) == 1:
            return float(np.exp(y[0] + _ALONE * (np.log(atoms) - x[0])))
        k = int(np.clip(np.searchsorted(x, np.log(atoms)) - 1, 0, len(x) - 2))
        slope = (y[k + 1] - y[k]) / (x[k + 1] - x[k])
        return float(np.exp(y[k] + slope * (np.log(atoms) - x[k])))


def smallest_middle_largest(sizes: Iterable[int]) -> list[int]:
    """Three sizes to measure at: both ends and the one nearest to their geometric mean; fewer where there are fewer."""
    sizes = sorted(set(sizes))
    if len(sizes) <= 3:
        return sizes
    middle = min(sizes[1:-1], key=lambda size: abs(np.log(size) - np.log(sizes[0] * sizes[-1]) / 2))
    return [sizes[0], middle, sizes[-1]]
