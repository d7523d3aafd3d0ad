"""A torch module as a calculator: inputs by the names of its parameters, forces by autograd."""

import inspect

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from compcalc.calculators.batching import in_chunks
from compcalc.calculators.wrapping.call_plan import GRAPH_INPUTS, plan_module
from compcalc.calculators.wrapping.function import minus_gradient
from compcalc.calculators.wrapping.module_batch import evaluate_graphs
from compcalc.calculators.wrapping.wrapped import WrapOptions, WrappedCalculator, split_output
from compcalc.errors import InputError, UnknownNameError
from compcalc.neighbours import neighbour_list
from compcalc.records import Batch, BatchResult

_CUTOFF_NAMES = ("cutoff", "r_max", "r_cut", "rcut", "cutoff_radius")


class ModuleCalculator(WrappedCalculator):
    """Energy from a torch module, a scripted module or the module of an exported program.

    Inputs are given in the floating-point type of the module's own parameters, and outputs become float64. The module
    is put in evaluation mode; torch's default type is left alone.

    Args:
        module: `forward` takes, by name, any of positions (N, 3), numbers (N,), types (N,), cell (3, 3), pbc (3,),
            charge, spin; and of a graph edge_index (2, E), edge_vectors (E, 3) from the first to the second atom of an
            edge, edge_lengths (E,), shifts (E, 3), unit_shifts (E, 3), batch (N,), ptr (2,), n_graphs; or one
            dictionary of all.
        options: how to understand it.
        batched: numbers, types, positions, cell, pbc, charge and spin have a leading axis over structures.
        cutoff_angstrom: of the graph; None: the module's own attribute `cutoff` or `r_max`, in its length unit.
        dtype: `float32` or `float64`; None: that of the module's parameters, else float64.
        device: torch device; None: that of the module's parameters, else the CPU.
        parameters: (name, required) of each parameter of `forward`, where they cannot be read from it.

    Raises:
        InputError: a parameter that means nothing known, no cut-off for a graph, or types without `elements`.
        UnknownNameError: another dtype.
    """

    def __init__(
        self,
        module,
        options: WrapOptions,
        *,
        batched: bool = False,
        cutoff_angstrom: float | None = None,
        dtype: str | None = None,
        device: str | None = None,
        parameters: list[tuple[str, bool]] | None = None,
    ):
        import torch

        if dtype not in (None, "float32", "float64"):
            raise UnknownNameError("dtype", dtype, ("float32", "float64"))
        self._torch, self.module, self.batched = torch, module, batched
        if hasattr(module, "eval") and parameters is None:
            module.eval()
        self._plan = plan_module(parameters or forward_parameters(module), options.name)
        self.knows_charge = bool(self._plan.inputs & {"charge", "spin"}) and not self._plan.dictionary
        super().__init__(options)
        own = [p for p in getattr(module, "parameters", tuple)() if p.is_floating_point()]
        self._dtype = getattr(torch, dtype) if dtype else (own[0].dtype if own else torch.float64)
        self._device = torch.device(device) if device else (own[0].device if own else torch.device("cpu"))
        if own and (dtype or device) and parameters is None:
            module.to(device=self._device, dtype=self._dtype)
        self._cutoff = self._checked_cutoff(cutoff_angstrom)
        if "types" in self._plan.inputs and not self._plan.dictionary and not options.elements:
            raise InputError("elements", None, "the symbols in the order of the types", f"{options.name} takes types.")

    @property
    def dtype(self) -> str:
        """Floating-point type of the inputs, `float32` or `float64`."""
        return str(self._dtype).removeprefix("torch.")

    @property
    def can_batch(self) -> bool:
        """Whether `forward` takes several graphs: it has a parameter `batch` or `ptr`."""
        graphs = self._plan.inputs & {"batch", "ptr"} and not (self._plan.dictionary or self.batched)
        return bool(graphs) and self.options.forces != "differences"

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies and forces of isolated molecules, in few calls where `can_batch`."""
        if not self.can_batch:
            return super().evaluate_batch(batch)
        self.check_batch(batch)
        return in_chunks(batch, self.batch_atoms, lambda part: evaluate_graphs(self, part))

    def raw(self, atoms: Atoms, with_forces: bool) -> tuple[object, object]:
        """What the module returns; forces are minus the gradient of its energy where it gives none."""
        torch = self._torch
        scaled = atoms.positions / self.options.length_angstrom
        positions = torch.tensor(scaled, dtype=self._dtype, device=self._device, requires_grad=with_forces)
        given = self._inputs(atoms, positions)
        with torch.set_grad_enabled(with_forces):
            energy, forces = split_output(self._plan.call(self.module, given), self.label_name)
        if with_forces and (forces is None or self.options.forces == "autograd"):
            forces = minus_gradient(torch, energy, positions, self.label_name)
        return energy, forces

    def _inputs(self, atoms: Atoms, positions) -> dict:
        wanted, state = self._plan.inputs, self.state_of(atoms)
        given = {
            "numbers": self._whole(atoms.numbers),
            "types": self._types(atoms.numbers),
            "positions": positions,
            "cell": self._real(atoms.cell.array / self.options.length_angstrom),
            "pbc": self._torch.tensor(atoms.pbc.tolist(), device=self._device),
            "charge": self._real(np.array(state.charge)),
            "spin": self._real(np.array(state.spin)),
        }
        if self.batched:
            given = {key: value[None] if value is not None else None for key, value in given.items()}
        if wanted & {"batch", "ptr", "n_graphs"}:
            given["batch"] = self._whole(np.zeros(len(atoms)))
            given["ptr"] = self._whole(np.array([0, len(atoms)]))
            given["n_graphs"] = 1
        if wanted & set(GRAPH_INPUTS) and self._cutoff is not None:
            given |= self._graph(atoms, positions)
        return given

    def _graph(self, atoms: Atoms, positions) -> dict:
        """Every ordered pair within the cut-off, periodic images included."""
        i, j, unit_shifts = neighbour_list("ijS", atoms, self._cutoff)
        shifts = self._real(unit_shifts @ atoms.cell.array / self.options.length_angstrom)
        edge_index = self._whole(np.stack([i, j]))
        vectors = positions[edge_index[1]] - positions[edge_index[0]] + shifts
        return {
            "edge_index": edge_index,
            "edge_vectors": vectors,
            "edge_lengths": vectors.norm(dim=1),
            "shifts": shifts,
            "unit_shifts": self._real(unit_shifts),
        }

    def _types(self, numbers: np.ndarray):
        if not self.options.elements:
            return None
        order = list(self.options.elements)
        return self._whole(np.array([order.index(chemical_symbols[z]) for z in numbers.tolist()]))

    def _real(self, values: np.ndarray):
        return self._torch.tensor(values, dtype=self._dtype, device=self._device)

    def _whole(self, values: np.ndarray):
        return self._torch.tensor(np.asarray(values), dtype=self._torch.long, device=self._device)

    def _checked_cutoff(self, cutoff: float | None) -> float | None:
        if cutoff is None:
            own = next((getattr(self.module, n) for n in _CUTOFF_NAMES if hasattr(self.module, n)), None)
            cutoff = None if own is None else float(own) * self.options.length_angstrom
        if cutoff is not None and not 0 < cutoff < 1000:
            raise InputError("cutoff", cutoff, "a length above 0, in angstrom")
        if cutoff is None and self._plan.inputs & set(GRAPH_INPUTS) and not self._plan.dictionary:
            raise InputError("cutoff", None, "a length above 0, in angstrom", f"{self.label_name} takes a graph.")
        return cutoff


def forward_parameters(module) -> list[tuple[str, bool]]:
    """(name, required) of each parameter of `forward`, also of a scripted module."""
    schema = getattr(module.forward, "schema", None)
    if schema is not None:
        return [(a.name, not a.has_default_value()) for a in schema.arguments if a.name != "self"]
    parameters = inspect.signature(module.forward).parameters.values()
    return [(p.name, p.default is p.empty) for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
