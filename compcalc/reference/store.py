"""The HDF5 store: one group a molecule (`alkane/07`), one file a trajectory, a SHA-256 for each group.

Positions and forces are stored in float32: labels are computed at the rounded positions, and rounding a force of
1 eV/angstrom changes it by 6e-5 meV/angstrom. Energies are float64.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from compcalc.errors import DataError, UnknownNameError
from compcalc.records import Frames, Molecule

_DATASETS = {
    "atomic_numbers": np.int32,
    "bonds": np.int32,
    "energy": np.float64,
    "forces": np.float32,
    "positions": np.float32,
    "start": np.int32,
}
UNITS = {"positions": "angstrom", "energy": "eV", "forces": "eV/angstrom"}


def write_frames(path: Path, groups: Iterable[Frames], attributes: dict) -> None:
    """Write `groups` to a new file at `path`, whole or not at all; `attributes` (JSON-able) describe the file."""
    import h5py

    temporary = path.with_name(f".{path.name}.partial")
    with h5py.File(temporary, "w", libver="v110") as file:
        file.attrs["description"] = json.dumps(attributes, sort_keys=True)
        file.attrs["units"] = json.dumps(UNITS)
        for frames in groups:
            _write_group(file.create_group(frames.molecule.name), frames)
    os.replace(temporary, path)


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
        with self._open() as file:
            group = file[name]
            try:
                arrays = {key: group[key][()] for key in _DATASETS}
                actual = group_checksum(group)
            except (OSError, KeyError) as error:
                raise DataError(f"{self.path}: {name} cannot be read ({error}). Build or download it again.") from error
            if actual != group.attrs["sha256"]:
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
        with self._open() as file:
            return str(file[name].attrs["sha256"])

    def _open(self):
        import h5py

        if not self.path.is_file():
            raise DataError(f"data file {self.path} does not exist. Name an existing data set, or build one.")
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise DataError(f"{self.path} is not a readable HDF5 file ({error}). Build or download it again.") from None


def _decoded(value):
    if isinstance(value, str) and value[:1] in "{[":
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value
