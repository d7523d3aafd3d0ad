"""A run directory: which runs it holds, and the rule that a name stands for one run.

    runs.json       the runs, by name: settings, what determines their results, who advances with whom
    units/          results of the work units of all runs
    log.jsonl       one line an event
    workers.txt     what the potentials printed

and the outputs of each run: in the directory itself where it is the only one, else in a folder of its name.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from compcalc.errors import RunDirectoryError
from compcalc.execution.files import PARTIAL, CannotWriteError, make_directory, replacing
from compcalc.execution.log import LOG

INDEX = "runs.json"
MANIFEST = "run.json"
UNITS = "units"
WORKER_OUTPUT = "workers.txt"
_FORMAT = 1
_LOCK = ".lock"
_LOCK_TIMEOUT_S = 60.0
_OUTPUT_LOCK = ".outputs.lock"
_OUTPUT_TIMEOUT_S = 600.0


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON whole or not at all."""
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with replacing(path) as file:
        file.write(text.encode())


class RunDirectory:
    """The runs of one directory.

    Args:
        path: of the directory; nothing is written until `add`.

    Raises:
        RunDirectoryError: it holds other files than ours, or an index that cannot be read.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._refuse_foreign()
        self.runs()

    def runs(self) -> dict[str, dict[str, Any]]:
        """Name -> what was kept of it by `add`; in the order in which they were added."""
        index = self.path / INDEX
        try:
            if not index.exists():
                return {}
            content = json.loads(index.read_text())
        except (OSError, ValueError) as error:
            raise RunDirectoryError(
                f"{index} cannot be read ({error}). Choose another directory with --out."
            ) from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise RunDirectoryError(
                f"{index} is of another format than this version of compcalc writes. Choose another with --out."
            )
        return content["runs"]

    def add(self, name: str, facts: Mapping[str, Any], make: Callable[[dict | None], dict[str, Any]]) -> dict[str, Any]:
        """Enter a run, or find that it is there; several processes may do so at the same time.

        Args:
            name: of the run.
            facts: what determines its results; JSON-able.
            make: told the entry that is there, or None; gives what is to be kept beside `facts`.

        Returns:
            the entry.

        Raises:
            RunDirectoryError: a run of that name was made from other facts, or the directory cannot be written.
        """
        self._make()
        facts = json.loads(json.dumps(facts))
        with self._locked():
            runs = self.runs()
            earlier = runs.get(name)
            if earlier is not None:
                self._refuse_other(name, earlier["facts"], facts)
            runs[name] = {"facts": _merged(earlier["facts"], facts) if earlier else facts, **make(earlier)}
            write_json(self.path / INDEX, {"format": _FORMAT, "runs": runs})
        return runs[name]

    def writing_outputs(self) -> FileLock:
        """A lock for what is written of a run: files of two processes would not belong to each other."""
        return FileLock(self.path / _OUTPUT_LOCK, timeout=_OUTPUT_TIMEOUT_S)

    def outputs(self, name: str) -> Path:
        """Where the outputs of a run belong."""
        return self.path if list(self.runs()) == [name] else self.path / name

    def refuse_unwritable(self) -> None:
        """Try to write in the directory, or in the nearest above it that is there; leaves nothing.

        Raises:
            RunDirectoryError: it cannot be written.
        """
        there = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.is_dir())
        with self._writing(), tempfile.TemporaryFile(dir=there):
            pass

    def _make(self) -> None:
        with self._writing():
            make_directory(self.path)
        self.refuse_unwritable()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = FileLock(self.path / _LOCK, timeout=_LOCK_TIMEOUT_S)
        with self._writing():
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, CannotWriteError) as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            raise RunDirectoryError(
                f"run directory {self.path} cannot be written ({reason}). Choose another with --out."
            ) from error

    def _refuse_foreign(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RunDirectoryError(f"run directory {self.path} is a file. Choose another with --out.")
        if not self.path.is_dir() or (self.path / INDEX).exists():
            return
        ours = {LOG, _LOCK, UNITS, WORKER_OUTPUT, ".claims"}
        try:
            entries = sorted(entry.name for entry in self.path.iterdir())
        except OSError as error:
            raise RunDirectoryError(f"run directory {self.path} cannot be read ({error.strerror}).") from error
        others = [name for name in entries if not name.endswith(PARTIAL) and name not in ours]
        if others:
            raise RunDirectoryError(
                f"run directory {self.path} is not empty ({', '.join(others[:3])}, ...) and holds no {INDEX}. "
                "Choose another with --out, or empty it."
            )

    def _refuse_other(self, name: str, earlier: dict, facts: dict) -> None:
        differ = [key for key in facts if key in earlier and _differ(earlier[key], facts[key])]
        if differ:
            shown = "; ".join(f"{key}: {_changes(earlier[key], facts[key])}" for key in differ)
            raise RunDirectoryError(
                f"run directory {self.path} belongs to another run: its {name} was made with other {', '.join(differ)} "
                f"({shown}). Choose another with --out, restore what has changed, or delete it."
            )


def _differ(earlier: Any, now: Any) -> bool:
    """Whether two values contradict each other; of dictionaries, only what both have counts."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        return any(earlier[key] != now[key] for key in earlier.keys() & now.keys())
    return earlier != now


def _changes(earlier: Any, now: Any) -> str:
    if isinstance(earlier, dict) and isinstance(now, dict):
        keys = sorted(key for key in earlier.keys() & now.keys() if earlier[key] != now[key])
        return ", ".join(f"{key} {_short(earlier[key])} -> {_short(now[key])}" for key in keys[:3])
    return f"{_short(earlier)} -> {_short(now)}"


def _short(value: Any, most: int = 40) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 3] + "..."


def _merged(earlier: dict, now: dict) -> dict:
    """Facts of both: a run that gets a second half then knows the checksums of all its molecules."""
    return {
        key: {**earlier[key], **value} if isinstance(value, dict) and isinstance(earlier.get(key), dict) else value
        for key, value in {**earlier, **now}.items()
    }
