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
    frames = [atoms for atoms in to_atoms(trajectory) if np.isfinite(atoms.positions).all()]
    if not frames:
        return
    temporary = path.with_name(f".{path.name}.partial")
    write(temporary, frames, format="extxyz")
    temporary.replace(path)
