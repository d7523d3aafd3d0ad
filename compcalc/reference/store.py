"""The HDF5 store: one group a molecule (`alkane/07`), one file a trajectory, a SHA-256 for each group.

Positions and forces are stored in float32: labels are computed at the rounded positions, and rounding a force of
1 eV/angstrom changes it by 6e-5 meV/angstrom. Energies are float64.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from compcalc.errors import DataError, InputError, UnknownNameError
from compcalc.records import Frames, Molecule

_DATASETS = {
    "atomic_numbers": np.int32,
    "bonds": np.int32,
    "energy": np.float64,
    "forces": np.float32,
    "positions": np.float32,
    "start": np.int32,
}
# What h5py and JSON raise on missing or changed bytes.
_DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError)
UNITS = {"positions": "angstrom", "energy": "eV", "forces": "eV/angstrom"}


def write_frames(path: Path, groups: Iterable[Frames], attributes: dict) -> None:
    """Write `groups` to a new file at `path`, whole or not at all; `attributes` (JSON-able) describe the file."""
    import h5py

    temporary = path.with_name(f".{path.name}.partial")
    try:
        with h5py.File(temporary, "w", libver="v110") as file:
            file.attrs["description"] = json.dumps(attributes, sort_keys=True)
            file.attrs["units"] = json.dumps(UNITS)
            for frames in groups:
                _write_group(file.create_group(_group_name(frames.molecule)), frames)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _group_name(molecule: Molecule) -> str:
    """The name, which HDF5 takes for a path of groups."""
    parts = molecule.name.split("/")
    if "\0" in molecule.name or not all(parts) or {".", ".."} & {*parts} or {*_DATASETS} & {*parts[1:]}:
        raise InputError(
            "molecule", molecule.name, "a name whose parts between slashes are not empty, dots or names of data"
        )
    return molecule.name


def _write_group(group, frames: Frames) -> None:
    arrays = {
        "atomic_numbers": frames.numbers,
        "bonds": frames.bonds,
        "energy": frames.energy,
        "forces": frames.forces,
        "positions": frames.positions,
        "start": frames.start,
    }
    for name, dtype in _DATASETS.items():
        data = np.ascontiguousarray(arrays[name], dtype=dtype)
        # Without modification times the same data give the same file, byte for byte.
        group.create_dataset(name, data=data, compression="gzip", compression_opts=9, shuffle=True, track_times=False)
    group.attrs["smiles"] = frames.molecule.smiles
    group.attrs["units"] = json.dumps(UNITS)
    for name, value in frames.attributes.items():
        group.attrs[name] = value if isinstance(value, (str, int, float)) else json.dumps(value, sort_keys=True)
    group.attrs["sha256"] = group_checksum(group)


def group_checksum(group) -> str:
    """SHA-256 over names, types, shapes and bytes of a group's datasets and its SMILES, as 64 hex digits."""
    digest = hashlib.sha256(str(group.attrs["smiles"]).encode())
    for name in sorted(_DATASETS):
        data = np.ascontiguousarray(group[name][()])
        digest.update(f"{name}:{data.dtype.str}:{data.shape}:".encode())
        digest.update(data.tobytes())
    return digest.hexdigest()


class FrameFile:
    """Read access to one HDF5 file of the store.

    Raises:
        DataError: the file is missing or is no HDF5 file.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        with self._open() as file:
            found = []
            file.visititems(lambda name, item: found.append(name) if "sha256" in item.attrs else None)
            self.names: list[str] = sorted(found)
            self.description: dict = json.loads(file.attrs.get("description", "{}"))

    def read(self, name: str) -> Frames:
        """The frames of molecule `name`, checked against its checksum.

        Raises:
            UnknownNameError: no such molecule.
            DataError: the checksum does not fit.
        """
        if name not in self.names:
            raise UnknownNameError("molecule", name, self.names, f"These are the molecules of {self.path.name}.")
        with self._open(name) as file:
            group = file[name]
            arrays = {key: group[key][()] for key in _DATASETS}
            if group_checksum(group) != group.attrs["sha256"]:
                raise DataError(f"{self.path}: {name} does not fit its checksum. Build or download it again.")
            attributes = {key: _decoded(value) for key, value in group.attrs.items() if key != "smiles"}
            smiles = str(group.attrs["smiles"])
        return Frames(
            molecule=Molecule(name, smiles),
            numbers=arrays["atomic_numbers"],
            positions=arrays["positions"].astype(np.float64),
            energy=arrays["energy"],
            forces=arrays["forces"].astype(np.float64),
            bonds=arrays["bonds"],
            start=arrays["start"],
            attributes=attributes,
        )

    def checksum(self, name: str) -> str:
        """The stored SHA-256 of molecule `name`."""
        with self._open(name) as file:
            return str(file[name].attrs["sha256"])

    @contextmanager
    def _open(self, name: str = ""):
        import h5py

        if not self.path.is_file():
            raise DataError(f"data file {self.path} does not exist. Name an existing data set, or build one.")
        try:
            with h5py.File(self.path, "r") as file:
                yield file
        except _DAMAGE as error:
            where = f"{self.path}: {name} cannot be read" if name else f"{self.path} is not a readable HDF5 file"
            raise DataError(f"{where} ({error}). Build or download it again.") from error


def _decoded(value):
    if isinstance(value, str) and value[:1] in "{[":
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value
