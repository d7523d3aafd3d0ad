"""A finished run for a notebook."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compcalc.errors import RunDirectoryError, UnknownNameError
from compcalc.results.places import read_run, run_folder

if TYPE_CHECKING:
    from ase import Atoms
    from pandas import DataFrame

RunKey = tuple[str, str, int]
"""Molecule, protocol and replica of an MD run."""


def load_run(path: str | Path, name: str | None = None) -> "LoadedRun":
    """A finished run, from its run directory alone; no potential and no data set are needed.

    Args:
        path: a run directory, or the folder of one of the runs that it holds.
        name: which run, where the directory holds several.

    Raises:
        RunDirectoryError: no run directory, several runs and no name, or a run that has not ended.
        UnknownNameError: no run of that name.
    """
    folder = run_folder(path, name)
    manifest, metrics = read_run(folder)
    return LoadedRun(folder, manifest, metrics)


@dataclass(frozen=True, repr=False)
class LoadedRun:
    """What a run left. Frames are pandas', and name their units in `frame.attrs["units"]` by column.

    Attributes:
        path: folder of its outputs.
        manifest: content of run.json.
        metrics: content of metrics.json; `compcalc schema` describes it.
    """

    path: Path
    manifest: Mapping[str, Any]
    metrics: Mapping[str, Any]

    def __repr__(self) -> str:
        counts = f"{len(self._static)} molecules, {len(self._runs)} MD runs"
        return f"<LoadedRun {self.name}: {counts} in {str(self.path)!r}>"

    @property
    def name(self) -> str:
        """Of the run in its directory."""
        return str(self.manifest.get("name"))

    @cached_property
    def molecules(self) -> "DataFrame":
        """One row a molecule and split: its static metrics that are one number. Empty where none were computed."""
        from compcalc.results.frames import rows_frame

        return rows_frame(self._static, "static_molecule")

    @cached_property
    def md_runs(self) -> "DataFrame":
        """One row an MD run: how it ended, and its metrics that are one number. Empty where none was made."""
        from compcalc.results.frames import rows_frame

        return rows_frame(self._runs, "md_run")

    @cached_property
    def reference_runs(self) -> "DataFrame":
        """The same of the MD runs of the reference method. Empty where none was made."""
        from compcalc.results.frames import rows_frame

        return rows_frame(self._reference_runs, "md_run")

    @cached_property
    def table(self) -> "DataFrame":
        """Every metric in tidy form, as in metrics.csv: one row a molecule or MD run and metric, units in a column."""
        from compcalc.results.frames import tidy_frame

        return tidy_frame(self.metrics, self.manifest)

    @cached_property
    def predictions(self) -> "DataFrame":
        """One row a frame: reference and predicted energy, eV, and the force MAE. Empty where none were made.

        Raises:
            RunDirectoryError: their files are missing.
        """
        from compcalc.results.frames import predictions_frame

        return predictions_frame(self.predicted)

    @cached_property
    def forces(self) -> "DataFrame":
        """One row an atom and frame: reference and predicted force, eV/angstrom. Empty where none were made.

        Raises:
            RunDirectoryError: the files of the predictions are missing.
        """
        from compcalc.results.frames import forces_frame

        return forces_frame(self.predicted)

    @property
    def trajectories(self) -> "Trajectories":
        """Molecule, protocol and replica -> frames of the MD run as ASE Atoms, read when they are asked for."""
        return Trajectories(self.path, self._runs)

    @property
    def reference_trajectories(self) -> "Trajectories":
        """The same of the MD runs of the reference method."""
        return Trajectories(self.path, self._reference_runs, before="reference-")

    @property
    def events(self) -> "Trajectories":
        """The same of the last steps of each run that did not complete."""
        return Trajectories(self.path, self._runs, after=".event")

    @property
    def _static(self) -> list[Mapping[str, Any]]:
        return (self.metrics.get("static") or {}).get("molecules") or []

    @property
    def _runs(self) -> list[Mapping[str, Any]]:
        return (self.metrics.get("md") or {}).get("runs") or []

    @property
    def _reference_runs(self) -> list[Mapping[str, Any]]:
        return ((self.metrics.get("md") or {}).get("reference") or {}).get("runs") or []

    @cached_property
    def predicted(self) -> "list[Atoms]":
        """Every frame with reference and prediction, ID first, as `pipeline.predictions` writes them.

        Raises:
            RunDirectoryError: their files are missing.
        """
        from ase.io import read

        images = []
        for row in self._static:
            path = self.path / "predictions" / f"{_stem(row['molecule'])}-{row['split']}.extxyz"
            if not path.is_file():
                raise RunDirectoryError(
                    f"{path} is missing, as in a run of an earlier version. Give the command of the run again to write "
                    f"it, nothing is computed anew: {self.manifest.get('command')}"
                )
            # The names from metrics.json: extended XYZ reads the SMILES F as a flag.
            names = {key: row[key] for key in ("molecule", "smiles", "split")}
            for atoms in read(path, ":"):
                atoms.info |= names
                images.append(atoms)
        return images


class Trajectories(Mapping):
    """Molecule, protocol and replica of the MD runs that have stored frames -> list of ASE Atoms.

    Args:
        path: folder of the outputs of a run.
        runs: rows of its MD runs.
        before: what the names of the files begin with.
        after: what they end with, `.event` for the last steps of runs that did not complete.
    """

    def __init__(self, path: Path, runs: list[Mapping[str, Any]], *, before: str = "", after: str = ""):
        keys: list[RunKey] = [(run["molecule"], run["protocol"], run["replica"]) for run in runs]
        names = {key: f"{before}{_stem(key[0])}-{key[1]}-{key[2]}{after}.extxyz" for key in keys}
        paths = {key: path / "trajectories" / name for key, name in names.items()}
        self.paths = {key: file for key, file in paths.items() if file.is_file()}

    def __getitem__(self, key: RunKey) -> "list[Atoms]":
        from ase.io import read

        if key not in self.paths:
            raise UnknownNameError("trajectory", str(key), map(str, self.paths))
        return read(self.paths[key], ":")

    def __iter__(self) -> Iterator[RunKey]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        names = [*map(str, list(self)[:3]), *(["..."] if len(self) > 3 else [])]
        return f"<{len(self)} trajectories{': ' if names else ''}{', '.join(names)}>"


def _stem(molecule: str) -> str:
    from compcalc.records import Molecule

    return Molecule(molecule, "").file_stem
