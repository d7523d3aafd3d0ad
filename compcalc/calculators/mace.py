"""MACE model files, evaluated without the detour through MACECalculator.

The model gets its graph straight from compcalc's neighbour lists, only what energy and forces need is computed, and the
energy is summed over atoms in float64, so that a float32 model's total energy is not rounded to 1e-4 eV.
"""

import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.batching import chunks, in_chunks
from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.mace_convolution import fuse_convolutions
from compcalc.calculators.mace_file import (
    checked_device,
    default_dtype,
    head_index,
    import_mace,
    load_model,
    shipped_model,
    shipped_models,
)
from compcalc.calculators.mace_graph import MACEGraphs
from compcalc.calculators.mace_trace import TracedModel, TraceMismatchWarning, padded_size
from compcalc.calculators.model_file import describe
from compcalc.calculators.outputs import read_stress
from compcalc.calculators.state import refuse_charged
from compcalc.errors import UnknownNameError
from compcalc.records import Batch, BatchResult

_DTYPES = ("float32", "float64")
_FLOATS_PER_CALL = {"cpu": 2**22, "cuda": 2**28}
"""Size of the largest array in a call, messages along edges: on a CPU more than this leaves the cache."""

_ATOMS_PER_CUBIC_ANGSTROM = 0.08


