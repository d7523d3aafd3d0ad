"""The guard: watches a run and says when, how and at which atoms it went wrong."""

from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from compcalc.records import Outcome, OutcomeKind

_HYDROGEN = 1


@dataclass(frozen=True)
class Limits:
    """When a guard calls an event.

    Lengths are multiples of the sum of covalent radii. A bond counts as broken, or formed, only after it has stayed
    beyond its limit for `patience_fs`, so that a vibration is no event.

    Attributes:
        broken: a bond longer than this is breaking (C-C 2.3 angstrom, C-H 1.6, O-H 1.5).
        torn: a bond longer than this is broken at once.
        formed: a non-bonded pair closer than this is bonding (C-C 1.8, C-H 1.3, O-H 1.2 angstrom).
        patience_fs: fs.
        temperature_k: kinetic temperature beyond which a run has exploded, K.
        force_ev_per_angstrom: force on one atom beyond which a run has exploded, eV/angstrom.
        check_every_fs: spacing of the bond checks, fs; everything else is checked at every step.
    """

    broken: float = 1.5
    torn: float = 2.0
    formed: float = 1.2
    patience_fs: float = 10.0
    temperature_k: float = 5000.0
    force_ev_per_angstrom: float = 200.0
    check_every_fs: float = 2.0


class Guard:
    """Compares a running molecule with the bond graph it started from.

    Args:
        numbers: atomic numbers, (N,).
        bonds: bonded pairs at the start, (B, 2).
        limits: see `Limits`.
    """

    def __init__(self, numbers: np.ndarray, bonds: np.ndarray, limits: Limits = Limits()):
        self.limits = limits
        self._numbers = np.asarray(numbers)
        n = len(self._numbers)
        self._i, self._j = np.triu_indices(n, k=1)
        radii = covalent_radii[self._numbers]
        self._scale = radii[self._i] + radii[self._j]
        bonded = np.zeros((n, n), dtype=bool)
        bonded[tuple(np.asarray(bonds).reshape(-1, 2).T)] = True
        self._bonded = (bonded | bonded.T)[self._i, self._j]
        self._since = np.full(len(self._i), np.nan)
        self._next_check_fs = 0.0

    def check(
        self, time_fs: float, positions: np.ndarray, velocities: np.ndarray, energy: float, forces: np.ndarray,
        temperature_k: float,
    ) -> Outcome | None:  # fmt: skip
        """The outcome that ends the run now, or None.

        Args:
            time_fs: time since the start of the phase, fs.
            positions: angstrom, (N, 3).
            velocities: any unit, (N, 3).
            energy: potential energy, eV.
            forces: eV/angstrom, (N, 3).
            temperature_k: kinetic temperature, K; NaN where it is undefined.
        """
        outcome = self._check_finite(time_fs, positions, velocities, energy, forces)
        outcome = outcome or self._check_exploded(time_fs, forces, temperature_k)
        if outcome is None and time_fs >= self._next_check_fs - 1e-9:
            self._next_check_fs = time_fs + self.limits.check_every_fs
            outcome = self._check_bonds(time_fs, positions)
        return outcome

    def _check_finite(self, time_fs, positions, velocities, energy, forces) -> Outcome | None:
        named = (("energy", energy), ("forces", forces), ("positions", positions), ("velocities", velocities))
        for name, value in named:
            bad = ~np.isfinite(value)
            if np.any(bad):
                atoms = tuple(np.flatnonzero(np.any(bad, axis=-1)).tolist()) if np.ndim(value) == 2 else ()
                where = f" of {self._names(atoms)}" if atoms else ""
                cause = f"{name}{where} became NaN or infinite"
                return Outcome(OutcomeKind.NON_FINITE, time_fs / 1000, cause, atoms)
        return None

    def _check_exploded(self, time_fs, forces, temperature_k) -> Outcome | None:
        norm = np.sqrt((forces**2).sum(axis=1))
        worst = int(norm.argmax())
        if norm[worst] > self.limits.force_ev_per_angstrom:
            limit = self.limits.force_ev_per_angstrom
            cause = f"force on {self._names((worst,))} reached {norm[worst]:.0f} eV/angstrom (limit {limit:g})"
            return Outcome(OutcomeKind.EXPLODED, time_fs / 1000, cause, (worst,))
        if temperature_k > self.limits.temperature_k:
            cause = f"temperature reached {temperature_k:.0f} K (limit {self.limits.temperature_k:g})"
            return Outcome(OutcomeKind.EXPLODED, time_fs / 1000, cause)
        return None

    def _check_bonds(self, time_fs, positions) -> Outcome | None:
        difference = positions[self._i] - positions[self._j]
        ratio = np.sqrt((difference**2).sum(axis=1)) / self._scale
        limits = self.limits
        beyond = np.where(self._bonded, ratio > limits.broken, ratio < limits.formed)
        self._since = np.where(beyond, np.where(np.isnan(self._since), time_fs, self._since), np.nan)
        lasting = beyond & (time_fs - self._since >= limits.patience_fs)
        lasting |= self._bonded & (ratio > limits.torn)
        if not lasting.any():
            return None
        # Of several events at once the one that began first names the run.
        pair = int(np.where(lasting, self._since, np.inf).argmin())
        return self._bond_event(pair, ratio, float(self._since[pair]))

    def _bond_event(self, pair: int, ratio: np.ndarray, since_fs: float) -> Outcome:
        i, j = int(self._i[pair]), int(self._j[pair])
        transfer = self._proton_transfer(pair, ratio)
        if transfer is not None:
            hydrogen, donor, acceptor = transfer
            cause = f"{self._names((hydrogen,))} moved from {self._names((donor,))} to {self._names((acceptor,))}"
            return Outcome(OutcomeKind.PROTON_TRANSFER, since_fs / 1000, cause, transfer)
        length = ratio[pair] * self._scale[pair]
        kind, verb = (OutcomeKind.BOND_BROKEN, "broke") if self._bonded[pair] else (OutcomeKind.BOND_FORMED, "formed")
        cause = f"bond {self._names((i,))}-{self._names((j,))} {verb} ({length:.2f} angstrom)"
        return Outcome(kind, since_fs / 1000, cause, (i, j))

    def _proton_transfer(self, pair: int, ratio: np.ndarray) -> tuple[int, int, int] | None:
        """(hydrogen, donor, acceptor) if the event at `pair` is a hydrogen that changes its heavy atom."""
        for hydrogen in (int(self._i[pair]), int(self._j[pair])):
            if self._numbers[hydrogen] != _HYDROGEN:
                continue
            mine = (self._i == hydrogen) | (self._j == hydrogen)
            other = np.where(self._i == hydrogen, self._j, self._i)
            heavy = mine & (self._numbers[other] != _HYDROGEN)
            old = np.flatnonzero(heavy & self._bonded)
            new = np.flatnonzero(heavy & ~self._bonded)
            if not len(old) or not len(new):
                continue
            nearest = new[ratio[new].argmin()]
            if ratio[nearest] < 1.3 and ratio[nearest] < ratio[old[0]]:
                return hydrogen, int(other[old[0]]), int(other[nearest])
        return None

    def _names(self, atoms: tuple[int, ...]) -> str:
        shown = ", ".join(f"{chemical_symbols[self._numbers[a]]}{a}" for a in atoms[:4])
        return shown + (f" and {len(atoms) - 4} more" if len(atoms) > 4 else "")
