"""MACE model files, evaluated without the detour through MACECalculator.

The model gets its graph straight from the neighbour list, only what energy and forces need is computed, and the
energy is summed over atoms in float64, so that a float32 model's total energy is not rounded to 1e-4 eV.
"""

import hashlib
import io
import json
import logging
import os
import warnings
from contextlib import contextmanager, redirect_stdout
from importlib.resources import files
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.mace_trace import TracedModel, TraceMismatchWarning, padded_size
from compcalc.calculators.outputs import read_stress
from compcalc.calculators.state import refuse_charged
from compcalc.errors import DataError, InputError, UnknownNameError

DEFAULT = "mace-length-base-0"
"""The shipped model that `mace:default` stands for."""

_DTYPES = ("float32", "float64")


class MACE(PotentialCalculator):
    """A MACE model (Batatia et al., NeurIPS 35, 11423 (2022)) from a file that mace-torch wrote.

    Loading a model file runs the code pickled in it: name only files that you trust.

    Args:
        model: path to the file, or `default` for the small model that compcalc ships.
        dtype: `float32` or `float64`; default: the type the model was saved in.
        device: torch device.
        head: name of the output head of a model that has several; default: its only one, or the one called `default`.

    Attributes:
        sha256: of the model file.

    Raises:
        DataError: the file is missing, damaged or holds no MACE model.
        UnknownNameError: another dtype, or a head that the model lacks.
        InputError: no device of that name, or the model has several heads and none is named.
    """

    def __init__(
        self, model: str = "default", *, dtype: str | None = None, device: str = "cpu", head: str | None = None
    ):
        super().__init__()
        if dtype is not None and dtype not in _DTYPES:
            raise UnknownNameError("dtype", dtype, _DTYPES)
        self.path = shipped_model() if model == "default" else Path(model)
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest() if self.path.is_file() else None
        self._torch, self._neighbours = import_mace()
        self._device = _checked_device(self._torch, device)
        self._model = _load(self._torch, self.path, self._device, dtype)
        self._head = _head_index(self._model, head, self.path)
        self._dtype = next(self._model.parameters()).dtype
        self._cutoff = float(self._model.r_max)
        self._numbers = [int(z) for z in self._model.atomic_numbers]
        self.known_elements = [chemical_symbols[z] for z in self._numbers]
        self.label_name = f"MACE {self.path.name}"
        self.implemented_properties.append("stress")
        self._constant_for, self._constant = None, {}
        self._traces: dict[tuple, TracedModel] = {}
        self._trace: TracedModel | None = None

    @property
    def dtype(self) -> str:
        """Floating-point type of the model, `float32` or `float64`."""
        return str(self._dtype).removeprefix("torch.")

    @property
    def n_parameters(self) -> int:
        """Number of parameters of the model."""
        return sum(parameter.numel() for parameter in self._model.parameters())

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of a neutral molecule or periodic system.

        Raises:
            InputError: a charge or spin that the model would ignore.
        """
        refuse_charged(atoms, self.label_name)
        graph = self._graph(atoms)
        if self._trace is not None and np.array_equal(self._trace_for, atoms.numbers):
            if not self._trace.fits(graph):
                self._use_trace(atoms, graph)
            if self._trace is not None:
                return self._trace(graph)
        with _default_dtype(self._torch, self._dtype):
            out = self._model(graph, compute_force=True, compute_stress=False, training=False)
        energy = out["node_energy"].detach().sum().item()  # float64, also for a float32 model
        return energy, out["forces"].detach().cpu().numpy()

    def stress(self, atoms: Atoms) -> np.ndarray:
        """Stress of a periodic system, eV/angstrom^3, Voigt xx, yy, zz, yz, xz, xy, (6,)."""
        with _default_dtype(self._torch, self._dtype):
            out = self._model(self._graph(atoms), compute_force=True, compute_stress=True, training=False)
        return read_stress(out["stress"], self.label_name)

    def forget(self) -> None:
        """Drop results and go back to the untraced model."""
        super().forget()
        self._trace = None

    def prepare(self, atoms: Atoms) -> None:
        """Trace the model for the composition of `atoms`: takes seconds, pays in a dynamics run."""
        self._check_elements(atoms)
        self._use_trace(atoms, self._graph(atoms))

    def _use_trace(self, atoms: Atoms, graph: dict) -> None:
        capacity = padded_size(graph["edge_index"].shape[1])
        key = (tuple(atoms.numbers.tolist()), capacity)
        self._trace, self._trace_for = None, atoms.numbers.copy()
        # A trace holds the model's weights once more: those of other molecules are let go.
        self._traces = {k: trace for k, trace in self._traces.items() if k[0] == key[0]}
        if key not in self._traces:
            try:
                with _default_dtype(self._torch, self._dtype):
                    self._traces[key] = TracedModel(self._torch, self._model, graph, self._cutoff, capacity)
            except (RuntimeError, ValueError) as error:
                self._traces[key] = None
                warnings.warn(f"{self.label_name}: not traced ({error})", TraceMismatchWarning, stacklevel=2)
        self._trace = self._traces[key]

    def _graph(self, atoms: Atoms) -> dict:
        torch = self._torch
        edges, shifts, unit_shifts, cell = self._neighbours(
            positions=atoms.positions,
            cutoff=self._cutoff,
            pbc=tuple(bool(p) for p in atoms.pbc),
            cell=np.array(atoms.cell.array),
        )

        def real(array):
            return torch.tensor(array, dtype=self._dtype, device=self._device)

        return {
            **self._composition(atoms.numbers),
            "positions": real(atoms.positions),
            "edge_index": torch.as_tensor(edges.astype(np.int64), device=self._device),
            "shifts": real(shifts),
            "unit_shifts": real(unit_shifts),
            "cell": real(cell),
        }

    def _composition(self, numbers: np.ndarray) -> dict:
        """What depends on the elements alone, kept between calls on the same molecule."""
        if self._constant_for is None or not np.array_equal(self._constant_for, numbers):
            torch, n = self._torch, len(numbers)
            index = torch.tensor([self._numbers.index(z) for z in numbers.tolist()], device=self._device)
            self._constant_for = numbers.copy()
            self._constant = {
                "node_attrs": torch.nn.functional.one_hot(index, len(self._numbers)).to(self._dtype),
                "batch": torch.zeros(n, dtype=torch.long, device=self._device),
                "ptr": torch.tensor([0, n], dtype=torch.long, device=self._device),
                "head": torch.tensor([self._head], dtype=torch.long, device=self._device),
            }
        return self._constant


def shipped_model(name: str = DEFAULT) -> Path:
    """Path of a shipped model; its model card lies beside it as JSON.

    Raises:
        DataError: it does not fit the checksum in its card.
    """
    folder = Path(str(files("compcalc.calculators").joinpath("models")))
    card = json.loads((folder / f"{name}.json").read_text())
    path = folder / card["file"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != card["sha256"]:
        raise DataError(f"the shipped model {path.name} does not fit its checksum. Install compcalc again.")
    return path


def import_mace():
    """torch and MACE's neighbour list; the process-wide switch that importing mace sets is put back.

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
            from mace.data.neighborhood import get_neighborhood
    finally:
        logging.disable(disabled)
        if before is None:
            os.environ.pop(switch, None)
        else:
            os.environ[switch] = before
    return torch, get_neighborhood


def _checked_device(torch, device: str):
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError("device", device, "cpu, cuda, cuda:0, mps and the like") from None
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InputError("device", device, "cpu", "This torch sees no CUDA device.")
    return chosen


def _load(torch, path: Path, device, dtype: str | None):
    if not path.is_file():
        raise DataError(f"MACE model file {path} does not exist. Give the path of a .model file, or mace:default.")
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


def _head_index(model, head: str | None, path: Path) -> int:
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
def _default_dtype(torch, dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _build(argument: str, *, dtype: str | None = None, device: str = "cpu", head: str | None = None) -> MACE:
    return MACE(argument or "default", dtype=dtype, device=device, head=head)


SCHEME = Scheme(
    _build,
    summary="a MACE model file, or `default` for the small model shipped with compcalc",
    example="mace:path/to/file.model?dtype=float64",
    requires=("mace", "torch"),
    install="pip install mace-torch",
)
