"""The guard: watches a run and says when, how and at which atoms it went wrong."""

from typing import TYPE_CHECKING

import numpy as np

from compcalc.dynamics.bonds import BondWatch, atom_names
from compcalc.dynamics.limits import Limits
from compcalc.records import Outcome, OutcomeKind

if TYPE_CHECKING:
    from ase.md.md import MolecularDynamics

    from compcalc.dynamics.observer import Observer

__all__ = ["Guard", "Limits"]


class Guard:
    """Compares a running molecule with the bond graph it started from, and its numbers with their limits.

    Args:
        numbers: atomic numbers, (N,).
        bonds: bonded pairs at the start, (B, 2).
        limits: see `Limits`, whose own values count where none are given.
        start: geometry at the start, angstrom, (N, 3); pairs that begin near a limit then have a limit of their own.

    Attributes:
        bonds: what watches the bonds.
    """

    def __init__(
        self, numbers: np.ndarray, bonds: np.ndarray, limits: Limits | None = None, start: np.ndarray | None = None
    ):
        self.limits = limits or Limits()
        self._numbers = np.asarray(numbers)
        self.bonds = BondWatch(self._numbers, bonds, self.limits, start)
        self._heating_since = np.nan
        self._next_check_fs = 0.0

    @classmethod
    def attach(
        cls, dynamics: "MolecularDynamics", *, bonds: np.ndarray | None = None, limits: Limits | None = None,
        raises: bool = True,
    ) -> "Observer":  # fmt: skip
        """Watch somebody's ASE dynamics from now on; see `Observer` for arguments and errors.

        The run ends with the exception `Unstable`, or, without `raises`, after the step of the event; either way the
        observer's `outcome` says what happened.
        """
        from compcalc.dynamics.observer import Observer

        return Observer(dynamics, bonds=bonds, limits=limits, raises=raises)

    def check(
        self, time_fs: float, positions: np.ndarray, velocities: np.ndarray, energy: float, forces: np.ndarray,
        temperature_k: float, rise_k: float = np.nan,
    ) -> Outcome | None:  # fmt: skip
        """The outcome that ends the run now, or None.

        Args:
            time_fs: time since the start of the phase, fs.
            positions: angstrom, (N, 3).
            velocities: any unit, (N, 3).
            energy: potential energy, eV.
            forces: eV/angstrom, (N, 3).
            temperature_k: kinetic temperature, K; NaN where it is undefined.
            rise_k: energy that came from nowhere, as the warming that it means, K; NaN where it is undefined.
        """
        outcome = self._check_finite(time_fs, positions, velocities, energy, forces)
        outcome = outcome or self._check_exploded(time_fs, forces, temperature_k)
        if outcome is None and time_fs >= self._next_check_fs - 1e-9:
            self._next_check_fs = time_fs + self.limits.check_every_fs
            outcome = self.bonds.check(time_fs, positions) or self._check_heating(time_fs, rise_k)
        return outcome

    def state(self) -> dict:
        """What has been seen so far, for `restore`."""
        return {"since": self.bonds.since_fs, "heating": self._heating_since, "next": self._next_check_fs}

    def restore(self, state: dict) -> None:
        """Go on from a state of a guard of the same molecule."""
        self.bonds.since_fs, self._heating_since, self._next_check_fs = state["since"], state["heating"], state["next"]

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

    def _check_heating(self, time_fs, rise_k) -> Outcome | None:
        limits = self.limits
        if not rise_k > limits.heating_k:
            self._heating_since = np.nan
            return None
        if np.isnan(self._heating_since):
            self._heating_since = time_fs
        if time_fs - self._heating_since < limits.heating_patience_fs:
            return None
        cause = f"energy from nowhere warmed the molecule by {rise_k:.0f} K (limit {limits.heating_k:g})"
        return Outcome(OutcomeKind.EXPLODED, self._heating_since / 1000, cause)

    def _names(self, atoms: tuple[int, ...]) -> str:
        return atom_names(self._numbers, atoms)
