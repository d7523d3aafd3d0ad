"""Whether calls keep apart: from the caller's atoms, from arrays handed out before, from other molecules."""

import numpy as np
from ase import Atoms

from compcalc.checks.asking import attempt, forget_everything, reason
from compcalc.checks.check import check
from compcalc.checks.difference import carried_over
from compcalc.checks.finding import Finding, failed, not_applicable, passed, warned
from compcalc.checks.subject import Subject

NOTE = {"note": {"a": [1, 2]}}


@check("caller's atoms untouched", evaluations=6, needs=("evaluates",), guarded=True)
def atoms_untouched(subject: Subject) -> Finding:
    """Positions, cell, pbc, info, arrays and calculator identical after energy, forces and stress."""
    for periodic in (False, True):
        atoms = subject.atoms.copy()
        atoms.info.update(NOTE)
        atoms.set_array("mark", np.arange(len(atoms)))
        if periodic:
            # Half of the molecule lies outside, so that wrapping would show.
            atoms.set_cell(np.eye(3) * (np.ptp(atoms.positions) + 6.0))
            atoms.pbc = True
            atoms.positions -= atoms.positions.mean(axis=0)
        forget_everything(subject.raw)
        atoms.calc = subject.raw
        before = _snapshot(atoms)
        _, error = attempt(lambda atoms=atoms: subject.ask(atoms))
        attempt(lambda atoms=atoms: subject.raw.get_property("stress", atoms))
        if changed := _changed(before, _snapshot(atoms)):
            return failed(
                f"An evaluation changes the caller's {', '.join(changed)}{' in a periodic cell' if periodic else ''}: "
                "trajectories and later calls see other atoms. Work on atoms.copy().",
                changed=changed,
            )
        if error is not None and not periodic:
            raise error
    return passed("The atoms that are passed in stay as they are.")


def _snapshot(atoms: Atoms) -> dict:
    arrays = {f"arrays[{name!r}]": array.copy() for name, array in atoms.arrays.items()}
    copied = atoms.copy()
    return {
        **arrays,
        "cell": atoms.cell.array.copy(),
        "pbc": atoms.pbc.copy(),
        "info": copied.info,
        "calculator": atoms.calc,
    }


def _changed(before: dict, after: dict) -> list[str]:
    names = sorted(before.keys() ^ after.keys())
    for name in before.keys() & after.keys():
        one, other = before[name], after[name]
        same = np.array_equal(one, other) if isinstance(one, np.ndarray) else _equal(one, other)
        if not same:
            names.append(name)
    return sorted(name.replace("arrays['positions']", "positions") for name in names)


def _equal(one, other) -> bool:
    if isinstance(one, dict):
        return repr(one) == repr(other)
    return one is other


@check("results are the caller's own", evaluations=4, needs=("evaluates",), guarded=True)
def own_results(subject: Subject) -> Finding:
    """Returned arrays can be changed, and stay what they were when the next geometry is computed."""
    atoms = subject.atoms.copy()
    forget_everything(subject.raw)
    returned = subject.raw.get_forces(atoms)
    expected = np.array(returned)
    held = getattr(subject.raw, "results", {}).get("forces")
    returned[...] = 99.0
    again = np.array(subject.raw.get_forces(atoms))
    if not np.array_equal(again, expected):
        return failed(
            "Changing the array that get_forces returned changes what it returns next: constraints and thermostats "
            "that work in place corrupt the cache. Return a copy."
        )
    kept = subject.raw.get_forces(atoms)
    atoms.positions += np.random.default_rng(2).normal(scale=0.02, size=atoms.positions.shape)
    subject.ask(atoms)
    if not np.array_equal(kept, expected):
        return failed(
            "The forces of one geometry change when the next one is computed: both share one buffer, so that a stored "
            "trajectory holds its last frame over and over. Return a copy."
        )
    if isinstance(held, np.ndarray) and not np.array_equal(held, expected):
        return warned(
            "calc.results['forces'] is overwritten by the next call. get_forces copies it, but whoever keeps "
            "calc.results keeps wrong numbers: put a new array into results each time."
        )
    return passed("Returned arrays belong to the caller.")


@check("other molecules in between", evaluations=6)
def other_molecules(subject: Subject) -> Finding:
    """The same results right after other atoms, another order and another size as from scratch."""
    order = np.random.default_rng(4).permutation(len(subject.atoms))
    second = subject.atoms.copy()
    second.positions += [0, 0, np.ptp(second.positions[:, 2]) + 6.0]
    sequence = {
        "the same atoms in another order": subject.atoms[order],
        "twice as many atoms": subject.atoms + second,
        "the first molecule again": subject.atoms,
    }
    fresh = {words: attempt(lambda atoms=atoms: subject.ask_fresh(atoms)) for words, atoms in sequence.items()}
    subject.ask_fresh(subject.atoms)
    worst, where = None, ""
    for words, atoms in sequence.items():
        expected, refused = fresh[words]
        result, error = attempt(lambda atoms=atoms: subject.ask(atoms.copy()))
        if refused is not None:
            continue
        if error is not None:
            return failed(
                f"Right after another system, {words} stops it with {reason(error)}, which a fresh start does not. "
                "Rebuild what belongs to a system when its atoms change."
            )
        found = carried_over(subject, result, expected)
        if worst is None or not found.ratio <= worst.ratio:
            worst, where = found, words
    if worst is None:
        return not_applicable("It refuses every other system.")
    return worst.finding(
        "Nothing is left over from other molecules.",
        f"After another system, {where}: {worst.words} off what a fresh start gives. Something of the last system "
        "is kept; rebuild it when numbers or sizes change.",
    )
