"""Model files of compcalc's own: JSON that says what it is, and holds no code."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


@contextmanager
def model_content(path: Path, form: str, command: str) -> Iterator[dict[str, Any]]:
    """The content of a model file, for a block that takes it apart; see `read_model`.

    Raises:
        DataError: the file is missing or something else, or the block finds that its content is not what its format
            says.
    """
    content = read_model(path, form, command)
    try:
        yield content
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path, error, command) from error


def damaged(path: Path, error: Exception, command: str) -> DataError:
    """The error of a model file whose content is not what its format says."""
    return DataError(f"{path} is damaged ({type(error).__name__}: {error}). Make it again with `{command}`.")


def describe(calculator, path: Path) -> None:
    """Set `sha256`, `training` and `trained` of a calculator to what its model file and the card beside it say."""
    calculator.sha256 = file_hash(path)
    calculator.training = training_note(path, calculator.sha256)
    calculator.trained = training_facts(path, calculator.sha256)


def training_note(model: Path, sha256: str) -> str | None:
    """What the card beside a model file says of its training, in a sentence; None where there is no card of this file.

    Args:
        model: the model file; `card.json` lies in its folder, or a card of its own name beside it.
        sha256: of the model file.
    """
    facts = training_facts(model, sha256)
    if facts is None:
        return None
    frames, data = facts["frames"], facts["data"]
    return (
        f"{facts['architecture']} on {facts['task']}, {frames['train']} training and {frames['validation']} "
        f"validation frames, data {data['hash'][:12]}, seed {facts['seed']}; chosen by: {facts['selection']}"
    )


def training_facts(model: Path, sha256: str) -> dict[str, Any] | None:
    """What the card beside a model file says of its training, for programs; None where there is no card of this file.

    Two models whose facts differ in `name`, `seed` and `sha256` alone are seeds of one training.

    Args:
        model: as of `training_note`.
        sha256: of the model file.
    """
    for path in (model.with_name("card.json"), model.with_suffix(".json")):
        try:
            card = json.loads(path.read_text())
            if card["sha256"] == sha256:
                return _facts(card, model)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _facts(card: Mapping[str, Any], model: Path) -> dict[str, Any]:
    return {
        "name": str(card.get("name") or model.stem),
        "architecture": str(card["architecture"]),
        "settings": dict(card.get("settings") or {}),
        "task": str(card["task"]),
        "seed": int(card["seed"]),
        "data": {"method": card["data"].get("method"), "hash": str(card["data"]["hash"])},
        "frames": {part: int(card["frames"][part]) for part in ("train", "validation")},
        "selection": str(card["selection"]),
        "sha256": str(card["sha256"]),
    }


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
