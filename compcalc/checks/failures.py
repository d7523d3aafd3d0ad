"""What happens with input that cannot be computed: it must raise or give NaN, and leave nothing behind."""

import re

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from compcalc.checks.asking import attempt, reason
from compcalc.checks.check import check
from compcalc.checks.difference import carried_over
from compcalc.checks.finding import Finding, failed, not_applicable, passed, warned
from compcalc.checks.subject import Subject

WILD = ("Og", "Ts", "Rn", "U", "Xe", "Ar", "He")
"""Elements that few potentials cover, the rarest first."""


@check("NaN positions", evaluations=3, needs=("evaluates",), guarded=True)
def nan_positions(subject: Subject) -> Finding:
    """A position that is NaN raises or gives NaN, also right after a good geometry."""
    subject.ask_fresh(subject.atoms)
    atoms = subject.atoms.copy()
    atoms.positions[-1, 2] = np.nan
    result, error = attempt(lambda: _unchecked(subject, atoms))
    if error is not None:
        return passed(f"It raises {reason(error, 80)}")
    energy, forces = result
    if np.isfinite(energy) and np.isfinite(forces).all():
        return failed(
            f"With a position of NaN it returns a finite energy ({energy:.6g} eV): a simulation that has blown up "
            "goes on unnoticed. Refuse positions that are not finite.",
            energy_ev=energy,
        )
    return passed("NaN in, NaN out.")


@check("nothing served after a failure", evaluations=10, needs=("evaluates",), guarded=False)
def after_failure(subject: Subject) -> Finding:
    """A call that raised raises again, and the next good geometry works."""
    expected, tried = subject.ask_fresh(subject.atoms), []
    for words, atoms in _hard_cases(subject):
        _, error = attempt(lambda atoms=atoms: subject.ask(atoms))
        if error is None:
            continue
        tried.append(words)
        again, second = attempt(lambda atoms=atoms: _unchecked(subject, atoms))
        if second is None and np.isfinite(again[0]) and np.isfinite(again[1]).all():
            return failed(
                f"With {words} the first call raises ({reason(error, 80)}) and the second returns {again[0]:.6g} eV "
                "for the same atoms: what was left in `results` is served. Empty results before computing.",
                energy_ev=again[0],
            )
        good, error = attempt(lambda: subject.ask(subject.atoms.copy()))
        if error is not None:
            return failed(f"After {words} had failed, a good geometry fails too: {reason(error)}. Start afresh.")
        found = carried_over(subject, good, expected)
        if not found.ok:
            return found.finding("", f"After {words} had failed, a good geometry changes {found.words}. Start afresh.")
    if not tried:
        return not_applicable("Nothing that was tried made it fail.")
    return passed(f"A failed call leaves nothing behind (tried: {', '.join(tried)}).", tried=tried)


@check("unknown element", evaluations=1, needs=("evaluates",), guarded=False)
def unknown_element(subject: Subject) -> Finding:
    """An element that the potential does not cover raises, and the message names it."""
    known = declared_elements(subject)
    symbol = next((s for s in WILD if s not in known), None)
    if symbol is None:
        return not_applicable("It claims to know every element that was tried.")
    result, error = attempt(lambda: _unchecked(subject, _replaced(subject, symbol)))
    if error is None:
        return _number_for_unknown(symbol, result, bool(known))
    if re.search(rf"\b({symbol}|{atomic_numbers[symbol]})\b", str(error)):
        return passed(f"{symbol} is refused by name.", error=reason(error))
    return warned(
        f"{symbol} is refused, but the message does not say so ({reason(error, 100)}). Name the element and the ones "
        "that are covered.",
        error=reason(error),
    )


def declared_elements(subject: Subject) -> set[str]:
    """Symbols that the calculator says it covers; empty where it says nothing."""
    for calculator in (subject.calculator, subject.raw):
        known = getattr(calculator, "known_elements", None)
        if known is not None and not callable(known):
            return {str(symbol) for symbol in known}
    return set()


def _number_for_unknown(symbol: str, result, declared: bool) -> Finding:
    if not np.isfinite(result[0]):
        return warned(f"{symbol} gives NaN instead of an error that names it; refuse elements that are not covered.")
    words = f"{symbol} gives {result[0]:.6g} eV"
    if declared:
        return failed(
            f"{words}, although it is not among the elements that the potential says it covers. Raise an error that "
            "names it.",
            energy_ev=result[0],
        )
    return warned(
        f"{words}. If the potential is not meant for every element, it should raise an error that names the unknown "
        "one.",
        energy_ev=result[0],
    )


def _hard_cases(subject: Subject):
    """Input that many potentials cannot compute; the last may leave an accelerator unusable."""
    on_top = subject.atoms.copy()
    if len(on_top) > 1:
        on_top.positions[-1] = on_top.positions[0] + [1e-3, 0, 0]
        yield "two atoms on top of each other", on_top
    spread = subject.atoms.copy()
    spread.positions *= 3.0
    yield "all distances three times too long", spread
    known = declared_elements(subject)
    symbol = next((s for s in WILD if s not in known), chemical_symbols[118])
    yield f"{symbol} among the atoms", _replaced(subject, symbol)


def _replaced(subject: Subject, symbol: str) -> Atoms:
    atoms = subject.atoms.copy()
    atoms.numbers[0] = atomic_numbers[symbol]
    return atoms


def _unchecked(subject: Subject, atoms: Atoms) -> tuple[float, np.ndarray]:
    """Energy and forces through the cache, NaN included."""
    subject.evaluations += 1
    energy = float(np.reshape(subject.raw.get_potential_energy(atoms), ()))
    return energy, np.array(subject.raw.get_forces(atoms), dtype=float)
