"""`wrap`: anything that gives an energy, as a calculator that ASE and compcalc can trust."""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from ase.calculators.calculator import BaseCalculator

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.checked import CheckedCalculator
from compcalc.calculators.wrapping.call_plan import asks_for_geometry
from compcalc.calculators.wrapping.function import FunctionCalculator
from compcalc.calculators.wrapping.torch_file import exported_module, load_module
from compcalc.calculators.wrapping.wrapped import AdaptedCalculator, WrapOptions
from compcalc.errors import InputError

_ALLOWED = (
    "a function of atoms or of (numbers, positions[, cell, pbc]), a torch module, the path of a TorchScript file or of "
    "an exported program, or an ASE calculator"
)


def wrap(
    obj,
    *,
    name: str | None = None,
    energy_unit: str = "eV",
    length_unit: str = "angstrom",
    forces: str = "auto",
    step: float = 1e-3,
    shifts: Mapping[str, float] | None = None,
    charge: int | None = None,
    spin: int | None = None,
    elements: Collection[str] | None = None,
    batched: bool = False,
    cutoff: float | None = None,
    dtype: str | None = None,
    device: str | None = None,
    trust_pickle: bool = False,
) -> PotentialCalculator:
    """An ASE calculator from `obj`, with energies in eV, forces in eV/angstrom and every fault of an input named.

    Args:
        obj: a Python function of `atoms`, or of (numbers (N,), positions (N, 3)[, cell (3, 3), pbc (3,)]) in this order
            or by name, that returns an energy, (energy, forces (N, 3)) or a dictionary with `energy` and `forces`; a
            `torch.nn.Module`, scripted module or exported program, whose `forward` takes such inputs or a graph by name
            (`ModuleCalculator` lists them) and returns the same; the path of a TorchScript file or of an exported
            program; or an ASE calculator, which is passed through with its results checked.
        name: what to call it in messages; default: the name of the function, class or file.
        energy_unit: of what `obj` returns: eV, meV, hartree, rydberg, kcal/mol or kJ/mol. Forces are in this unit over
            `length_unit`.
        length_unit: of positions, cells and cut-off attributes that `obj` understands: angstrom, bohr or nm.
        forces: `auto`: where `obj` returns forces, those; else, for a module, minus the gradient of the energy by
            autograd. `autograd`: always the gradient; a function then gets torch tensors. `differences`: central
            differences of the energy, 6N + 1 evaluations.
        step: displacement of the central differences, angstrom.
        shifts: symbol -> eV added to the energy for each atom of that element.
        charge: total charge, units of e, for every system; None: as the atoms say, else 0. Refused where `obj` takes
            neither a parameter called charge nor atoms.
        spin: multiplicity 2S+1, in the same way; None: as the atoms say, else the lowest.
        elements: symbols that `obj` covers, others are refused; for what takes `types`, in the order of the types.
        batched: a module's inputs have a leading axis over structures.
        cutoff: of a module's graph, angstrom; None: its own attribute `cutoff` or `r_max`.
        dtype: `float32` or `float64` for a module; None: the type of its parameters.
        device: torch device for a module; None: that of its parameters.
        trust_pickle: whether a pickled module may be loaded, which runs whatever code it holds.

    Raises:
        InputError: `obj` is none of these, or an argument has a value that cannot be used.
        UnknownNameError: an unknown unit, element, dtype or source of forces.
        DataError: a file is missing or damaged.

    Examples:
        >>> import numpy as np, compcalc
        >>> from ase import Atoms
        >>> def spring(numbers, positions):
        ...     bond = positions[1] - positions[0]
        ...     return 0.5 * (np.linalg.norm(bond) - 0.74) ** 2
        >>> h2 = Atoms("H2", [[0, 0, 0], [0, 0, 0.84]], calculator=compcalc.wrap(spring, forces="differences"))
        >>> round(h2.get_forces()[1, 2], 6)
        -0.1
    """
    if isinstance(obj, type):
        raise InputError("obj", obj.__name__, _ALLOWED, f"This is a class: pass an instance, {obj.__name__}(...).")
    module = {"batched": batched, "cutoff_angstrom": cutoff, "dtype": dtype, "device": device}
    parameters = None
    if isinstance(obj, (str, Path)):
        name = name or Path(obj).name
        obj, parameters = load_module(Path(obj), trust_pickle, device)
    options = WrapOptions(
        name=name or getattr(obj, "__name__", type(obj).__name__),
        energy_unit=energy_unit,
        length_unit=length_unit,
        forces=forces,
        step_angstrom=step,
        shifts_ev=dict(shifts or {}),
        charge=charge,
        spin=spin,
        elements=None if elements is None else tuple(elements),
    )
    if _is_torch(obj):
        return _from_module(obj, options, module, parameters)
    useless = [key.removesuffix("_angstrom") for key, value in module.items() if value]
    if useless:
        raise InputError(useless[0], module.get(useless[0], cutoff), "none", f"{options.name} is no torch module.")
    if isinstance(obj, BaseCalculator):
        return _from_ase(obj, options)
    if not callable(obj):
        raise InputError("obj", type(obj).__name__, _ALLOWED)
    return FunctionCalculator(obj, options)


def is_wrappable(obj, by_name: bool = False) -> bool:
    """Whether `wrap` takes an object that is no ASE calculator: a module, or a function of the geometry.

    Args:
        obj: anything.
        by_name: a function counts only if the names of its parameters say that they are a geometry.
    """
    if _is_torch(obj):
        return True
    if not callable(obj) or isinstance(obj, type):
        return False
    return asks_for_geometry(obj) if by_name else True


def _is_torch(obj) -> bool:
    # Whoever passes a module has imported torch.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(obj, (torch.nn.Module, torch.export.ExportedProgram))


def _from_module(obj, options: WrapOptions, module: dict, parameters) -> PotentialCalculator:
    from compcalc.calculators.wrapping.module import ModuleCalculator

    if not hasattr(obj, "forward"):
        obj, parameters = exported_module(obj)
    return ModuleCalculator(obj, options, parameters=parameters, **module)


def _from_ase(calculator: BaseCalculator, options: WrapOptions) -> PotentialCalculator:
    if options.forces == "autograd":
        raise InputError("forces", "autograd", "auto, differences", f"{options.name} is an ASE calculator.")
    checked = CheckedCalculator(
        calculator,
        options.name,
        knows_charge=None if options.charge is None and options.spin is None else True,
        charge=options.charge,
        spin=options.spin,
        known_elements=options.elements,
    )
    plain = WrapOptions(options.name, charge=options.charge, spin=options.spin, elements=options.elements)
    return checked if options == plain else AdaptedCalculator(checked, options)
