"""Whether a charge or a spin given with the atoms reaches the potential, or is refused, rather than ignored.

`atoms.info["charge"]` is the total charge in units of e; `atoms.info["spin"]` is the multiplicity 2S+1, 1 a singlet.
"""

from compcalc.checks.asking import attempt, reason
from compcalc.checks.check import check
from compcalc.checks.difference import difference
from compcalc.checks.finding import Finding, passed, warned
from compcalc.checks.subject import Subject


@check("charge in atoms.info", evaluations=2)
def charge(subject: Subject) -> Finding:
    """A charge of 1 changes the energy or is refused; a charge of 0 changes nothing."""
    return _noticed(subject, "charge", plain=0, other=1, remedy="compute the neutral molecule")


@check("spin in atoms.info", evaluations=2)
def spin(subject: Subject) -> Finding:
    """A multiplicity of 3 changes the energy or is refused; the lowest one changes nothing."""
    lowest = 1 + int(subject.atoms.numbers.sum()) % 2
    return _noticed(subject, "spin", plain=lowest, other=lowest + 2, remedy="compute its own spin state")


def _noticed(subject: Subject, key: str, plain: int, other: int, remedy: str) -> Finding:
    _, refused = attempt(lambda: _with(subject, key, plain))
    if refused is not None:
        return warned(
            f"atoms.info['{key}'] = {plain} is refused ({reason(refused, 80)}), although it says what holds anyway. "
            "Many data sets carry it: accept it."
        )
    result, refused = attempt(lambda: _with(subject, key, other))
    if refused is not None:
        return passed(f"{key}={other} is refused: {reason(refused, 100)}")
    found = difference(subject, result, subject.base)
    if found.ok:
        return warned(
            f"{key} in atoms.info is ignored: {key}={other} gives the same energy, so that an ion or another state "
            f"would silently {remedy}. Refuse it, or use it."
        )
    return passed(f"{key}={other} changes {found.words}.", found.energy, "eV")


def _with(subject: Subject, key: str, value: int):
    atoms = subject.atoms.copy()
    atoms.info[key] = value
    return subject.evaluate(atoms)
