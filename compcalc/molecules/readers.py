"""The user's own molecules: SMILES, family names, xyz, extxyz, sdf and mol files, directories of such files."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from compcalc.errors import InputError, MoleculeError
from compcalc.molecules.build3d import EMBED_TIMEOUT_S
from compcalc.molecules.families import named_molecule
from compcalc.molecules.own import OwnMolecule, Refusal, from_atoms, from_smiles, own_molecule
from compcalc.molecules.sdf_files import sdf_molecules
from compcalc.molecules.smiles import parse_smiles
from compcalc.molecules.xyz_files import xyz_frames
from compcalc.records import Molecule

__all__ = ["FILE_TYPES", "OwnMolecule", "Refusal", "own_molecule", "read_molecules"]

FILE_TYPES = (".xyz", ".extxyz", ".sdf", ".mol")
"""File types that are read, upper or lower case."""


def read_molecules(
    sources: Sequence[str], *, seed: int = 0, timeout_s: int = EMBED_TIMEOUT_S
) -> tuple[list[OwnMolecule], list[Refusal]]:
    """Read every molecule of `sources`; one that cannot be used becomes a refusal and costs no other.

    A source is tried as a family name (`alkane/07`), an existing directory, an existing file of `FILE_TYPES`, a SMILES,
    in this order. A file may hold several frames or molecules, each of which becomes a molecule.

    Names are unique, also as file names on systems that ignore case: a SMILES is its own name, frame k of a file is
    `stem#k`, the first one `stem`; where a name is taken, the number goes up.

    Args:
        sources: what to read.
        seed: seed of the embedding of SMILES and family molecules.
        timeout_s: time limit of one embedding, whole seconds.

    Returns:
        The molecules, and what was refused, each in the order of `sources`.
    """
    sources = [sources] if isinstance(sources, (str, os.PathLike)) else sources
    molecules: list[OwnMolecule] = []
    refusals: list[Refusal] = []
    taken: set[str] = set()
    for source in sources:
        for item in _read(str(source).strip(), seed, timeout_s):
            if isinstance(item, Refusal):
                refusals.append(item)
            else:
                molecules.append(_with_free_name(item, taken))
    return molecules, refusals


def _read(source: str, seed: int, timeout_s: int) -> Iterator[OwnMolecule | Refusal]:
    path = os.path.expanduser(source)
    try:
        if family := _family_molecule(source, path):
            yield from_smiles(family, seed=seed, timeout_s=timeout_s)
        elif os.path.isdir(path):
            yield from _read_directory(Path(path))
        elif os.path.isfile(path) and _readable(path):
            yield from _read_file(Path(path))
        else:
            yield from_smiles(_smiles_molecule(source, path), seed=seed, timeout_s=timeout_s)
    except MoleculeError as error:
        yield Refusal(source, error.reason, error.remedy)
    except OSError as error:
        yield Refusal(source, f"cannot be opened ({error.strerror or error})")


def _family_molecule(source: str, path: str) -> Molecule | None:
    """The family molecule called `source`; None where it has another form.

    Raises:
        MoleculeError: it has the form of a family name, is no path, and there is no such molecule.
    """
    try:
        return named_molecule(source)
    except InputError as error:
        if error.argument == "molecule" or os.path.exists(path):
            return None
        raise MoleculeError(source, f"neither a file nor a directory nor a family molecule ({error})") from None


def _smiles_molecule(source: str, path: str) -> Molecule:
    """The molecule whose SMILES is `source`.

    Raises:
        MoleculeError: it is empty, or neither a path that can be read nor a SMILES.
    """
    if not source:
        raise MoleculeError(source, "empty name", "Give a SMILES, a family name such as alkane/07, or a file.")
    kinds = ", ".join(FILE_TYPES)
    # RDKit takes what follows a blank for a comment, so that "C is missing" would be methane.
    if len(source.split()) == 1 and _parses(source):
        return Molecule(source, source)
    if os.path.isfile(path):
        raise MoleculeError(source, f"a file of a type that is not read, and no valid SMILES; file types: {kinds}")
    raise MoleculeError(
        source,
        "neither an existing file or directory nor a valid SMILES",
        f"Check the path ({kinds}), or the SMILES: brackets, ring closures and valences.",
    )


def _parses(smiles: str) -> bool:
    """Whether RDKit parses it; one that parses and cannot be used counts, and is refused with its own reason later."""
    try:
        parse_smiles(smiles)
    except MoleculeError as error:
        return error.reason != "not a valid SMILES"
    return True


def _readable(path: str | Path) -> bool:
    return Path(path).suffix.lower() in FILE_TYPES


def _read_directory(folder: Path) -> Iterator[OwnMolecule | Refusal]:
    paths = sorted(path for path in folder.iterdir() if path.is_file() and _readable(path) and path.name[0] != ".")
    if not paths:
        yield Refusal(str(folder), f"directory without any file of the types {', '.join(FILE_TYPES)}")
    for path in paths:
        try:
            yield from _read_file(path)
        except OSError as error:
            yield Refusal(str(path), f"cannot be opened ({error.strerror or error})")


def _read_file(path: Path) -> Iterator[OwnMolecule | Refusal]:
    sdf = path.suffix.lower() in (".sdf", ".mol")
    what, k = ("molecule" if sdf else "frame"), 0
    for k, item in enumerate(sdf_molecules(path) if sdf else xyz_frames(path), start=1):
        try:
            yield _file_molecule(item, path.stem if k == 1 else f"{path.stem}#{k}")
        except MoleculeError as error:
            yield Refusal(str(path), f"{what} {k}: {error.reason}", error.remedy)
    if not k:
        yield Refusal(str(path), "empty file")


def _file_molecule(item, name: str) -> OwnMolecule:
    if isinstance(item, MoleculeError):
        raise item
    if isinstance(item, OwnMolecule):
        return replace(item, molecule=replace(item.molecule, name=name))
    return from_atoms(item, name)


def _with_free_name(item: OwnMolecule, taken: set[str]) -> OwnMolecule:
    """`item` under a name whose file stem is not in `taken`, which is added to it."""
    base, hash_sign, number = item.molecule.name.rpartition("#")
    numbered = bool(hash_sign) and number.isdecimal() and item.molecule.smiles != item.molecule.name
    base, k = (base, int(number)) if numbered else (item.molecule.name, 1)
    molecule = item.molecule
    while molecule.file_stem.casefold() in taken:
        k += 1
        molecule = replace(molecule, name=f"{base}#{k}")
    taken.add(molecule.file_stem.casefold())
    return replace(item, molecule=molecule)
