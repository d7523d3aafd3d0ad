"""Fine-tuning of a MACE: the file that a training starts from, with energies of the elements on the data's scale.

mace-torch takes the weights of the foundation model and, where both know the same elements, its E0 as well, whatever
E0 it is given. It gets a copy, therefore, whose E0 lead to the data.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols

from compcalc.calculators.mace import MACE
from compcalc.calculators.mace_file import head_index, import_mace, load_model, shipped_model, shipped_models
from compcalc.calculators.model_file import file_hash
from compcalc.errors import DataError, InputError
from compcalc.training.foundation import energy_shifts, refuse_elements
from compcalc.training.split import TrainingSplit

DECIDED = ("channels", "max_L", "max_ell", "correlation", "layers", "r_max", "radial")
"""Settings that the foundation model decides."""

_COPY, _NOTE = "foundation.model", "foundation.json"


def init_file(init: str) -> tuple[Path, str | None]:
    """The file that `init` names, and the head that it asks for."""
    path, _, head = init.partition("?head=")
    return (shipped_model(path) if path in shipped_models() else Path(path)), head or None


def prepare_init(settings: Any, elements: Collection[str]) -> tuple[Any, Mapping[str, Any]]:
    """The settings with those that the foundation model decides, and the hash of its file.

    Raises:
        UnsupportedElementError: it does not know one of the training molecules' elements.
        InputError: a setting that it decides otherwise.
        DataError: the file is missing, damaged or of a kind that mace-torch does not fine-tune.
    """
    path, model = _loaded(settings.init)
    refuse_elements(settings.init, [chemical_symbols[int(z)] for z in model.atomic_numbers], elements)
    found = architecture_of(model)
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in found and value not in (field.default, found[field.name]):
            remedy = f"{settings.init} decides it: leave it out."
            raise InputError(field.name, value, f"{found[field.name]} beside init", remedy)
    return replace(settings, **found), {"init_sha256": file_hash(path)}


def architecture_of(model: Any) -> dict[str, Any]:
    """The settings called `DECIDED` of a ScaleShiftMACE."""
    from mace.tools.scripts_utils import extract_config_mace_model

    config = extract_config_mace_model(model)
    hidden = config["hidden_irreps"]
    return {
        "channels": int(hidden.count((0, 1))),
        "max_L": int(hidden.lmax),
        "max_ell": int(config["max_ell"]),
        "correlation": int(config["correlation"]),
        "layers": int(config["num_interactions"]),
        "r_max": float(config["r_max"]),
        "radial": int(config["radial_MLP"][0]),
    }


@dataclass(frozen=True)
class Foundation:
    """What a training begins with, as a file in its directory says it.

    Attributes:
        energies: E0 of the copy for the elements of the training molecules, symbol -> eV.
        shifts: by how much they differ from those of the foundation model, symbol -> eV.
        arguments: of mace-torch's program, which runs in that directory.
    """

    energies: Mapping[str, float]
    shifts: Mapping[str, float]
    arguments: list[str]

    @classmethod
    def of(cls, settings: Any, split: TrainingSplit, scale: Mapping[str, float], directory: Path) -> "Foundation":
        """Write the copy into `directory`, or take the one that is there from an earlier session.

        Args:
            settings: of the training, with `init`.
            split: frames of the training.
            scale: E0 of the data, symbol -> eV.
            directory: that the program runs in.
        """
        note = directory / _NOTE
        if not note.is_file():
            made = cls._copied(settings, split, scale, directory)
            partial = note.with_name(f".{note.name}.partial")
            partial.write_text(json.dumps(asdict(made)))
            partial.replace(note)
        return cls(**json.loads(note.read_text()))

    @classmethod
    def _copied(cls, settings: Any, split: TrainingSplit, scale: Mapping[str, float], directory: Path) -> "Foundation":
        path, model = _loaded(settings.init)
        torch, symbols = import_mace(), [chemical_symbols[int(z)] for z in model.atomic_numbers]
        head = head_index(model, init_file(settings.init)[1], path)
        names = list(getattr(model, "heads", None) or ["Default"])
        rows = model.atomic_energies_fn.atomic_energies.view(-1, len(symbols))
        own = dict(zip(symbols, map(float, rows[head]), strict=True))
        calculator = MACE(str(path), dtype="float64", device=settings.device, head=names[head])
        shifts = energy_shifts(calculator, own, scale, split.train)
        rows += torch.tensor([shifts[symbol] for symbol in symbols], dtype=rows.dtype)
        torch.save(model, directory / _COPY)
        seen = {chemical_symbols[z] for frames in split.train for z in frames.numbers}
        arguments = [f"--foundation_model={_COPY}", "--multiheads_finetuning=False"]
        if len(names) > 1:
            arguments.append(f"--foundation_head={names[head]}")
        return cls({symbol: own[symbol] + shifts[symbol] for symbol in symbols if symbol in seen}, shifts, arguments)

    def details(self, init: str) -> dict[str, Any]:
        """For the model card."""
        path = init_file(init)[0]
        return {"init": {"model": path.name, "sha256": file_hash(path)}, "shifts_ev": dict(self.shifts)}


def _loaded(init: str) -> tuple[Path, Any]:
    path = init_file(init)[0]
    torch = import_mace()
    model = load_model(torch, path, "cpu", None)
    if type(model).__name__ != "ScaleShiftMACE":
        raise DataError(f"{path} holds a {type(model).__name__}; mace-torch fine-tunes a ScaleShiftMACE.")
    return path, model
