"""Trajectories as files that ASE and the programs around it read."""

from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.io import write

from compcalc.records import Trajectory


def to_atoms(trajectory: Trajectory) -> list[Atoms]:
    """One ASE Atoms a stored frame, with momenta, and `time_fs`, `molecule` and `protocol` in `info`."""
    frames = []
    for time_fs, positions, velocities in zip(
        trajectory.frame_time_fs, trajectory.positions, trajectory.velocities, strict=True
    ):
        atoms = Atoms(trajectory.numbers, positions)
        atoms.set_velocities(velocities / units.fs)
        atoms.info = {
            "time_fs": float(time_fs),
            "molecule": trajectory.molecule.name,
            "protocol": trajectory.protocol,
        }
        frames.append(atoms)
    return frames


def write_extxyz(path: Path, trajectory: Trajectory) -> None:
    """Write the stored frames to `path`, whole or not at all; a trajectory without frames writes nothing.

    Frames with NaN positions, which a failed run may end on, are left out.
    """
    _write(path, to_atoms(trajectory))


def event_atoms(trajectory: Trajectory) -> list[Atoms]:
    """One ASE Atoms an event frame, without momenta; `time_fs` counts from the start of `phase`.

    `info` also holds `outcome`, `cause` and `energy_ev`, the potential energy, where there is one.
    """
    frames, outcome = [], trajectory.outcome
    for time_fs, positions, energy in zip(
        trajectory.event_time_fs, trajectory.event_positions, trajectory.event_energy, strict=True
    ):
        atoms = Atoms(trajectory.numbers, positions)
        atoms.info = {
            "time_fs": float(time_fs),
            "phase": outcome.phase,
            "molecule": trajectory.molecule.name,
            "protocol": trajectory.protocol,
            "outcome": str(outcome.kind),
            "cause": outcome.cause,
        }
        if np.isfinite(energy):
            atoms.info["energy_ev"] = float(energy)
        frames.append(atoms)
    return frames


def write_event_extxyz(path: Path, trajectory: Trajectory) -> None:
    """Write the event frames to `path` in the same way; a run that completed writes nothing."""
    _write(path, event_atoms(trajectory))


def _write(path: Path, frames: list[Atoms]) -> None:
    frames = [atoms for atoms in frames if np.isfinite(atoms.positions).all()]
    if not frames:
        return
    temporary = path.with_name(f".{path.name}.partial")
    write(temporary, frames, format="extxyz")
    temporary.replace(path)
