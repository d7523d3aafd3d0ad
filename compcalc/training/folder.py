"""The folder of one training: what was asked for, what is done, and the time that it took.

`request.json` says what is trained; a folder that says something else is refused. `work/` is the fit's own.
`fit.json` is written when the fit has ended, the card when the model has been evaluated.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from compcalc.calculators.model_file import file_hash
from compcalc.errors import RunDirectoryError
from compcalc.training.architecture import Architecture, Fit, Job, Progress
from compcalc.training.card import FittedModel
from compcalc.training.request import differences

CARD, REQUEST, FIT = "card.json", "request.json", "fit.json"
PROGRESS = "seconds.json"
"""Wall time and progress of a fit that has not ended."""


def folder_name(architecture: str, settings: Any, task: str, variant: str, seed: int, frames: int | None = None) -> str:
    """Name of the folder of one training: architecture, what its settings call themselves, frames, task and seed."""
    few = "" if frames is None else f"{frames}-frames"
    words = "-".join(filter(None, [architecture, getattr(settings, "label", ""), few, task, variant, str(seed)]))
    return "".join(c if c.isalnum() or c in "._" else "-" for c in words)


class TrainingFolder:
    """One architecture, task and seed.

    Args:
        path: of the folder; made when it is opened.
        architecture: what is trained.
        request: everything that determines the result, JSON-able.
    """

    def __init__(self, path: Path, architecture: Architecture, request: Mapping[str, Any]):
        self.path, self.architecture = path, architecture
        self.request = _as_read(request)
        self.model = path / architecture.file.format(name=path.name)

    @property
    def spec(self) -> str:
        """By which the model is loaded."""
        return f"{self.architecture.scheme}:{self.model}"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make the folder, or take up one that holds the same training, and keep others out of it meanwhile.

        Raises:
            RunDirectoryError: it cannot be written, holds another training or other files, or another process trains in
                it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise RunDirectoryError(f"{self.path}: another process trains here. Wait for it, or stop it.") from None
        except OSError as error:
            raise RunDirectoryError(
                f"{self.path} cannot be written ({error.strerror}). Choose another directory with --out."
            ) from error
        try:
            self._refuse_other()
            write_json(self.path / REQUEST, self.request)
            yield
        finally:
            lock.release()

    def finished(self) -> FittedModel | None:
        """The record of a training that was ended before; None where there is none.

        Raises:
            RunDirectoryError: the card cannot be read, or the model is not the one that it describes.
        """
        card = self.path / CARD
        if not card.is_file():
            return None
        try:
            record = FittedModel.from_card(_read(card))
        except TypeError as error:
            raise RunDirectoryError(
                f"{card} is no model card ({error}). Delete {self.path} and train again."
            ) from error
        if not self.model.is_file() or file_hash(self.model) != record.sha256:
            raise RunDirectoryError(
                f"{self.model} is not the model of {card.name}. Put it back, or delete {self.path} and train again."
            )
        return record

    def fit(self, job: Job, settings: Any) -> tuple[Fit, float]:
        """Fit, or take what an earlier session has fitted; puts the model in its place.

        Returns:
            the fit, its files in this folder; wall time over all sessions, s.
        """
        done = self.path / FIT
        if not done.is_file():
            watch = _Watch(self.path / PROGRESS)
            told = watch.also(job.on_progress)
            job = replace(job, directory=self.path / "work", on_progress=told, spent_seconds=watch.before)
            job.directory.mkdir(exist_ok=True)
            fitted = self.architecture.fit(job, settings)
            moved = self._in_place(fitted)
            content = {**asdict(moved), "model": moved.model.name, "beside": [path.name for path in moved.beside]}
            write_json(done, {**content, "seconds": watch.stop()})
        found = _read(done)
        seconds = found.pop("seconds")
        found["model"] = self.path / found["model"]
        found["beside"] = tuple(self.path / name for name in found["beside"])
        return Fit(**{**found, "notes": tuple(found["notes"])}), seconds

    def finish(self, record: FittedModel) -> None:
        """Write the card; the training is done."""
        write_json(self.path / CARD, record.card())

    def _in_place(self, fitted: Fit) -> Fit:
        beside = tuple(self.path / path.name for path in fitted.beside)
        for source, target in zip((*fitted.beside, fitted.model), (*beside, self.model), strict=True):
            partial = target.with_name(f".{target.name}.partial")
            shutil.copyfile(source, partial)
            os.replace(partial, target)
        return replace(fitted, model=self.model, beside=beside)

    def _refuse_other(self) -> None:
        request = self.path / REQUEST
        if not request.is_file():
            strange = sorted(entry.name for entry in self.path.iterdir() if not entry.name.startswith("."))
            if strange:
                raise RunDirectoryError(f"{self.path} holds other files ({strange[0]}). Choose another with --out.")
            return
        for what, there, here in differences_from(self.path, self.request):
            raise RunDirectoryError(
                f"{self.path} holds another training: {what} is {there!r} there and {here!r} here. Choose another "
                "directory with --out, or delete this one."
            )


class _Watch:
    """Wall time over the sessions of a fit, kept on disk at each sign of progress, with how far the fit is.

    Attributes:
        before: wall time of earlier sessions, s.
    """

    def __init__(self, path: Path):
        self._path = path
        self.before = float(_read(path)["seconds"]) if path.is_file() else 0.0
        self._started = time.perf_counter()

    def also(self, on_progress):
        """`on_progress`, which keeps the time as well."""

        def told(progress: Progress) -> None:
            write_json(self._path, {"seconds": self._total(), **asdict(progress)})
            on_progress(progress)

        return told

    def stop(self) -> float:
        """All seconds; the file is not needed any more."""
        self._path.unlink(missing_ok=True)
        return self._total()

    def _total(self) -> float:
        return round(self.before + time.perf_counter() - self._started, 2)


def differences_from(folder: Path, request: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Name and both values, there and here, of everything in which the training in a folder is another one.

    Raises:
        RunDirectoryError: what was asked for there cannot be read.
    """
    return list(differences(_read(folder / REQUEST), _as_read(request)))


def _as_read(request: Mapping[str, Any]) -> dict[str, Any]:
    """As it will be read: tuples are lists in JSON."""
    return dict(json.loads(json.dumps(request)))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    os.replace(partial, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise RunDirectoryError(f"{path} cannot be read ({error}). Delete {path.parent} and train again.") from error
