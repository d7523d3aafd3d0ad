"""What every wrapped potential shares: units, per-element shifts, charge, and central differences on request."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import atomic_numbers as NUMBER_OF

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.outputs import read_energy, read_forces
from compcalc.calculators.state import check_state_arguments, electronic_state, refuse_charged
from compcalc.errors import InputError, UnknownNameError
from compcalc.units import ENERGY_UNITS_EV, LENGTH_UNITS_ANGSTROM

FORCES = ("auto", "autograd", "differences")
ENERGY_KEYS = ("energy", "E", "e", "energies", "total_energy", "potential_energy", "y")
FORCE_KEYS = ("forces", "F", "f", "force")


@dataclass(frozen=True)
class WrapOptions:
    """How a wrapped potential is to be understood.

    Attributes:
        name: what to call it in messages.
        energy_unit: of the energies that it returns; forces are in this unit over `length_unit`.
        length_unit: of the positions and cells that it is given.
        forces: `auto` takes forces where it returns them, and for torch modules the gradient where it does not;
            `autograd` always takes the gradient; `differences` always takes central differences of the energy.
        step_angstrom: displacement of the central differences, angstrom.
        shifts_ev: symbol -> eV added for each atom of that element.
        charge: total charge, units of e; None: as the atoms say, else 0.
        spin: multiplicity 2S+1; None: as the atoms say, else the lowest.
        elements: symbols that it covers; None: not known.

    Raises:
        UnknownNameError: another unit, another source of forces, or a symbol that is no element.
        InputError: a step, charge, spin or shift that cannot be used.
    """

    name: str
    energy_unit: str = "eV"
    length_unit: str = "angstrom"
    forces: str = "auto"
    step_angstrom: float = 1e-3
    shifts_ev: Mapping[str, float] = field(default_factory=dict)
    charge: int | None = None
    spin: int | None = None
    elements: Collection[str] | None = None

    def __post_init__(self):
        if self.energy_unit not in ENERGY_UNITS_EV:
            raise UnknownNameError("energy_unit", self.energy_unit, ENERGY_UNITS_EV)
        if self.length_unit not in LENGTH_UNITS_ANGSTROM:
            raise UnknownNameError("length_unit", self.length_unit, LENGTH_UNITS_ANGSTROM)
        if self.forces not in FORCES:
            raise UnknownNameError("forces", self.forces, FORCES)
        if not 1e-6 <= self.step_angstrom <= 0.1:
            raise InputError("step_angstrom", self.step_angstrom, "1e-6 to 0.1, in angstrom")
        check_state_arguments(self.charge, self.spin)
        for symbol in (*self.shifts_ev, *(self.elements or ())):
            if symbol not in NUMBER_OF:
                raise UnknownNameError("element", symbol, list(NUMBER_OF)[1:])
        for symbol, value in self.shifts_ev.items():
            if not np.isfinite(value):
                raise InputError(f"shifts[{symbol!r}]", value, "a finite number, in eV")

    @property
    def energy_ev(self) -> float:
        """One energy unit in eV."""
        return ENERGY_UNITS_EV[self.energy_unit]

    @property
    def length_angstrom(self) -> float:
        """One length unit in angstrom."""
        return LENGTH_UNITS_ANGSTROM[self.length_unit]


class WrappedCalculator(PotentialCalculator):
    """Base of wrapped potentials: subclasses define `raw`, in the potential's own units.

    Args:
        options: how to understand it.
    """

    knows_charge = False

    def __init__(self, options: WrapOptions):
        super().__init__()
        self.options, self.label_name, self.known_elements = options, options.name, options.elements
        if not self.knows_charge and (options.charge or (options.spin or 1) != 1):
            raise InputError(
                "charge" if options.charge else "spin",
                options.charge or options.spin,
                "none",
                f"{options.name} takes no argument called charge or spin: it would ignore this.",
            )

    def raw(self, atoms: Atoms, with_forces: bool) -> tuple[object, object]:
        """Energy and forces (or None) as the potential returns them, in its own units."""
        raise TypeError(f"{type(self).__name__} does not define raw")

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of a system.

        Raises:
            CalculationFailed: the potential failed, or returned something other than one energy and (N, 3) forces.
            InputError: a charge or spin that it would ignore.
        """
        if not self.knows_charge:
            refuse_charged(atoms, self.label_name)
        if self.options.forces == "differences":
            return self._energy(atoms), self._differences(atoms)
        energy, forces = self.raw(atoms, with_forces=True)
        if forces is None:
            raise CalculationFailed(
                f"{self.label_name} returned an energy and no forces. Choose forces='differences' for central "
                "differences of the energy, or forces='autograd' where it computes with torch tensors."
            )
        scale = self.options.energy_ev / self.options.length_angstrom
        return self._in_ev(energy, atoms), read_forces(forces, len(atoms), self.label_name) * scale

    def state_of(self, atoms: Atoms):
        """Charge and multiplicity of `atoms` under these options."""
        return electronic_state(atoms, self.options.charge, self.options.spin)

    def _energy(self, atoms: Atoms) -> float:
        return self._in_ev(self.raw(atoms, with_forces=False)[0], atoms)

    def _in_ev(self, energy, atoms: Atoms) -> float:
        shift = sum(self.options.shifts_ev.get(symbol, 0.0) for symbol in atoms.symbols)
        return read_energy(energy, self.label_name) * self.options.energy_ev + shift

    def _differences(self, atoms: Atoms) -> np.ndarray:
        """Forces from central differences of the energy, eV/angstrom, (N, 3): 6 N evaluations."""
        step, forces = self.options.step_angstrom, np.zeros((len(atoms), 3))
        for index in np.ndindex(*forces.shape):
            energies = []
            for sign in (1, -1):
                moved = atoms.copy()
                moved.positions[index] += sign * step
                energies.append(self._energy(moved))
            forces[index] = (energies[1] - energies[0]) / (2 * step)
        return forces


