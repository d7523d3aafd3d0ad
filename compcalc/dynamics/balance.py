"""The energy that runs gain though nothing gives it to them. Symbols in the shapes: M runs, A atoms of all."""

from collections.abc import Sequence

import numpy as np

from compcalc.dynamics.protocols import Protocol
from compcalc.units import KB_EV_PER_K


class Balance:
    """Books of the total energy, less what the thermostat gave.

    What a run gains beyond that is called the excess. It stays where there is no thermostat; one of friction g takes it
    out again at the rate g, half of it being kinetic at any time.

    Args:
        freedom: degrees of freedom of each run, (M,).
        protocol: for its time step and friction.
        thermostat: whether one is at work.

    Attributes:
        excess: eV, (M,).
    """

    def __init__(self, freedom: Sequence[float], protocol: Protocol, thermostat: bool):
        self._capacity = KB_EV_PER_K * np.where(np.asarray(freedom) > 0, freedom, np.nan)
        self._kept = np.exp(-protocol.friction_per_fs * protocol.timestep_fs) if thermostat else 1.0
        self._total: np.ndarray | None = None
        self.excess = np.zeros(len(self._capacity))

    def add(self, energies: np.ndarray, kinetic: np.ndarray, heat: np.ndarray) -> None:
        """Enter a step.

        Args:
            energies: potential energies, eV, (M,).
            kinetic: kinetic energies, eV, (M,).
            heat: what the thermostat gave since the start of the phase, eV, (M,).
        """
        total = energies + kinetic - heat
        if self._total is not None:
            self.excess = self._kept * self.excess + (total - self._total)
        self._total = total

    @property
    def rise_k(self) -> np.ndarray:
        """The excess as the warming that it means, K, (M,); NaN where no degrees of freedom are left."""
        return self.excess / self._capacity

    def keep(self, runs: np.ndarray, atoms: np.ndarray) -> None:
        """Go on with the `runs` (M,) bool alone; `atoms` (A,) bool are theirs."""
        self._capacity, self.excess = self._capacity[runs], self.excess[runs]
        self._total = None if self._total is None else self._total[runs]
