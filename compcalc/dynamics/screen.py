"""The guards of many runs that advance together: one look at the whole batch, and a guard asked where it may matter.

The outcomes are those of the guards. A guard looks at every value of every step; here a guard is called only
- at a step at which its energy, forces, positions, velocities or temperature end the run for certain, or
- at a check of bonds and heating where a pair of its molecule, or the heating, is beyond a limit, or was at the check
  before, so that the guard sees each stretch begin and end.

Symbols in the shapes: M runs, A atoms of all, P pairs of all.
"""

from collections.abc import Sequence

import numpy as np

from compcalc.dynamics.bonds import BondWatch
from compcalc.dynamics.guard import Guard, Limits
from compcalc.records import Outcome

_MARGIN = 1e-6
"""Relative width around a limit in which rounding may decide; there the guard itself is asked."""


class Screen:
    """The guards of one phase.

    Args:
        numbers: atomic numbers of each run's molecule, M arrays (N,).
        bonds: its bonded pairs at the start, M arrays (B, 2).
        limits: of the guards.
        starts: geometries at the start, M arrays (N, 3), as for `Guard`.
    """

    def __init__(
        self, numbers: Sequence[np.ndarray], bonds: Sequence[np.ndarray], limits: Limits,
        starts: Sequence[np.ndarray] | None = None,
    ):  # fmt: skip
        self._limits = limits
        starts = [None] * len(numbers) if starts is None else starts
        self._guards = [Guard(z, pairs, limits, r) for z, pairs, r in zip(numbers, bonds, starts, strict=True)]
        self._sizes = [len(z) for z in numbers]
        self._pairs = [_bounds(guard.bonds) for guard in self._guards]
        self._watched = np.zeros(len(self._guards), dtype=bool)
        self._next_check_fs = 0.0
        self._join()

    def check(
        self, time_fs: float, positions: np.ndarray, velocities: np.ndarray, energies: np.ndarray, forces: np.ndarray,
        temperatures_k: np.ndarray, rises_k: np.ndarray,
    ) -> dict[int, Outcome]:  # fmt: skip
        """Index of a run -> the outcome that ends it now.

        Args:
            time_fs: time since the start of the phase, fs.
            positions: angstrom, (A, 3).
            velocities: any unit, (A, 3).
            energies: potential energies, eV, (M,).
            forces: eV/angstrom, (A, 3).
            temperatures_k: K, (M,); NaN where they are undefined.
            rises_k: energies that came from nowhere, as the warming that they mean, K, (M,); NaN where undefined.
        """
        state = (positions, velocities, energies, forces, temperatures_k, rises_k)
        suspects = set()
        if not self._quiet(*state):
            suspects = {run for run in range(len(self._guards)) if self._alarming(*self._of(run, *state))}
        if time_fs >= self._next_check_fs - 1e-9:
            self._next_check_fs = time_fs + self._limits.check_every_fs
            suspects |= self._beyond(positions, rises_k)
        outcomes = {run: self._guards[run].check(time_fs, *self._of(run, *state)) for run in sorted(suspects)}
        return {run: outcome for run, outcome in outcomes.items() if outcome is not None}

    def state(self) -> dict:
        """What has been seen so far, for `restore`."""
        guards = [guard.state() for guard in self._guards]
        return {"guards": guards, "watched": self._watched, "next": self._next_check_fs}

    def restore(self, state: dict) -> None:
        """Go on from a state of a screen of the same runs."""
        for guard, seen in zip(self._guards, state["guards"], strict=True):
            guard.restore(seen)
        self._watched, self._next_check_fs = state["watched"], state["next"]

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        for name in ("_guards", "_sizes", "_pairs"):
            setattr(self, name, [value for value, kept in zip(getattr(self, name), runs, strict=True) if kept])
        self._watched = self._watched[runs]
        self._join()

    def _quiet(self, positions, velocities, energies, forces, temperatures_k, rises_k) -> bool:
        """Whether only bonds and heating can end a run at this step; comparisons with NaN are False."""
        component = (1 - _MARGIN) * self._limits.force_ev_per_angstrom / np.sqrt(3)
        return bool(
            max(forces.max(), -forces.min()) < component
            and np.isfinite(energies).all()
            and np.isfinite(positions).all()
            and np.isfinite(velocities).all()
            and not (temperatures_k > self._limits.temperature_k).any()
        )

    def _alarming(self, positions, velocities, energy, forces, temperature_k, rise_k) -> bool:
        """Whether the guard of one run ends it without a look at the bonds; the very comparisons that it makes."""
        finite = all(np.isfinite(value).all() for value in (energy, forces, positions, velocities))
        strongest = np.sqrt((forces**2).sum(axis=1)).max()
        limits = self._limits
        return bool(not finite or strongest > limits.force_ev_per_angstrom or temperature_k > limits.temperature_k)

    def _beyond(self, positions, rises_k) -> set[int]:
        x, y, z = np.ascontiguousarray(positions.T)
        i, j = self._i, self._j
        squared = (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2 + (z[i] - z[j]) ** 2
        inside = (squared > self._low) & (squared < self._high)
        before = self._watched
        self._watched = rises_k > self._limits.heating_k
        if not inside.all():
            self._watched[self._run[~inside]] = True
        return set(np.flatnonzero(before | self._watched).tolist())

    def _of(self, run, positions, velocities, energies, forces, *scalars) -> tuple:
        atoms = slice(self._offsets[run], self._offsets[run + 1])
        return positions[atoms], velocities[atoms], energies[run], forces[atoms], *(column[run] for column in scalars)

    def _join(self) -> None:
        self._offsets = np.concatenate([[0], np.cumsum(self._sizes)]).tolist()
        counts = [len(low) for _, _, low, _ in self._pairs]
        self._run = np.repeat(np.arange(len(counts)), counts)
        i, j, self._low, self._high = (np.concatenate(parts) for parts in zip(*self._pairs, strict=True))
        first = np.repeat(self._offsets[:-1], counts)
        self._i, self._j = i + first, j + first


def _bounds(bonds: BondWatch) -> tuple[np.ndarray, ...]:
    """Atoms i and j of each pair, and the squared distances between which it is of no interest; each (P,)."""
    low = np.where(bonds.bonded, -1.0, (bonds.formed * bonds.scale) ** 2 * (1 + _MARGIN))
    high = (np.minimum(bonds.broken, bonds.torn) * bonds.scale) ** 2 * (1 - _MARGIN)
    return bonds.i, bonds.j, low, np.where(bonds.bonded, high, np.inf)