class AdaptedCalculator(WrappedCalculator):
    """An ASE calculator in other units, with element shifts or with central differences.

    Args:
        inner: the calculator, whose results are in the units of the options.
        options: how to understand it.
    """

    knows_charge = True

    def __init__(self, inner: PotentialCalculator, options: WrapOptions):
        super().__init__(options)
        self.inner = inner

    def forget(self) -> None:
        """Also of the calculator inside."""
        super().forget()
        self.inner.forget()

    def raw(self, atoms: Atoms, with_forces: bool) -> tuple[object, object]:
        """Energy and forces in the calculator's units, at positions in its length unit."""
        scaled = in_length_unit(atoms, self.options.length_angstrom)
        energy = self.inner.get_potential_energy(scaled)
        return energy, self.inner.get_forces(scaled) if with_forces else None


def in_length_unit(atoms: Atoms, angstrom: float) -> Atoms:
    """A copy whose positions and cell are numbers in a length unit of so many angstrom."""
    copy = atoms.copy()
    if angstrom != 1.0:
        copy.set_cell(copy.cell.array / angstrom, scale_atoms=False)
        copy.positions /= angstrom
    return copy


def split_output(output, potential: str) -> tuple[object, object]:
    """Energy and forces (or None) from an energy, an (energy, forces) pair, a dictionary or a named tuple.

    Raises:
        CalculationFailed: none of these.
    """
    if hasattr(output, "_asdict"):
        output = output._asdict()
    if isinstance(output, Mapping):
        energy = _first(output, ENERGY_KEYS)
        if energy is None:
            raise CalculationFailed(
                f"{potential} returned a dictionary without an energy; its keys: {', '.join(map(str, output))}; "
                f"read are {', '.join(ENERGY_KEYS)} and {', '.join(FORCE_KEYS)}"
            )
        return energy, _first(output, FORCE_KEYS)
    if isinstance(output, (tuple, list)) and len(output) in (1, 2) and not np.isscalar(output):
        return (output[0], output[1]) if len(output) == 2 else (output[0], None)
    if isinstance(output, (tuple, list)) or output is None:
        got = "nothing" if output is None else f"{len(output)} values"
        raise CalculationFailed(f"{potential} returned {got}; allowed: energy, (energy, forces) or a dictionary")
    return output, None


def _first(table: Mapping, keys: tuple[str, ...]):
    return next((table[key] for key in keys if key in table and table[key] is not None), None)
