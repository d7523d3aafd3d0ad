"""The charge and spin of a system: one meaning for every potential, and refusal where a potential would ignore them.

`charge` is the total charge in units of e. `spin` is the spin multiplicity 2S+1: 1 a singlet, 2 a doublet (one unpaired
electron), 3 a triplet; None stands for the lowest that the number of electrons allows. Both may be given to the
calculator or in `atoms.info["charge"]` and `atoms.info["spin"]` (or `["multiplicity"]`); ASE's initial charges and
magnetic moments count through their sums. Two sources that disagree are an error, never a silent choice.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from compcalc.errors import InputError

INFO_KEYS = ("charge", "spin", "multiplicity")
"""Entries of `atoms.info` that belong to the state."""

_MEANING = "the spin multiplicity 2S+1, a whole number from 1: 1 is a singlet, 2 a doublet"


@dataclass(frozen=True)
class ElectronicState:
    """Charge and spin multiplicity of a system.

    Attributes:
        charge: total charge, units of e.
        spin: multiplicity 2S+1.
    """

    charge: int
    spin: int

    @property
    def unpaired(self) -> int:
        """Number of unpaired electrons, 2S."""
        return self.spin - 1


def electronic_state(atoms: Atoms, charge: int | None = None, spin: int | None = None) -> ElectronicState:
    """The state that the calculator's arguments and `atoms` ask for.

    Args:
        atoms: the system; its `info`, initial charges and initial magnetic moments are read.
        charge: the calculator's own setting, units of e, or None.
        spin: the calculator's own setting, the multiplicity 2S+1, or None.

    Raises:
        InputError: two sources disagree, a value is not whole, or the number of electrons does not allow the spin.
    """
    _, asked = _agreed("charge", [("charge", charge), *_from_atoms(atoms, "charge")])
    total = 0 if asked is None else asked
    electrons = int(atoms.numbers.sum()) - total
    source, multiplicity = _agreed("spin", [("spin", spin), *_from_atoms(atoms, "spin")])
    if multiplicity is None:
        return ElectronicState(total, 1 + electrons % 2)
    if multiplicity < 1 or multiplicity > electrons + 1 or (multiplicity - 1 - electrons) % 2:
        lowest = 1 + electrons % 2
        raise InputError(
            source,
            multiplicity,
            f"{lowest}, {lowest + 2}, ... for {electrons} electrons",
            f"It is {_MEANING}.",
        )
    return ElectronicState(total, multiplicity)


def check_state_arguments(charge: int | None, spin: int | None) -> None:
    """Refuse a charge or a spin that cannot mean anything, when a calculator is built.

    Raises:
        InputError: not a whole number, or a multiplicity below 1.
    """
    if charge is not None:
        _whole("charge", charge, "a whole number, in units of e")
    if spin is not None and _whole("spin", spin, _MEANING) < 1:
        raise InputError("spin", spin, _MEANING)


def refuse_charged(atoms: Atoms, potential: str) -> None:
    """Refuse a charge or an excited spin state that `potential`, which knows neither, would ignore.

    Raises:
        InputError: the system is not neutral, or not in its lowest multiplicity.
    """
    state = electronic_state(atoms)
    if state.charge:
        source, _ = _agreed("charge", _from_atoms(atoms, "charge"))
        raise InputError(source, state.charge, "0", f"{potential} has no charge: it would compute the neutral system.")
    refuse_spin(atoms, state, potential)


def refuse_spin(atoms: Atoms, state: ElectronicState, potential: str) -> None:
    """Refuse a spin other than the lowest, which `potential` would ignore.

    Raises:
        InputError: it is another.
    """
    lowest = 1 + (int(atoms.numbers.sum()) - state.charge) % 2
    if state.spin != lowest:
        source, _ = _agreed("spin", _from_atoms(atoms, "spin"))
        raise InputError(source, state.spin, str(lowest), f"{potential} has no spin: it would ignore this.")


def _from_atoms(atoms: Atoms, what: str) -> list[tuple[str, object]]:
    """(source, value) of every place of `atoms` that speaks of the charge or the spin."""
    if what == "charge":
        found = [("atoms.info['charge']", atoms.info.get("charge"))]
        total = float(atoms.get_initial_charges().sum()) if atoms.has("initial_charges") else 0.0
        # Partial charges that add up to nothing say nothing, and their sum carries rounding.
        return [*found, ("sum of atoms.get_initial_charges()", _rounded(total) or None)]
    found = [(f"atoms.info[{key!r}]", atoms.info.get(key)) for key in ("spin", "multiplicity")]
    moments = np.asarray(atoms.get_initial_magnetic_moments()) if atoms.has("initial_magmoms") else np.zeros(1)
    moment = abs(float(moments.sum())) if moments.ndim == 1 else float(np.linalg.norm(moments.sum(axis=0)))
    return [
        *found,
        ("1 + the sum of atoms.get_initial_magnetic_moments()", _rounded(moment + 1) if moment > 1e-6 else None),
    ]


def _rounded(value: float) -> float:
    return round(value) if abs(value - round(value)) < 1e-6 else value


def _agreed(what: str, sources: list[tuple[str, object]]) -> tuple[str, int | None]:
    """(source, value) that all `sources` with a value agree on."""
    given = [(source, value) for source, value in sources if value is not None]
    if not given:
        return what, None
    allowed = _MEANING if what == "spin" else "a whole number, in units of e"
    values = [_whole(source, value, allowed) for source, value in given]
    if len(set(values)) > 1:
        listed = ", ".join(f"{source} = {value}" for (source, _), value in zip(given, values, strict=True))
        raise InputError(what, listed, "one value", "Remove all but one of them, or make them agree.")
    return given[0][0], values[0]


def _whole(name: str, value, allowed: str) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if isinstance(value, bool) or not np.isfinite(number) or number != round(number):
        raise InputError(name, value, allowed)
    return round(number)
