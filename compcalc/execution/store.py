"""A directory of unit results, one npz file a unit, each written whole or not at all."""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compcalc.errors import RunDirectoryError
from compcalc.execution.files import make_directory, replacing
from compcalc.execution.units import Unit

_META = "__meta__"
# What reading a file with missing or changed bytes raises; NotImplementedError is a changed zip flag.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Result:
    """What a unit produced.

    Attributes:
        arrays: name -> array.
        meta: JSON-able facts.
        cost: seconds, cpu_seconds and memory_mib of the unit, as stored; empty for a result that was never stored.
        lost: how its task was lost, where the result stands for one that was; else None.
    """

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    lost: str | None = None


class ResultStore:
    """Results by unit id below `directory`.

    A directory that is removed while the store is in use is not made again: half of the results would be missing in it.
    """

    def __init__(self, directory: Path):
        self.directory = Path(directory)
        self._was_there = self.directory.is_dir()

    def path(self, unit: Unit) -> Path:
        """Where the result of `unit` lies."""
        return self.directory / f"{unit.id}.npz"

    def write(self, unit: Unit, result: Result, *, cost: Mapping[str, float] | None = None, lost: str | None = None):
        """Write the result under a temporary name, flush it to the disk, then give it its own name.

        Args:
            unit: whose result it is.
            result: arrays and facts.
            cost: what it took.
            lost: how its task was lost; None where it was not.

        Raises:
            CannotWriteError: the disk is full, or the directory cannot be written.
            RunDirectoryError: the directory was removed.
        """
        path = self.path(unit)
        if self._was_there and not self.directory.is_dir():
            raise RunDirectoryError(
                f"{self.directory} was removed while results were written to it, and what it held is gone. "
                "Give the same command again to compute it anew."
            )
        make_directory(path.parent)
        header = {"unit": unit.id, "hash": unit.hash, "meta": dict(result.meta), "cost": dict(cost or {}), "lost": lost}
        meta = json.dumps(header)
        arrays = {**result.arrays, _META: np.frombuffer(meta.encode(), dtype=np.uint8)}
        with replacing(path) as file:
            np.savez_compressed(file, **arrays)

    def read(self, unit: Unit) -> Result | None:
        """The result of `unit`; None where there is none, it is damaged, or it belongs to other settings."""
        try:
            with self.path(unit).open("rb") as raw, np.load(raw) as file:
                arrays = {name: file[name] for name in file.files if name != _META}
                header = json.loads(file[_META].tobytes())
            if header["hash"] != unit.hash:
                return None
            return Result(arrays, header["meta"], header["cost"], header["lost"])
        except _DAMAGE:
            return None
