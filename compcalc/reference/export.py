"""Export of labelled frames to files that other programs read."""

from collections.abc import Iterable
from pathlib import Path

from ase import Atoms
from ase.io import write

from compcalc.errors import InputError
from compcalc.records import Frames

FORMATS = ("extxyz", "db")


def to_atoms(frames: Frames) -> list[Atoms]:
    """ASE Atoms with labels under the keys that MACE reads and ASE keeps.

    `info["REF_energy"]` in eV, `arrays["REF_forces"]` in eV/angstrom; `info` also has `molecule`, `smiles` and `start`.
    """
    result = []
    for positions, energy, forces, start in zip(
        frames.positions, frames.energy, frames.forces, frames.start, strict=True
    ):
        atoms = Atoms(frames.numbers, positions)
        atoms.info = {
            "REF_energy": float(energy),
            "molecule": frames.molecule.name,
            "smiles": frames.molecule.smiles,
            "start": int(start),
        }
        atoms.arrays["REF_forces"] = forces.copy()
        result.append(atoms)
    return result


def export(groups: Iterable[Frames], path: Path, file_format: str = "extxyz") -> int:
    """Write `groups` to a new file at `path`; returns the number of frames.

    Args:
        groups: frames, molecule after molecule.
        path: file to write; must not exist.
        file_format: `extxyz`, or `db` for ASE's SQLite database (labels as energy and forces, and under `data`).

    Raises:
        InputError: an unknown format, or the file exists.
    """
    if file_format not in FORMATS:
        raise InputError("format", file_format, ", ".join(FORMATS))
    if not path.absolute().parent.is_dir():
        raise InputError("output file", str(path), "a file in a directory that exists", "Make the directory first.")
    if path.exists():
        raise InputError("output file", str(path), "a path that does not exist yet", "Choose another, or delete it.")
    images = [atoms for frames in groups for atoms in to_atoms(frames)]
    temporary = path.with_name(f".{path.stem}.partial.{file_format}")
    temporary.unlink(missing_ok=True)
    if file_format == "extxyz":
        write(temporary, images, format="extxyz")
    else:
        _write_db(temporary, images)
    temporary.replace(path)
    return len(images)


def _write_db(path: Path, images: list[Atoms]) -> None:
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.db import connect

    with connect(path, type="db") as database:
        for atoms in images:
            forces = atoms.arrays.pop("REF_forces")
            energy = atoms.info["REF_energy"]
            atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
            keys = {key: atoms.info[key] for key in ("molecule", "smiles", "start")}
            database.write(atoms, key_value_pairs=keys, data={"REF_energy": energy, "REF_forces": forces})