class MACE(PotentialCalculator):
    """A MACE model (Batatia et al., NeurIPS 35, 11423 (2022)) from a file that mace-torch wrote.

    Loading a model file runs the code pickled in it: name only files that you trust.

    Args:
        model: path to the file, or `default`, or the task that a shipped model was trained on, such as `duplication` or
            `length/augmented`. A file of such a name is written with its folder: `./duplication`.
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

    can_batch = True

    def __init__(
        self, model: str = "default", *, dtype: str | None = None, device: str = "cpu", head: str | None = None
    ):
        super().__init__()
        if dtype is not None and dtype not in _DTYPES:
            raise UnknownNameError("dtype", dtype, _DTYPES)
        self.path = shipped_model(model) if model in shipped_models() else Path(model)
        if self.path.is_file():  # what is missing is said below
            describe(self, self.path)
        self._torch = import_mace()
        self._device = checked_device(self._torch, device)
        self._model = load_model(self._torch, self.path, self._device, dtype)
        self._dtype = next(self._model.parameters()).dtype
        self._cutoff = float(self._model.r_max)
        if self._device.type == "cpu":
            fuse_convolutions(self._torch, self._model)
        self._atoms_per_call = _atoms_per_call(self._model, self._cutoff, self._device)
        # Dynamics gains little from more: a traced call has next to no overhead to share.
        self.batch_atoms = max(64, self._atoms_per_call // 8)
        numbers = [int(z) for z in self._model.atomic_numbers]
        head_of_file = head_index(self._model, head, self.path)
        self._graphs = MACEGraphs(self._torch, numbers, self._cutoff, head_of_file, self._dtype, self._device)
        self.known_elements = [chemical_symbols[z] for z in numbers]
        self.label_name = f"MACE {self.path.name}"
        self.implemented_properties.append("stress")
        self._trace: TracedModel | None = None
        self._kept_trace: TracedModel | None = None
        self._traceable = True

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
        graph = self._graphs.of_atoms(atoms)
        if self._trace is not None and np.array_equal(self._trace_for, atoms.numbers):
            self._grow_trace(graph)
            energies, forces = self._evaluated(graph, self._trace)
        else:
            energies, forces = self._evaluated(graph, None)
        return float(energies.sum()), forces

    def stress(self, atoms: Atoms) -> np.ndarray:
        """Stress of a periodic system, eV/angstrom^3, Voigt xx, yy, zz, yz, xz, xy, (6,)."""
        with default_dtype(self._torch, self._dtype):
            graph = self._graphs.of_atoms(atoms)
            out = self._model(graph, compute_force=True, compute_stress=True, training=False)
        return read_stress(out["stress"], self.label_name)

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies and forces of isolated, neutral molecules, in calls of a size that suits model and device."""
        self.check_batch(batch)
        prepared = self._trace is not None and np.array_equal(self._trace_for, batch.numbers)
        most = self.batch_atoms if prepared else self._atoms_per_call
        return in_chunks(batch, most, lambda part: self._evaluated_part(part, prepared))

    def _evaluated_part(self, part: Batch, prepared: bool) -> BatchResult:
        graph = self._graphs.of_batch(part)
        if prepared:
            self._grow_trace(graph)
        energies, forces = self._evaluated(graph, self._trace if prepared else None)
        return BatchResult(np.add.reduceat(energies, part.offsets[:-1]), forces.astype(float))

    def forget(self) -> None:
        """Drop results and kept edges, and go back to the untraced model."""
        super().forget()
        self._graphs.forget()
        self._trace = None

    def prepare(self, atoms: Atoms) -> None:
        """Trace the model for the size of `atoms`: takes seconds, pays in a dynamics run."""
        self._check_numbers(atoms.numbers)
        self._use_trace(atoms.numbers, [self._graphs.of_atoms(atoms)])

    def prepare_batch(self, batch: Batch) -> None:
        """Trace the model for the largest call that `batch` needs: takes seconds, pays in a dynamics run.

        What is left of a batch whose molecules have ended keeps the trace that it has since `forget`.
        """
        self._check_numbers(batch.numbers)
        graphs = [self._graphs.of_batch(part) for part in chunks(batch, self.batch_atoms)]
        if self._trace is not None and all(self._trace.fits(graph) for graph in graphs):
            self._trace_for = batch.numbers.copy()
        else:
            self._use_trace(batch.numbers, graphs)

    def _evaluated(self, graph: dict, trace: TracedModel | None) -> tuple[np.ndarray, np.ndarray]:
        """Energies of the atoms (eV, (N,), float64 also for a float32 model) and forces (eV/angstrom, (N, 3))."""
        if trace is not None:
            return trace(graph)
        with default_dtype(self._torch, self._dtype):
            out = self._model(graph, compute_force=True, compute_stress=False, training=False)
        return out["node_energy"].detach().double().cpu().numpy(), out["forces"].detach().cpu().numpy()

    def _grow_trace(self, graph: dict) -> None:
        """Trace anew where a geometry has more edges than there is room for."""
        if self._trace is not None and not self._trace.fits(graph):
            self._use_trace(self._trace_for, [graph], at_least=self._trace.n_atoms)

    def _use_trace(self, numbers: np.ndarray, graphs: list[dict], at_least: int = 0) -> None:
        largest = max(graphs, key=lambda graph: graph["edge_index"].shape[1])
        n_atoms = max(at_least, *(len(graph["positions"]) for graph in graphs))
        n_edges = padded_size(largest["edge_index"].shape[1])
        old, self._trace, self._trace_for = self._kept_trace, None, numbers.copy()
        if self._traceable and (old is None or (old.n_atoms, old.n_edges) != (n_atoms, n_edges)):
            # A trace holds the model's weights once more: only the last is kept.
            self._kept_trace = None
            try:
                with default_dtype(self._torch, self._dtype):
                    self._kept_trace = TracedModel(self._torch, self._model, largest, self._cutoff, n_atoms, n_edges)
            except (RuntimeError, ValueError) as error:
                self._traceable = False
                warnings.warn(f"{self.label_name}: not traced ({error})", TraceMismatchWarning, stacklevel=2)
        self._trace = self._kept_trace


def _atoms_per_call(model, cutoff: float, device) -> int:
    """Atoms of organic molecules whose messages fill the largest array that a call should have."""
    width = max(
        (int(layer.conv_tp.irreps_out.dim) for layer in model.interactions if hasattr(layer, "conv_tp")), default=512
    )
    edges = _ATOMS_PER_CUBIC_ANGSTROM * 4 / 3 * np.pi * cutoff**3
    floats = _FLOATS_PER_CALL["cpu" if device.type == "cpu" else "cuda"]
    return max(64, int(floats / (width * edges)))


def _build(argument: str, *, dtype: str | None = None, device: str = "cpu", head: str | None = None) -> MACE:
    return MACE(argument or "default", dtype=dtype, device=device, head=head)


SCHEME = Scheme(
    _build,
    summary="a MACE model file, or a task for the small model of it that is shipped with compcalc",
    example="mace:path/to/file.model?dtype=float64",
    requires=("mace", "torch"),
    install="pip install mace-torch",
)
