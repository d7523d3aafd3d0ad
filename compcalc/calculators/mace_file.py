"""MACE model files: finding the shipped one, importing mace without its side effects, loading."""

import hashlib
import io
import json
import logging
import os
import warnings
from contextlib import contextmanager, redirect_stdout
from importlib.resources import files
from pathlib import Path

from compcalc.errors import DataError, InputError, UnknownNameError

DEFAULT = "length"
"""The task whose shipped model `mace:default` stands for."""


def shipped_models() -> dict[str, str]:
    """Names that stand for models shipped with compcalc -> their files without ending; there is one a task variant.

    `length` and `length/base` are the model that was trained on this task, `default` is that of `length`.
    """
    found = {}
    for card in sorted(_folder().glob("mace-*-0.json")):
        _, task, variant, _ = card.stem.split("-")
        found[f"{task}/{variant}"] = card.stem
        if variant == "base":
            found[task] = card.stem
    return {"default": found[DEFAULT], **found}


def shipped_model(name: str = "default") -> Path:
    """Path of a shipped model; its model card lies beside it as JSON.

    Raises:
        UnknownNameError: there is none of this name.
        DataError: it does not fit the checksum in its card.
    """
    names = shipped_models()
    if name not in names:
        raise UnknownNameError("shipped model", name, names)
    card = json.loads((_folder() / f"{names[name]}.json").read_text())
    path = _folder() / card["file"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
        raise DataError(f"the shipped model {path.name} does not fit its checksum. Install compcalc again.")
    return path


def _folder() -> Path:
    return Path(str(files("compcalc.calculators").joinpath("models")))


def import_mace():
    """torch, with MACE's classes imported; the process-wide switch that importing mace sets is put back.

    e3nn 0.4 loads constants with `torch.load` while it is imported, which torch refuses unless the switch is set; left
    set, it would disarm every later `torch.load` of the process.
    """
    switch = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(switch)
    disabled = logging.root.manager.disable
    try:
        # What e3nn and mace say while they are imported concerns nobody who runs a model on a CPU.
        logging.disable(logging.WARNING)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            import mace.modules  # noqa: F401  (the classes that a pickled model refers to)
            import torch
    finally:
        logging.disable(disabled)
        if before is None:
            os.environ.pop(switch, None)
        else:
            os.environ[switch] = before
    return torch


def checked_device(torch, device: str):
    """The torch device called `device`.

    Raises:
        InputError: there is none.
    """
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError("device", device, "cpu, cuda, cuda:0, mps and the like") from None
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InputError("device", device, "cpu", "This torch sees no CUDA device.")
    return chosen


def load_model(torch, path: Path, device, dtype: str | None):
    """The model in a file, for evaluation only. Loading runs the code pickled in the file.

    Raises:
        DataError: the file is missing, damaged or holds no MACE model.
    """
    if not path.is_file():
        names = ", ".join(shipped_models())
        raise DataError(
            f"MACE model file {path} does not exist. Give the path of a .model file, or the name of a shipped model: "
            f"{names}."
        )
    try:
        model = torch.load(path, map_location=device, weights_only=False)
    except Exception as error:
        raise DataError(f"{path} cannot be read as a MACE model ({type(error).__name__}: {error}).") from error
    if not all(hasattr(model, name) for name in ("r_max", "atomic_numbers", "parameters")):
        raise DataError(f"{path} holds a {type(model).__name__}, not a MACE model.")
    if dtype is not None:
        model = model.to(getattr(torch, dtype))
    model = model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model


def head_index(model, head: str | None, path: Path) -> int:
    """Index of an output head; of the only one, or the one called `default`, where `head` is None.

    Raises:
        UnknownNameError: the model has no such head.
        InputError: it has several, and none is named.
    """
    heads = list(getattr(model, "heads", None) or ["Default"])
    if head is not None:
        if head not in heads:
            raise UnknownNameError(f"head of {path}", head, heads)
        return heads.index(head)
    default = [k for k, name in enumerate(heads) if len(heads) == 1 or name.lower() == "default"]
    if not default:
        raise InputError("head", None, ", ".join(heads), f"{path} has several heads: choose one with ?head=name.")
    return default[0]


@contextmanager
def default_dtype(torch, dtype):
    """torch's default type set to `dtype`, and put back at the end."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
