"""The guard on anybody's ASE dynamics."""

import numpy as np
from ase import units
from ase.md.md import MolecularDynamics
from ase.md.verlet import VelocityVerlet

from compcalc.dynamics.balance import Balance
from compcalc.dynamics.guard import Guard
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.protocols import Protocol
from compcalc.errors import InputError, Unstable
from compcalc.metrics.temperature import temperature
from compcalc.molecules.graph import bond_graph
from compcalc.records import Outcome


class Observer:
    """Looks at every step of a dynamics and ends it where the guard calls an event.

    Energy from nowhere is looked for under velocity Verlet alone: what another integrator's thermostat gives is not
    known here. Temperatures are counted over 3N degrees of freedom.

    Args:
        dynamics: of a molecule without a cell; the observer attaches itself to it.
        bonds: bonded pairs, (B, 2); found from the geometry where they are not given.
        limits: of the guard.
        raises: whether an event raises `Unstable`; without, it ends the run after its step, and `outcome` says why.

    Attributes:
        outcome: how the run ended; None while nothing has happened.

    Raises:
        InputError: it is no molecular dynamics, or the atoms are periodic.
    """

    def __init__(
        self, dynamics: MolecularDynamics, *, bonds: np.ndarray | None = None, limits: Limits | None = None,
        raises: bool = True,
    ):  # fmt: skip
        if not isinstance(dynamics, MolecularDynamics):
            raise InputError("dynamics", type(dynamics).__name__, "a dynamics of ase.md", "Attach it to that.")
        check_isolated(dynamics.atoms)
        self.outcome: Outcome | None = None
        self._dynamics, self._raises, self._first = dynamics, raises, dynamics.nsteps
        atoms = dynamics.atoms
        bonds = bond_graph(atoms.numbers, atoms.positions) if bonds is None else bonds
        self._guard = Guard(atoms.numbers, bonds, limits, atoms.get_positions())
        self._balance = None
        if isinstance(dynamics, VelocityVerlet):
            self._balance = Balance([len(atoms)], [3 * len(atoms)], Protocol("nve", 1.0), thermostat=False)
        dynamics.attach(self, interval=1)

    def __call__(self) -> None:
        """Look at the step that was just made; ASE calls this.

        Raises:
            Unstable: the guard calls an event, and `raises`.
        """
        dynamics, atoms = self._dynamics, self._dynamics.atoms
        time_fs = (dynamics.nsteps - self._first) * dynamics.dt / units.fs
        kinetic, forces, energy = atoms.get_kinetic_energy(), atoms.get_forces(), atoms.get_potential_energy()
        state = (atoms.get_positions(), atoms.get_velocities(), energy, forces)
        rise_k = np.nan
        if self._balance is not None:
            self._balance.add(state[0], np.array(forces), np.array([energy]), np.array([kinetic]), np.zeros(1))
            rise_k = self._balance.rise_k[0]
        outcome = self._guard.check(time_fs, *state, temperature(kinetic, 3 * len(atoms)), rise_k)
        if outcome is None or self.outcome is not None:
            return
        self.outcome = outcome
        if self._raises:
            raise Unstable(outcome)
        dynamics.max_steps = dynamics.nsteps


def check_isolated(atoms) -> None:
    """Refuse atoms in a periodic cell.

    Raises:
        InputError: they are periodic.
    """
    if np.any(atoms.pbc):
        raise InputError("atoms.pbc", atoms.pbc.tolist(), "no periodic direction", "Set atoms.pbc = False.")
