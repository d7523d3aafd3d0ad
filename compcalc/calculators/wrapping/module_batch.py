"""A batch through a torch module that takes several graphs at once: one call, forces by one gradient."""

from typing import TYPE_CHECKING

import numpy as np
from ase.calculators.calculator import CalculationFailed
from ase.data import chemical_symbols

from compcalc.calculators.wrapping.call_plan import GRAPH_INPUTS
from compcalc.calculators.wrapping.wrapped import split_output
from compcalc.neighbours import batch_edges
from compcalc.records import Batch, BatchResult

if TYPE_CHECKING:
    from compcalc.calculators.wrapping.module import ModuleCalculator


def evaluate_graphs(calculator: "ModuleCalculator", batch: Batch) -> BatchResult:
    """Energies (eV) and forces (eV/angstrom) of a batch, by a module that takes `batch` or `ptr`.

    Raises:
        CalculationFailed: the module does not return one energy a molecule.
    """
    torch, options = calculator._torch, calculator.options
    scaled = batch.positions / options.length_angstrom
    positions = torch.tensor(scaled, dtype=calculator._dtype, device=calculator._device, requires_grad=True)
    output = calculator._plan.call(calculator.module, _inputs(calculator, batch, positions))
    energies, forces = split_output(output, calculator.label_name)
    if energies.numel() != len(batch):
        raise CalculationFailed(
            f"{calculator.label_name}: energy has shape {tuple(energies.shape)} for {len(batch)} molecules; allowed: "
            "one number each. Wrap it with batched=False and without a parameter called batch or ptr."
        )
    if forces is None or options.forces == "autograd":
        (gradient,) = torch.autograd.grad(energies.sum(), positions)
        forces = -gradient
    shifts = np.array([options.shifts_ev.get(chemical_symbols[z], 0.0) for z in batch.numbers.tolist()])
    own = np.add.reduceat(shifts, batch.offsets[:-1])
    return BatchResult(
        energies.detach().double().reshape(-1).cpu().numpy() * options.energy_ev + own,
        forces.detach().double().reshape(-1, 3).cpu().numpy() * options.energy_ev / options.length_angstrom,
    )


def _inputs(calculator: "ModuleCalculator", batch: Batch, positions) -> dict:
    torch, wanted = calculator._torch, calculator._plan.inputs
    whole, real, m = calculator._whole, calculator._real, len(batch)
    given = {
        "numbers": whole(batch.numbers),
        "types": calculator._types(batch.numbers),
        "positions": positions,
        "cell": real(np.zeros((m, 3, 3))),
        "pbc": torch.zeros((m, 3), dtype=torch.bool, device=calculator._device),
        "charge": real(np.full(m, calculator.options.charge or 0)),
        "spin": real(_lowest_spins(batch) if calculator.options.spin is None else np.full(m, calculator.options.spin)),
        "batch": whole(np.repeat(np.arange(m), batch.sizes)),
        "ptr": whole(batch.offsets),
        "n_graphs": m,
    }
    if wanted & set(GRAPH_INPUTS):
        edges = batch_edges(batch.positions, batch.offsets, calculator._cutoff)
        index = whole(edges.index)
        vectors = positions[index[1]] - positions[index[0]]
        none = real(np.zeros((edges.index.shape[1], 3)))
        given |= {
            "edge_index": index,
            "edge_vectors": vectors,
            "edge_lengths": vectors.norm(dim=1),
            "shifts": none,
            "unit_shifts": none,
        }
    return given


def _lowest_spins(batch: Batch) -> np.ndarray:
    """The lowest multiplicity of each neutral molecule, (M,)."""
    return 1 + np.add.reduceat(batch.numbers, batch.offsets[:-1]) % 2
