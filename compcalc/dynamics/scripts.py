"""Guarded runs for ASE scripts: an Atoms with a calculator in, a Trajectory out."""

from typing import Any

import numpy as np
from ase import Atoms

from compcalc.dynamics.ase_engine import run_atoms
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.observer import check_isolated
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.start import Start
from compcalc.errors import InputError
from compcalc.molecules.graph import bond_graph
from compcalc.records import Molecule, Trajectory

_ENGINE = ("checkpoint", "checkpoint_every_s", "on_progress")


def run_nve(
    atoms: Atoms, ps: float, *, bonds: np.ndarray | None = None, seed: int = 0, limits: Limits | None = None,
    **protocol: Any,
) -> Trajectory:  # fmt: skip
    """Langevin equilibration, then velocity Verlet; the atoms are left as they are.

    Args:
        atoms: a molecule with a calculator. Its masses, charges, magnetic moments and `info` are kept; velocities are
            drawn.
        ps: length of production, ps.
        bonds: bonded pairs, (B, 2); found from the geometry where they are not given.
        seed: of the random numbers.
        limits: of the guard.
        **protocol: attributes of `Protocol`: `timestep_fs`, `temperature_k`, `equilibration_ps`, `control_ps`, ...; and
            `checkpoint`, `checkpoint_every_s` and `on_progress` as of `run_protocol`.

    Returns:
        The run. How it ended is its `outcome`: an event, or an exception of the calculator, raises nothing.

    Raises:
        InputError: no calculator, constraints, a periodic cell, or a value of the protocol that cannot be used.
    """
    return _run("nve", atoms, ps, bonds, seed, limits, protocol)


def run_nvt(
    atoms: Atoms, ps: float, *, bonds: np.ndarray | None = None, seed: int = 0, limits: Limits | None = None,
    **protocol: Any,
) -> Trajectory:  # fmt: skip
    """Langevin equilibration, then Langevin dynamics; arguments, result and errors as of `run_nve`."""
    return _run("nvt", atoms, ps, bonds, seed, limits, protocol)


def run_heat(
    atoms: Atoms, ps: float, *, bonds: np.ndarray | None = None, seed: int = 0, limits: Limits | None = None,
    **protocol: Any,
) -> Trajectory:  # fmt: skip
    """Langevin equilibration, then Langevin dynamics from `temperature_k` to `final_temperature_k`; as `run_nve`."""
    return _run("heat", atoms, ps, bonds, seed, limits, protocol)


def _run(kind: str, atoms: Atoms, ps: float, bonds, seed: int, limits: Limits | None, options: dict) -> Trajectory:
    if atoms.calc is None:
        raise InputError("atoms.calc", None, "a calculator", "Set atoms.calc first.")
    if atoms.constraints:
        raise InputError("atoms.constraints", atoms.constraints, "none", "Call atoms.set_constraint() to remove them.")
    check_isolated(atoms)
    bonds = bond_graph(atoms.numbers, atoms.positions) if bonds is None else bonds
    molecule = Molecule(atoms.get_chemical_formula(), "")
    engine = {name: options.pop(name) for name in _ENGINE if name in options}
    start = Start(molecule, atoms.get_atomic_numbers(), atoms.get_positions(), np.asarray(bonds))
    return run_atoms(start, atoms, Protocol(kind, ps, **options), seed=seed, limits=limits, **engine)
