"""Bonds of a running molecule against the bond graph it started from. Symbols: N atoms, P pairs of them, B bonds."""

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from compcalc.dynamics.limits import Limits
from compcalc.molecules.graph import fragments
from compcalc.records import Outcome, OutcomeKind

_HYDROGEN = 1
_NEARER, _LONGER = 0.85, 1.2
"""What a pair that begins near its limit must be nearer, or longer, than at the start, to count."""


def atom_names(numbers: np.ndarray, atoms: tuple[int, ...]) -> str:
    """Symbols and indices of up to four of `atoms`."""
    shown = ", ".join(f"{chemical_symbols[numbers[a]]}{a}" for a in atoms[:4])
    return shown + (f" and {len(atoms) - 4} more" if len(atoms) > 4 else "")


class BondWatch:
    """Says when a bond breaks, forms, or a hydrogen changes its heavy atom.

    Args:
        numbers: atomic numbers, (N,).
        bonds: bonded pairs at the start, (B, 2).
        limits: see `Limits`.
        start: geometry at the start, angstrom, (N, 3); without it no pair has limits of its own.

    Attributes:
        i, j: atoms of each pair, (P,).
        scale: sums of covalent radii, angstrom, (P,).
        bonded: whether bonded at the start, (P,).
        formed, broken, torn: the limits of each pair, in units of `scale`, (P,).
        since_fs: since when a pair has been beyond its limit, fs; NaN where it is not, (P,).
    """

    def __init__(self, numbers: np.ndarray, bonds: np.ndarray, limits: Limits, start: np.ndarray | None = None):
        self._numbers, self._limits = np.asarray(numbers), limits
        n = len(self._numbers)
        self.i, self.j = np.triu_indices(n, k=1)
        radii = covalent_radii[self._numbers]
        self.scale = radii[self.i] + radii[self.j]
        bonded = np.zeros((n, n), dtype=bool)
        bonded[tuple(np.asarray(bonds).reshape(-1, 2).T)] = True
        self.bonded = (bonded | bonded.T)[self.i, self.j]
        begin = np.where(self.bonded, 0.0, np.inf) if start is None else self._ratio(np.asarray(start, dtype=float))
        self.formed = np.minimum(limits.formed, _NEARER * begin)
        self.broken = np.maximum(limits.broken, _LONGER * begin)
        self.torn = self.broken * (limits.torn / limits.broken)
        self.since_fs = np.full(len(self.i), np.nan)

    def check(self, time_fs: float, positions: np.ndarray) -> Outcome | None:
        """The event at `positions`, angstrom, (N, 3), or None."""
        ratio = self._ratio(positions)
        beyond = np.where(self.bonded, ratio > self.broken, ratio < self.formed)
        self.since_fs = np.where(beyond, np.where(np.isnan(self.since_fs), time_fs, self.since_fs), np.nan)
        lasting = beyond & (time_fs - self.since_fs >= self._limits.patience_fs)
        lasting |= self.bonded & (ratio > self.torn)
        if not lasting.any():
            return None
        # Of several events at once the one that began first names the run.
        return self._event(int(np.where(lasting, self.since_fs, np.inf).argmin()), ratio, positions)

    def _ratio(self, positions: np.ndarray) -> np.ndarray:
        difference = positions[self.i] - positions[self.j]
        return np.sqrt((difference**2).sum(axis=1)) / self.scale

    def _event(self, pair: int, ratio: np.ndarray, positions: np.ndarray) -> Outcome:
        time_ps = float(self.since_fs[pair]) / 1000
        transfer = self._proton_transfer(pair, ratio)
        if transfer is not None:
            hydrogen, donor, acceptor = (self._names((atom,)) for atom in transfer)
            cause = f"{hydrogen} moved from {donor} to {acceptor}"
            return Outcome(OutcomeKind.PROTON_TRANSFER, time_ps, cause, transfer)
        atoms = (int(self.i[pair]), int(self.j[pair]))
        bond = f"bond {self._names(atoms[:1])}-{self._names(atoms[1:])}"
        length = f"({ratio[pair] * self.scale[pair]:.2f} angstrom)"
        if not self.bonded[pair]:
            return Outcome(OutcomeKind.BOND_FORMED, time_ps, f"{bond} formed {length}", atoms)
        left, gap = self._leaving(atoms, ratio, positions)
        what = f"{self._names(left)} left ({gap:.2f} angstrom away)" if left else "the atoms hold together elsewhere"
        return Outcome(OutcomeKind.BOND_BROKEN, time_ps, f"{bond} broke {length}: {what}", atoms, fragment=left)

    def _leaving(
        self, atoms: tuple[int, int], ratio: np.ndarray, positions: np.ndarray
    ) -> tuple[tuple[int, ...], float]:
        """The smaller of the pieces that a broken bond leaves, and its distance from the other; none from a ring."""
        n = len(self._numbers)
        now = np.where(self.bonded, ratio <= self.broken, ratio < self.formed)
        pieces = fragments(n, np.stack([self.i[now], self.j[now]], axis=1))
        mine, other = (next(piece for piece in pieces if atom in piece) for atom in atoms)
        if atoms[1] in mine:
            return (), 0.0
        left, rest = sorted((other, mine), key=lambda piece: (len(piece), self._numbers[piece].sum()))
        gap = np.linalg.norm(positions[left][:, None] - positions[rest][None, :], axis=2).min()
        return tuple(left.tolist()), float(gap)

    def _proton_transfer(self, pair: int, ratio: np.ndarray) -> tuple[int, int, int] | None:
        """(hydrogen, donor, acceptor) if the event at `pair` is a hydrogen that changes its heavy atom."""
        for hydrogen in (int(self.i[pair]), int(self.j[pair])):
            if self._numbers[hydrogen] != _HYDROGEN:
                continue
            mine = (self.i == hydrogen) | (self.j == hydrogen)
            other = np.where(self.i == hydrogen, self.j, self.i)
            heavy = mine & (self._numbers[other] != _HYDROGEN)
            old = np.flatnonzero(heavy & self.bonded)
            new = np.flatnonzero(heavy & ~self.bonded)
            if not len(old) or not len(new):
                continue
            nearest = new[ratio[new].argmin()]
            if ratio[nearest] < 1.3 and ratio[nearest] < ratio[old[0]]:
                return hydrogen, int(other[old[0]]), int(other[nearest])
        return None

    def _names(self, atoms: tuple[int, ...]) -> str:
        return atom_names(self._numbers, atoms)
