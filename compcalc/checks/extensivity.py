"""Parts that do not feel each other: two molecules, two atoms, one atom, and a cell that is not periodic."""

import numpy as np
from ase import Atoms

from compcalc.checks.asking import attempt, is_refusal, reason
from compcalc.checks.check import check
from compcalc.checks.difference import difference
from compcalc.checks.finding import Finding, failed, judged, not_applicable, passed
from compcalc.checks.subject import Subject

FAR_ANGSTROM = 50.0
PAIR_ANGSTROM = 12.0
LEFT_HANDED = np.diag([20.0, 20.0, -20.0])


@check("two copies, 50 Å apart", evaluations=2)
def two_copies(subject: Subject) -> Finding:
    """Energy and forces of two far copies against twice those of one."""
    energy, forces = subject.base
    far = subject.atoms.copy()
    far.positions += [0, 0, FAR_ANGSTROM + np.ptp(far.positions[:, 2])]
    result, error = attempt(lambda: subject.evaluate(subject.atoms + far))
    if error is not None and is_refusal(error):
        return not_applicable(f"It refuses two molecules: {reason(error)}")
    if error is not None:
        raise error
    found = difference(
        subject,
        result,
        (2 * energy, np.concatenate([forces, forces])),
        subject.tolerances.far_energy,
        subject.tolerances.far_forces,
    )
    return found.finding(
        "Two distant molecules have twice the energy and the same forces.",
        f"Two molecules {FAR_ANGSTROM:g} angstrom apart differ from twice one of them: {found.words}. Energies of "
        "systems of different size cannot be compared; look for normalisation by the number of atoms, or attention "
        "without a cutoff.",
    )


@check("single atoms", evaluations=4)
def single_atom(subject: Subject) -> Finding:
    """Finite energy and zero force of each element alone."""
    refused, largest, energies = {}, 0.0, {}
    for symbol in subject.elements:
        result, error = attempt(lambda symbol=symbol: subject.evaluate(_like(subject, symbol, [[1.0, 2.0, 3.0]])))
        if error is not None and is_refusal(error):
            refused[symbol] = reason(error)
        elif error is not None:
            return failed(
                f"A single {symbol} atom stops it with {reason(error)}. Handle an empty neighbour list: gas phase and "
                "atomisation energies need it."
            )
        else:
            energies[symbol] = result[0]
            largest = max(largest, float(np.abs(result[1]).max()))
    if not energies:
        return not_applicable(f"It refuses single atoms: {next(iter(refused.values()), '')}", refused=refused)
    return judged(
        largest,
        subject.forces_limit(subject.tolerances.forces),
        "eV/angstrom",
        "Single atoms have finite energies and no force.",
        f"A single atom feels a force of {largest:.2g} eV/angstrom where there is nothing to cause one.",
        energies_ev=energies,
        refused=refused,
    )


@check("two atoms, 12 Å apart", evaluations=1)
def distant_pair(subject: Subject) -> Finding:
    """Finite energy and forces of two atoms without a neighbour within most cutoffs."""
    symbol = subject.elements[0]
    pair = _like(subject, [symbol, symbol], [[0.0, 0, 0], [0, 0, PAIR_ANGSTROM]])
    result, error = attempt(lambda: subject.evaluate(pair))
    if error is not None and is_refusal(error):
        return not_applicable(f"It refuses two distant atoms: {reason(error)}")
    if error is not None:
        return failed(
            f"Two {symbol} atoms {PAIR_ANGSTROM:g} angstrom apart stop it with {reason(error)}. Handle an empty "
            "neighbour list: a molecule that dissociates gets there."
        )
    largest = float(np.abs(result[1]).max())
    return passed("Two distant atoms work.", largest, "eV/angstrom", energy_ev=result[0], symbol=symbol)


@check("cell without pbc is ignored", evaluations=4)
def idle_cell(subject: Subject) -> Finding:
    """Energy and forces in cells that are not periodic against those without a cell."""
    extent = float(np.ptp(subject.atoms.positions, axis=0).max())
    cells = {
        "no cell": np.zeros((3, 3)),
        "a large cell": np.eye(3) * (extent + 30.0),
        "a cell smaller than the molecule": np.eye(3) * max(1.0, extent / 2),
        "a left-handed cell": LEFT_HANDED,
    }
    worst, where = None, ""
    for words, cell in cells.items():
        atoms = subject.atoms.copy()
        atoms.set_cell(cell)
        result, error = attempt(lambda atoms=atoms: subject.evaluate(atoms))
        if error is not None:
            return failed(
                f"With {words} and pbc=False it stops with {reason(error)}. A molecule in a file may come with any "
                "cell or none: ignore the cell where pbc is False."
            )
        found = difference(subject, result, subject.base)
        if worst is None or not found.ratio <= worst.ratio:
            worst, where = found, words
    return worst.finding(
        "A cell that is not periodic makes no difference.",
        f"With {where} and pbc=False, {worst.words} change: images are counted where there are none. "
        "Read atoms.pbc, not whether there is a cell.",
    )


def _like(subject: Subject, symbols, positions) -> Atoms:
    """Atoms in the cell of the test molecule."""
    return Atoms(symbols, positions, cell=subject.atoms.cell)
