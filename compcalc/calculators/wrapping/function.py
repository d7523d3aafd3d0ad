"""A Python function of atoms or of arrays as a calculator."""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed

from compcalc.calculators.wrapping.call_plan import GRAPH_INPUTS, plan_function
from compcalc.calculators.wrapping.wrapped import (
    WrapOptions,
    WrappedCalculator,
    in_length_unit,
    split_output,
)
from compcalc.errors import InputError


class FunctionCalculator(WrappedCalculator):
    """Energy and forces from a function; it gets copies, so that it cannot change the caller's arrays.

    Args:
        function: of `atoms`, or of (numbers, positions[, cell, pbc]) in this order or by name; also `charge` and
            `spin` by name. Numbers are (N,) int, positions (N, 3), cell (3, 3), in the length unit of the options; it
            returns an energy, (energy, forces) or a dictionary. With `forces='autograd'` it gets float64 torch tensors.
        options: how to understand it.

    Raises:
        InputError: a parameter that means nothing known, or a charge that it would ignore.
    """

    def __init__(self, function: Callable, options: WrapOptions):
        self.function = function
        self._plan = plan_function(function, options.name)
        graph = self._plan.inputs & {*GRAPH_INPUTS, "batch", "ptr", "n_graphs"}
        if graph:
            raise InputError(
                f"parameters of {options.name}",
                sorted(graph),
                "atoms, numbers, positions, cell, pbc, charge, spin",
                "Only a torch module is given a graph.",
            )
        if "types" in self._plan.inputs and not options.elements:
            raise InputError("elements", None, "the symbols in the order of the types", f"{options.name} takes types.")
        # Of what is passed in `atoms`, nobody knows what the function reads.
        self.knows_charge = bool(self._plan.inputs & {"charge", "spin", "atoms"})
        super().__init__(options)

    def raw(self, atoms: Atoms, with_forces: bool) -> tuple[object, object]:
        """What the function returns; with `forces='autograd'`, minus the gradient of its energy as forces."""
        given = self._arrays(atoms)
        if self.options.forces == "autograd":
            return self._with_gradient(given)
        return split_output(self._plan.call(self.function, given), self.label_name)

    def _arrays(self, atoms: Atoms) -> dict:
        state = self.state_of(atoms)
        copy = in_length_unit(atoms, self.options.length_angstrom)
        if self.options.charge is not None or self.options.spin is not None:
            copy.info |= {"charge": state.charge, "spin": state.spin}
        given = {
            "atoms": copy,
            "numbers": copy.numbers.copy(),
            "positions": copy.positions.copy(),
            "cell": copy.cell.array.copy(),
            "pbc": copy.pbc.copy(),
            "charge": state.charge,
            "spin": state.spin,
        }
        if self.options.elements:
            order = list(self.options.elements)
            given["types"] = np.array([order.index(symbol) for symbol in copy.symbols])
        return given

    def _with_gradient(self, given: dict) -> tuple[object, object]:
        import torch

        tensors = {k: torch.as_tensor(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
        positions = tensors["positions"].requires_grad_()
        energy, _ = split_output(self._plan.call(self.function, tensors), self.label_name)
        return energy, minus_gradient(torch, energy, positions, self.label_name)


def minus_gradient(torch, energy, positions, potential: str):
    """Minus the gradient of `energy` with respect to `positions`, a tensor of the shape of `positions`.

    Raises:
        CalculationFailed: the energy is no tensor that depends on the positions.
    """
    if not isinstance(energy, torch.Tensor) or not energy.requires_grad:
        raise CalculationFailed(
            f"{potential}: its energy carries no gradient with respect to the positions, so that autograd gives no "
            "forces. Compute it with torch operations alone, or choose forces='differences'."
        )
    if energy.numel() != 1:
        raise CalculationFailed(f"{potential}: energy has shape {tuple(energy.shape)}; allowed: one number")
    (gradient,) = torch.autograd.grad(energy.sum(), positions, allow_unused=True)
    if gradient is None:
        raise CalculationFailed(f"{potential}: its energy does not depend on the positions")
    return -gradient
