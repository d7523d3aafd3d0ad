"""ASE's BAOAB Langevin dynamics, in the units of `Protocol`."""

import numpy as np
from ase import Atoms, units
from ase.md.langevinbaoab import LangevinBAOAB

from compcalc.dynamics.protocols import Protocol


class AseLangevin(LangevinBAOAB):
    """BAOAB at a fixed cell; its step gives the forces, as that of VelocityVerlet.

    Args:
        atoms: with a calculator, which is asked for the forces at once.
        protocol: for its time step, friction and temperatures.
        rng: where the random numbers come from.
        phase: `production`, in which `heat` warms, or `equilibration`.

    Attributes:
        heat: what the thermostat gave so far, eV.
    """

    def __init__(self, atoms: Atoms, protocol: Protocol, rng: np.random.Generator, phase: str):
        friction = protocol.friction_per_fs / units.fs
        super().__init__(
            atoms,
            protocol.timestep_fs * units.fs,
            # Without friction there is no thermostat, which ASE is told by giving no temperature.
            temperature_K=protocol.temperature_k if friction else None,
            T_tau=1 / friction if friction else None,
            # Says nothing at a fixed cell, but spares a matrix exponential a step.
            hydrostatic=True,
            rng=rng,
        )
        self.heat = 0.0
        self._protocol, self._made, self._generator = protocol, 0, rng
        self._warms = protocol.ensemble == "heat" and phase == "production"

    def step(self, forces=None) -> np.ndarray:
        """Make a time step; forces at its end, eV/angstrom, (N, 3)."""
        self._made += 1
        if self._warms:
            self.set_temperature(self._protocol.thermostat_k(self._made))
        super().step()
        return self.atoms.get_forces()

    def state(self) -> dict:
        """What the next step depends on, besides the atoms, for `restore`."""
        return {"heat": self.heat, "made": self._made, "accel": self.accel, "rng": self._generator.bit_generator.state}

    def restore(self, state: dict) -> None:
        """Go on from the state of the same phase; the atoms must be where they were."""
        self.heat, self._made, self.accel = state["heat"], state["made"], state["accel"]
        self._generator.bit_generator.state = state["rng"]

    def _BAOAB_OU(self, drag_gamma_mod=0.0):
        before = self.atoms.get_kinetic_energy()
        super()._BAOAB_OU(drag_gamma_mod)
        self.heat += self.atoms.get_kinetic_energy() - before
