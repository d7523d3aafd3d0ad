"""Where the energy of runs comes from. Symbols in the shapes: M runs, A atoms of all.

Two books are kept. The total energy, less what a thermostat gave, should stay: what it gains is the excess. And the
work of the forces along the way, added up by trapezoids between steps, should be what the potential energy loses. Where
the second does not close the forces are no gradient of the energy, whatever the integrator does: along a straight line
between two steps the trapezoid is exact for a harmonic potential, and its error falls with the cube of the length. The
same work from every second step only shows when the steps are too long for that. The books are closed at even steps.
"""

from collections.abc import Sequence

import numpy as np

from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.sums import Sums
from compcalc.metrics.attribution import EnergyBooks, attribute
from compcalc.units import KB_EV_PER_K

_OUTLIER, _MEMORY, _SMALLEST_EV = 20.0, 0.05, 1e-6
"""A jump is this many times the usual imbalance of two steps; that is a mean over 40, in eV at least the last."""


class Balance:
    """Books of runs that advance together.

    The excess stays where there is no thermostat; one of friction g takes it out again at the rate g, half of it being
    kinetic at any time.

    Args:
        sizes: number of atoms of each run, (M,).
        freedom: degrees of freedom of each run, (M,).
        protocol: for its time step and friction.
        thermostat: whether one is at work.

    Attributes:
        excess: energy that came from nowhere and is still there, up to the last even step, eV, (M,).
        work: of the forces since the start, eV, (M,).
        heat: what the thermostat gave since the start, eV, (M,).
    """

    def __init__(self, sizes: Sequence[int], freedom: Sequence[float], protocol: Protocol, thermostat: bool):
        self._sizes, self._sums = np.asarray(sizes), Sums(np.asarray(sizes))
        self._kelvin_per_ev = 2 / (KB_EV_PER_K * np.where(np.asarray(freedom) > 0, freedom, np.nan))
        self._kept = np.exp(-2 * protocol.friction_per_fs * protocol.timestep_fs) if thermostat else 1.0
        self._steps, self._before, self._anchor = 0, None, None
        for name in _COLUMNS:
            setattr(self, name, np.zeros(len(self._sizes)))
        self._usual = np.full(len(self._sizes), _SMALLEST_EV)

    def add(
        self, positions: np.ndarray, forces: np.ndarray, energies: np.ndarray, kinetic: np.ndarray, heat: np.ndarray
    ) -> None:
        """Enter a step; the arrays must stay as they are.

        Args:
            positions: angstrom, (A, 3).
            forces: eV/angstrom, (A, 3).
            energies: potential energies, eV, (M,).
            kinetic: kinetic energies, eV, (M,).
            heat: what the thermostat gave since the start of the phase, eV, (M,).
        """
        now = (positions, forces)
        self.heat = heat
        if self._steps % 2:
            self._last_work = self._between(self._before, *now)
            self.work = self.work + self._last_work
        else:
            self._close(now, energies, energies + kinetic - heat)
        self._before = now
        self._steps += 1

    def _close(self, now: tuple[np.ndarray, np.ndarray], energies: np.ndarray, total: np.ndarray) -> None:
        """Enter every second step, and close the books at it."""
        if self._steps:
            two = self.work - self._last_work
            self.work = self.work + self._between(self._before, *now)
            self._coarse = self._coarse + self._between(self._anchor, *now)
            self._look_for_jumps(self.work - two + energies - self._energies)
            self.excess = self._kept * self.excess + (total - self._total)
        else:
            self._first_total, self._first_energies = total, energies
        self._anchor, self._total, self._energies = now, total, energies
        self._last_work = np.zeros(len(total))

    def _look_for_jumps(self, change: np.ndarray) -> None:
        """Add up the changes of the imbalance, eV, (M,), that stand out from those before."""
        size, most = np.abs(change), _OUTLIER * self._usual
        self._jump = self._jump + np.where(size > most, change, 0.0)
        # What stands out counts in part, so that a change of the usual is followed.
        self._usual = np.maximum((1 - _MEMORY) * self._usual + _MEMORY * np.minimum(size, most), _SMALLEST_EV)

    @property
    def coarse_work(self) -> np.ndarray:
        """The work from every second step only, up to the last step, eV, (M,)."""
        return self._coarse + self._last_work

    def kelvin(self, kinetic: np.ndarray) -> np.ndarray:
        """Temperatures of kinetic energies in eV, (M,), over all degrees of freedom; NaN where none are left."""
        return kinetic * self._kelvin_per_ev

    @property
    def rise_k(self) -> np.ndarray:
        """The excess as the warming that it means, K, (M,); NaN where no degrees of freedom are left."""
        return self.excess * (0.5 * self._kelvin_per_ev)

    def cause(self, run: int) -> str:
        """Where the energy that the run at index `run` gained came from, in words."""
        gain, lost = self._total - self._first_total, self._energies - self._first_energies
        columns = (gain, self.work - self._last_work + lost, self._coarse + lost, self._jump)
        return attribute(EnergyBooks(*(float(column[run]) for column in columns))).words

    def state(self) -> dict:
        """The books, for `restore`."""
        return {name: getattr(self, name) for name in _STATE}

    def restore(self, state: dict) -> None:
        """Go on from the books of the same runs."""
        for name in _STATE:
            setattr(self, name, state[name])

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        for name in ("_sizes", "_kelvin_per_ev", *_COLUMNS):
            setattr(self, name, getattr(self, name)[runs])
        self._sums = Sums(self._sizes)
        if self._steps:
            self._before, self._anchor = (
                tuple(array[atoms] for array in place) for place in (self._before, self._anchor)
            )

    def _between(self, before: tuple[np.ndarray, np.ndarray], positions: np.ndarray, forces: np.ndarray) -> np.ndarray:
        """Work on the straight way from `before`, eV, (M,)."""
        return 0.5 * self._sums.components((positions - before[0]) * (forces + before[1]))


_COLUMNS = (
    "excess", "work", "heat", "_coarse", "_last_work", "_jump", "_usual", "_total", "_energies", "_first_total",
    "_first_energies",
)  # fmt: skip
"""What is kept of each run, (M,)."""

_STATE = (*_COLUMNS, "_steps", "_before", "_anchor")
