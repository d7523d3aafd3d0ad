"""What ASE expects a calculator to offer and to return."""

import inspect

import numpy as np
from ase.calculators.calculator import BaseCalculator, all_changes
from ase.outputs import Properties, all_outputs

from compcalc.checks.asking import attempt, forget_everything, reason
from compcalc.checks.check import check
from compcalc.checks.difference import difference
from compcalc.checks.finding import Finding, failed, not_applicable, passed, warned
from compcalc.checks.subject import Subject
from compcalc.checks.tolerances import LARGEST_FORCE

NEEDS_CELL = ("stress", "stresses")


@check("energy and forces", evaluations=1, needs=())
def evaluates(subject: Subject) -> Finding:
    """A finite energy and finite (N, 3) forces of the test molecule."""
    result, error = attempt(lambda: subject.base)
    if error is not None:
        return failed(
            f"It gives no usable result for {subject.molecule}: {reason(error)}. Nothing else can be examined; choose "
            "a molecule that it covers, or mend this first."
        )
    largest = float(np.abs(result[1]).max())
    details = {"energy_ev": result[0], "dtype": subject.dtype}
    if largest > LARGEST_FORCE:
        return warned(
            f"Forces up to {largest:.3g} eV/angstrom on {subject.molecule}: it is made for other molecules. Give one "
            "that it covers; the numbers below say little.",
            largest, "eV/angstrom", LARGEST_FORCE, **details,
        )  # fmt: skip
    return passed("Finite energy and forces of the right shape.", largest, "eV/angstrom", LARGEST_FORCE, **details)


@check("first call", evaluations=1, needs=("evaluates",), guarded=True)
def first_call(subject: Subject) -> Finding:
    """A first call that is told that only the positions changed."""
    first = subject.first_call
    if first.error is not None:
        return failed(
            "The first call fails when system_changes is ['positions'], with "
            f"{reason(first.error)}. ASE gives system_changes as a hint: set up what is missing, whatever it says."
        )
    found = difference(subject, first.result, subject.base)
    return found.finding(
        "The first call works whatever it is told has changed.",
        f"A first call with system_changes=['positions'] differs from an ordinary one: {found.words}. Set up "
        "everything on the first call.",
    )


@check("types of the results", evaluations=1, needs=("evaluates",), guarded=True)
def result_types(subject: Subject) -> Finding:
    """A plain float and a float64 array in `results`."""
    subject.ask_fresh(subject.atoms)
    results = getattr(subject.raw, "results", {})
    if "energy" not in results or "forces" not in results:
        return warned("`results` holds no energy or no forces after a call; trajectory writers find nothing to store.")
    energy, forces = results["energy"], results["forces"]
    kinds = {"energy": _kind(energy), "forces": _kind(forces)}
    _, error = attempt(lambda: Properties({"energy": energy, "forces": forces}))
    if error is not None:
        return failed(
            f"results['energy'] is a {kinds['energy']} and results['forces'] a {kinds['forces']}; ASE's get_properties "
            f"stops with {reason(error)}. Store float(energy) and a float64 array of shape (N, 3).",
            **kinds,
        )
    if not isinstance(forces, np.ndarray):
        return failed(
            f"results['forces'] is a {kinds['forces']}. Store an array, which dynamics computes with.", **kinds
        )
    if not isinstance(energy, float) or forces.dtype != np.float64:
        return warned(
            f"results['energy'] is a {kinds['energy']} and results['forces'] a {kinds['forces']}. ASE copes, but sums "
            "over many steps lose digits and JSON refuses them: store float(energy) and float64 forces.",
            **kinds,
        )
    return passed("A plain float and float64 forces.", **kinds)


def _kind(value) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array of shape {value.shape}"
    return type(value).__name__


@check("names of the results", evaluations=1, needs=("evaluates",), guarded=True)
def result_names(subject: Subject) -> Finding:
    """Only properties that ASE knows in `results`."""
    subject.ask_fresh(subject.atoms)
    unknown = sorted(set(getattr(subject.raw, "results", {})) - set(all_outputs))
    if unknown:
        return warned(
            f"`results` also holds {', '.join(unknown)}, which ASE does not know: atoms.get_properties stops with "
            "KeyError. Keep extras in an attribute of their own.",
            unknown=unknown,
        )
    return passed("Only names that ASE knows.")


@check("free_energy", evaluations=1, needs=("evaluates",), guarded=True)
def free_energy(subject: Subject) -> Finding:
    """`free_energy` present and equal to the energy."""
    energy, _ = subject.ask_fresh(subject.atoms)
    free, error = attempt(lambda: float(np.reshape(subject.raw.get_property("free_energy", subject.atoms.copy()), ())))
    if error is not None:
        return failed(
            f"free_energy is missing ({reason(error)}). ASE's optimisers and Nose-Hoover dynamics ask for it first, "
            "and some stop without it: put the energy into results['free_energy'] and implemented_properties."
        )
    value, limit = abs(free - energy), subject.energy_limit(subject.tolerances.energy)
    if value <= limit:
        return passed("free_energy is there and equals the energy.", value, "eV", limit)
    return warned(
        f"free_energy differs from energy by {value:.3g} eV. That is right only where electrons are smeared, and the "
        "forces then belong to free_energy; else store the energy under both names.",
        value, "eV", limit,
    )  # fmt: skip


@check("implemented_properties", evaluations=4, needs=("evaluates",), guarded=True)
def implemented_properties(subject: Subject) -> Finding:
    """A list of the class's own, each entry of which works."""
    claimed = list(subject.raw.implemented_properties)
    shared = BaseCalculator.implemented_properties
    if shared and subject.raw.implemented_properties is shared:
        return failed(
            f"ASE's own list of properties now holds {', '.join(shared)}, because this calculator or another extended "
            "the list that it inherited, and all that inherit it claim the same. Write implemented_properties = [...]."
        )
    if not {"energy", "forces"} <= set(claimed):
        return failed(f"implemented_properties lists {claimed}; energy and forces work and belong in it.")
    broken = {}
    for name in claimed:
        if name not in NEEDS_CELL:
            forget_everything(subject.raw)
            _, error = attempt(lambda name=name: subject.raw.get_property(name, subject.atoms.copy()))
            if error is not None:
                broken[name] = reason(error, 80)
    if broken:
        words = "; ".join(f"{name} ({why})" for name, why in broken.items())
        return warned(f"It claims what does not work: {words}. List only what works.", broken=broken)
    return passed(f"Claims {', '.join(claimed)}, and each works.", claimed=claimed)


@check("signature of calculate", evaluations=0, needs=(), guarded=True)
def signature(subject: Subject) -> Finding:
    """`calculate(atoms=None, properties=..., system_changes=all_changes)`."""
    try:
        parameters = inspect.signature(subject.raw.calculate)
    except (TypeError, ValueError, AttributeError) as error:
        return not_applicable(f"The signature cannot be read: {reason(error)}")
    _, error = attempt(lambda: parameters.bind(None, properties=["energy"], system_changes=all_changes))
    if error is not None:
        return failed(
            f"calculate{parameters} does not take (atoms, properties, system_changes): {error}. ASE does that."
        )
    _, error = attempt(lambda: parameters.bind())
    if error is not None:
        return warned(
            f"calculate{parameters} has arguments without defaults, which some callers omit: write "
            "calculate(self, atoms=None, properties=None, system_changes=all_changes)."
        )
    return passed("calculate takes what ASE gives it.")
