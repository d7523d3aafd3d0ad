"""Whether results belong to the atoms that they are asked for: everything that changes the state is computed anew.

Each check evaluates a molecule, changes one thing about it, asks again through the calculator's cache, and compares
with what the calculator says when it has forgotten everything.
"""

from collections.abc import Callable
from numbers import Real

import numpy as np
from ase import Atoms

from compcalc.checks.asking import attempt, forget_everything
from compcalc.checks.check import check
from compcalc.checks.difference import carried_over
from compcalc.checks.finding import Finding, failed, not_applicable, passed, warned
from compcalc.checks.subject import Subject

MOVE_ANGSTROM = 0.1
MOST_PARAMETERS = 4


@check("moved atoms are recomputed", evaluations=4, needs=("evaluates",))
def moved_atoms(subject: Subject) -> Finding:
    """Energy and forces change when an atom moves by 0.1 angstrom, and come back when it moves back."""
    atoms = subject.atoms.copy()
    first = subject.ask_fresh(atoms)
    atom = int(np.flatnonzero(atoms.numbers == atoms.numbers.min())[0])
    if len(atoms) == 1:
        return not_applicable("Moving a single atom changes nothing.")
    atoms.positions[atom] += MOVE_ANGSTROM * np.array([0.6, 0.0, 0.8])
    moved = subject.ask(atoms)
    # Two evaluations of different geometries never agree in every digit, unless one of them was not made.
    same = {"energy": moved[0] == first[0], "forces": np.array_equal(moved[1], first[1])}
    stale = [name for name, unchanged in same.items() if unchanged]
    if len(stale) == 2 and not first[1].any():
        return warned(
            f"No force acts on {subject.molecule}, and moving an atom by {MOVE_ANGSTROM} angstrom changes nothing: the "
            "potential is flat, or does not reach from atom to atom. Is it meant for this molecule?"
        )
    if stale:
        return failed(
            f"After {atoms.symbols[atom]}{atom} has moved by {MOVE_ANGSTROM} angstrom, the {' and '.join(stale)} of "
            "the old geometry come back: results are kept too long. Compare positions before reusing a result.",
            stale=stale,
        )
    found = carried_over(subject, moved, subject.ask_fresh(atoms))
    if not found.ok:
        return found.finding("", f"After an atom has moved, results differ from a fresh start: {found.words}.")
    atoms.positions[atom] -= MOVE_ANGSTROM * np.array([0.6, 0.0, 0.8])
    found = carried_over(subject, subject.ask(atoms), first)
    return found.finding(
        "Moved atoms are computed anew, and moving back restores the result.",
        f"After an atom has moved and come back, {found.words} are off: something of the last geometry is kept.",
        energy_change_ev=abs(moved[0] - first[0]),
    )


@check("changed cell is recomputed", evaluations=6)
def changed_cell(subject: Subject) -> Finding:
    """A new cell and new periodic directions reach the potential."""

    def box(atoms: Atoms) -> None:
        atoms.set_cell(np.ptp(atoms.positions, axis=0) + 2.5)

    def periodic(atoms: Atoms) -> None:
        box(atoms)
        atoms.pbc = True

    return _recomputed(subject, {"cell": box, "cell and pbc": periodic})


@check("changed elements are recomputed", evaluations=3)
def changed_elements(subject: Subject) -> Finding:
    """Two atoms that swap their elements are another molecule."""
    numbers = subject.atoms.numbers
    if np.all(numbers == numbers[0]):
        return not_applicable("The test molecule has one element.")

    def swap(atoms: Atoms) -> None:
        other = int(np.flatnonzero(atoms.numbers != atoms.numbers[0])[0])
        atoms.numbers[[0, other]] = atoms.numbers[[other, 0]]

    return _recomputed(subject, {"elements": swap})


@check("changed charge is recomputed", evaluations=6)
def changed_charge(subject: Subject) -> Finding:
    """A new charge or spin in `atoms.info` is not answered from the cache."""
    return _recomputed(
        subject,
        {
            "charge in atoms.info": lambda atoms: atoms.info.update(charge=1),
            "spin in atoms.info": lambda atoms: atoms.info.update(spin=3),
        },
    )


@check("changed parameters are recomputed", evaluations=2 * MOST_PARAMETERS)
def changed_parameters(subject: Subject) -> Finding:
    """`calculator.set(name=value)` reaches the next result."""
    parameters = getattr(subject.raw, "parameters", None) or {}
    names = [k for k, v in dict(parameters).items() if isinstance(v, Real) and not isinstance(v, bool) and v]
    if not names or not callable(getattr(subject.raw, "set", None)):
        return not_applicable("It has no numbers among its parameters.")
    stale = [name for name in names[:MOST_PARAMETERS] if _stale_after_set(subject, name, parameters[name])]
    if stale:
        return warned(
            f"After calculator.set({stale[0]}=...) the old result comes back for the same atoms. Set "
            "discard_results_on_any_change = True, or build a new calculator for new parameters.",
            stale=stale,
        )
    return passed("New parameters are used at once.", tried=names[:MOST_PARAMETERS])


def _stale_after_set(subject: Subject, name: str, value) -> bool:
    atoms = subject.atoms.copy()
    subject.ask_fresh(atoms)
    try:
        subject.raw.set(**{name: type(value)(value * 1.1) if isinstance(value, float) else value + 1})
        cached, _ = attempt(lambda: subject.ask(atoms))
        fresh, _ = attempt(lambda: subject.ask_fresh(atoms))
    except (Exception, SystemExit):  # the parameter takes other values only
        return False
    finally:
        attempt(lambda: subject.raw.set(**{name: value}))
        forget_everything(subject.raw)
    return cached is not None and fresh is not None and not carried_over(subject, cached, fresh).ok


def _recomputed(subject: Subject, changes: dict[str, Callable[[Atoms], None]]) -> Finding:
    """Fails where the cache answers after a change that a fresh start notices, by another result or by refusing."""
    noticed = []
    for words, change in changes.items():
        atoms = subject.atoms.copy()
        before = subject.ask_fresh(atoms)
        change(atoms)
        cached, _ = attempt(lambda atoms=atoms: subject.ask(atoms))
        fresh, refused = attempt(lambda atoms=atoms: subject.ask_fresh(atoms))
        if cached is not None and (refused is not None or not carried_over(subject, cached, fresh).ok):
            what = "it refuses" if refused is not None else f"changes {carried_over(subject, cached, fresh).words}"
            return failed(
                f"After a change of {words}, which {what} when asked afresh, the old result comes back. Let "
                "check_state report the change, so that results are computed anew.",
                change=words,
            )
        if refused is not None or not carried_over(subject, fresh, before).ok:
            noticed.append(words)
    seen = f"It notices {' and '.join(noticed)}." if noticed else "The change makes no difference to it."
    return passed(seen, noticed=noticed)
