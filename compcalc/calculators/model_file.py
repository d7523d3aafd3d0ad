"""Model files of compcalc's own: JSON that says what it is, and holds no code."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compcalc.errors import DataError


def write_model(path: Path, form: str, content: Mapping[str, Any]) -> None:
    """Write a model file, whole or not at all.

    Args:
        path: of the file.
        form: what the file is, its entry `format`.
        content: everything else, JSON-able.
    """
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(json.dumps({"format": form, **content}, indent=1, sort_keys=True, allow_nan=False) + "\n")
    temporary.replace(path)


def read_model(path: Path, form: str, command: str) -> dict[str, Any]:
    """The content of a model file.

    Args:
        path: of the file.
        form: what its entry `format` has to say.
        command: that makes such a file.

    Raises:
        DataError: it is missing, damaged or something else.
    """
    if not path.is_file():
        raise DataError(f"model file {str(path)!r} does not exist. Give the path of one that `{command}` has made.")
    try:
        content = json.loads(path.read_text())
        found = content.get("format")
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path} is not a file that `{command}` has made ({error}).") from error
    if found != form:
        raise DataError(f"{path} has the format {found!r}; allowed: {form!r}. Make one with `{command}`.")
    return content


def damaged(path: Path, error: Exception, command: str) -> DataError:
    """The error of a model file whose content is not what its format says."""
    return DataError(f"{path} is damaged ({type(error).__name__}: {error}). Make it again with `{command}`.")


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
