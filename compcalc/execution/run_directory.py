"""A run directory: its manifest `run.json`, and the rule that one directory belongs to one run."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compcalc.errors import RunDirectoryError
from compcalc.execution.files import PARTIAL, replacing

MANIFEST = "run.json"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON whole or not at all."""
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with replacing(path) as file:
        file.write(text.encode())


def open_run_directory(directory: Path, identity: str) -> dict | None:
    """Make sure that `directory` can hold the run with hash `identity`.

    Returns:
        The manifest of an earlier part of the same run, or None for a fresh directory.

    Raises:
        RunDirectoryError: it cannot be written, belongs to another run, or holds other files.
    """
    manifest = directory / MANIFEST
    try:
        if manifest.exists():
            return _same_run(manifest, identity)
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
        others = sorted(entry.name for entry in directory.iterdir() if not entry.name.endswith(PARTIAL))
    except OSError as error:
        raise RunDirectoryError(
            f"run directory {directory} cannot be written ({error.strerror}). Choose another with --out."
        ) from error
    if others:
        raise RunDirectoryError(
            f"run directory {directory} is not empty ({', '.join(others[:3])}, ...) and holds no {MANIFEST}. "
            "Choose another with --out, or empty it."
        )
    return None


def _same_run(manifest: Path, identity: str) -> dict:
    try:
        earlier = json.loads(manifest.read_text())
    except (OSError, ValueError) as error:
        raise RunDirectoryError(f"{manifest} cannot be read ({error}). Choose another directory with --out.") from error
    if not isinstance(earlier, dict):
        raise RunDirectoryError(f"{manifest} is not the manifest of a run. Choose another directory with --out.")
    if earlier.get("identity") != identity:
        was = " ".join(str(earlier.get(key)) for key in ("spec", "task") if earlier.get(key))
        raise RunDirectoryError(
            f"run directory {manifest.parent} belongs to another run ({was}, seed {earlier.get('seed')}): "
            "its settings, model file, data or versions differ. Choose another with --out, or delete it."
        )
    return earlier
