"""Where the outputs of runs lie, from a run directory or the folder of one run; nothing but JSON is read."""

import json
from pathlib import Path
from typing import Any

from compcalc.errors import RunDirectoryError, UnknownNameError
from compcalc.execution.run_directory import INDEX, MANIFEST

METRICS = "metrics.json"


def run_folders(path: str | Path) -> dict[str, Path]:
    """Name -> folder of the outputs of each run that `path` stands for; runs that have not ended are among them.

    Args:
        path: a run directory, with one run or several, or the folder of one of its runs.

    Raises:
        RunDirectoryError: it is neither.
    """
    path = Path(path)
    if (path / INDEX).is_file():
        names = read_json(path / INDEX).get("runs") or {}
        return {name: _folder(path, name) for name in names}
    if (path / MANIFEST).is_file():
        return {str(read_json(path / MANIFEST).get("name") or path.name): path}
    what = "is a file" if path.is_file() else f"holds no {INDEX} or {MANIFEST}" if path.is_dir() else "does not exist"
    raise RunDirectoryError(f"{path} {what}: it is no run directory. Name one that `compcalc run` made.")


def run_folder(path: str | Path, name: str | None = None) -> Path:
    """The folder of the outputs of one run.

    Args:
        path: as of `run_folders`.
        name: of the run; not needed where there is one.

    Raises:
        RunDirectoryError: no run directory, or it has several runs and `name` does not say which.
        UnknownNameError: it has no run of that name.
    """
    folders = run_folders(path)
    if name is not None and name not in folders:
        raise UnknownNameError("name", name, folders)
    if name is None and len(folders) != 1:
        raise RunDirectoryError(
            f"{path} holds {len(folders)} runs: {', '.join(folders) or 'none'}. Say which with name=..."
        )
    return folders[name] if name is not None else next(iter(folders.values()))


def read_run(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Content of run.json and of metrics.json.

    Raises:
        RunDirectoryError: the run has not ended, or a file cannot be read.
    """
    if not (folder / MANIFEST).is_file():
        raise RunDirectoryError(f"the run of {folder} has not begun to write. Give its command again to go on.")
    manifest = read_json(folder / MANIFEST)
    if not manifest.get("finished"):
        raise RunDirectoryError(
            f"{folder}: the run {manifest.get('name')} has not ended (begun {manifest.get('started')}). "
            f"Wait for it, or give its command again to go on: {manifest.get('command')}"
        )
    return manifest, read_json(folder / METRICS)


def read_json(path: Path) -> dict[str, Any]:
    """An object in a JSON file of a run.

    Raises:
        RunDirectoryError: it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunDirectoryError(
            f"{path} cannot be read ({reason}). `compcalc verify {path.parent} --repair` writes outputs again."
        ) from error
    if not isinstance(content, dict):
        raise RunDirectoryError(f"{path} holds no JSON object. Give the command of the run again to write it.")
    return content


def _folder(path: Path, name: str) -> Path:
    """The outputs of the first run lie at the top until a second one has ended."""
    top = path / MANIFEST
    at_top = top.is_file() and read_json(top).get("name") == name
    return path if at_top and not (path / name / MANIFEST).is_file() else path / name
