"""A data set: a directory with one HDF5 file for each trajectory letter, and the one shipped with compcalc."""

import hashlib
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from compcalc.errors import DataError, UnknownNameError
from compcalc.records import Frames, Molecule
from compcalc.reference.plan import FILES
from compcalc.reference.store import FrameFile


def shipped_directory() -> Path:
    """Where the shipped data set lies."""
    return Path(str(files("compcalc.reference").joinpath("data")))


class DataSet:
    """Read access to a data set.

    Args:
        directory: as written by `compcalc data build`; None for the shipped one.

    Raises:
        DataError: the directory or its test file is missing.
    """

    def __init__(self, directory: Path | None = None):
        self.directory = Path(directory) if directory is not None else shipped_directory()
        if not self.directory.is_dir():
            raise DataError(f"data directory {self.directory} does not exist. Build one with `compcalc data build`.")
        self._files: dict[str, FrameFile] = {}

    def file(self, trajectory: str) -> FrameFile:
        """The file of trajectory `A` (training), `B` (test) or `C` (control).

        Raises:
            DataError: it is missing or damaged.
        """
        if trajectory not in self._files:
            self._files[trajectory] = FrameFile(self.directory / FILES[trajectory])
        return self._files[trajectory]

    def has(self, trajectory: str) -> bool:
        """Whether the file of `trajectory` exists."""
        return (self.directory / FILES[trajectory]).is_file()

    def frames(self, molecule: Molecule, trajectory: str) -> Frames:
        """The frames of one molecule.

        Raises:
            UnknownNameError: the file does not hold the molecule.
            DataError: the data are damaged, or belong to another molecule of that name.
        """
        file = self.file(trajectory)
        if molecule.name not in file.names:
            remedy = f"The data in {self.directory} do not cover it; `compcalc data build` makes data for a task."
            raise UnknownNameError("molecule", molecule.name, file.names, remedy)
        frames = file.read(molecule.name)
        if frames.molecule.smiles != molecule.smiles:
            raise DataError(
                f"{file.path}: {molecule.name} is {frames.molecule.smiles}, the task says {molecule.smiles}. "
                "Use data that were built for this task."
            )
        return frames

    @cached_property
    def atomic_energies(self) -> dict[str, float]:
        """Element symbol -> E0 in eV."""
        return self.file("B").description.get("atomic_energies_ev", {})

    @property
    def description(self) -> dict:
        """Method, seed and software of the test file."""
        return self.file("B").description

    def fingerprint(self, molecules: list[Molecule], trajectory: str) -> str:
        """Hash of the data of `molecules` in `trajectory`."""
        file = self.file(trajectory)
        lines = [f"{m.name} {file.checksum(m.name)}" for m in molecules if m.name in file.names]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
