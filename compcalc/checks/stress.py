"""Stress, where a calculator claims it: absent without a cell, and the strain derivative of the energy within one.

Voigt order xx, yy, zz, yz, xz, xy; eV/angstrom^3; positive where the energy grows with the cell. For a strain e that
moves cell and atoms alike, sigma = (dE/de) / V.
"""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.stress import voigt_6_to_full_3x3_strain

from compcalc.checks.asking import attempt, forget_everything, is_refusal, reason
from compcalc.checks.check import check
from compcalc.checks.finding import Finding, failed, judged, not_applicable, passed, warned
from compcalc.checks.subject import Subject
from compcalc.checks.unit_slips import NEAR, STRESS_SLIPS, proportion

STRAIN = {"float32": 5e-3, "float64": 1e-3}
PADDING_ANGSTROM = 2.5
NAMES = ("xx", "yy", "zz", "yz", "xz", "xy")
NOT_CLAIMED = "It does not claim stress."


@check("no stress without a cell", evaluations=1)
def stress_without_cell(subject: Subject) -> Finding:
    """Stress of a molecule without a cell raises PropertyNotImplementedError."""
    if not _claimed(subject):
        return not_applicable(NOT_CLAIMED)
    atoms = subject.atoms.copy()
    atoms.set_cell(np.zeros((3, 3)))
    forget_everything(subject.raw)
    stress, error = attempt(lambda: np.array(subject.raw.get_property("stress", atoms), dtype=float))
    if isinstance(error, PropertyNotImplementedError):
        return passed("Stress without a cell is refused as ASE expects.")
    if error is not None:
        return warned(
            f"Stress without a cell stops it with {reason(error)}; raise PropertyNotImplementedError, which callers "
            "know how to handle."
        )
    seen = "a plausible stress" if np.isfinite(stress).all() else "a stress that is NaN or infinite"
    return failed(
        f"Without a cell it returns {seen} ({np.array2string(stress.ravel()[:3], precision=3)}...), where there is no "
        "volume to divide by. Raise PropertyNotImplementedError when atoms.cell.rank < 3.",
        stress=stress,
    )


@check("stress = strain derivative", evaluations=13)
def stress_from_strain(subject: Subject) -> Finding:
    """Six components against central differences of the energy over strains of a small periodic box."""
    if not _claimed(subject):
        return not_applicable(NOT_CLAIMED)
    atoms = _boxed(subject.atoms)
    forget_everything(subject.raw)
    stress, error = attempt(lambda: np.array(subject.raw.get_property("stress", atoms.copy()), dtype=float))
    if error is not None:
        if is_refusal(error):
            return not_applicable(f"It refuses a periodic box: {reason(error)}")
        return failed(f"Stress of a small periodic box stops it with {reason(error)}, although it claims stress.")
    if stress.shape != (6,) or not np.isfinite(stress).all():
        return failed(
            f"Stress of a small periodic box has shape {stress.shape} and values {stress.ravel()[:6]}; ASE expects six "
            "finite numbers: xx, yy, zz, yz, xz, xy."
        )
    return _compared(subject, atoms, stress)


def _compared(subject: Subject, atoms: Atoms, stress: np.ndarray) -> Finding:
    size, volume = STRAIN[subject.dtype], atoms.get_volume()
    numeric = np.array([_slope(subject, atoms, k, size) for k in range(6)]) / volume
    error = np.abs(stress - numeric)
    k = int(np.argmax(error))
    limits = subject.tolerances
    largest = float(np.abs(numeric).max())
    tolerance = limits.stress + limits.stress_relative * largest + 4 * subject.noise.energy / (size * volume)
    found = proportion(stress, numeric)
    if found.proportional and abs(abs(found.factor) / volume - 1) < NEAR:
        guess = "not divided by the volume" + (", and of the wrong sign" if found.factor < 0 else "")
    else:
        guess = found.explanation(STRESS_SLIPS)
    likely = f" All six are {found.words}{f': {guess}?' if guess else '.'}" if found.proportional else ""
    return judged(
        float(error[k]),
        tolerance,
        "eV/angstrom^3",
        "The stress is the strain derivative of the energy.",
        f"Stress {NAMES[k]} is {stress[k]:.4g}, the strain derivative of the energy {numeric[k]:.4g} eV/angstrom^3."
        f"{likely} Cell relaxation and NPT go wrong with it.",
        stress_ev_per_angstrom3=stress,
        numeric_ev_per_angstrom3=numeric,
        volume_angstrom3=volume,
        factor=found.factor,
        likely_cause=guess,
    )


def _slope(subject: Subject, atoms: Atoms, component: int, size: float) -> float:
    """dE/de of one Voigt component, eV."""
    energies = []
    for sign in (1, -1):
        strain = np.zeros(6)
        strain[component] = sign * size
        strained = atoms.copy()
        # ASE's function gives the deformation, the unit matrix included.
        strained.set_cell(atoms.cell.array @ voigt_6_to_full_3x3_strain(strain), scale_atoms=True)
        energies.append(subject.ask_fresh(strained)[0])
    return (energies[0] - energies[1]) / (2 * size)


def _boxed(atoms: Atoms) -> Atoms:
    """The molecule in a slightly skewed periodic box, near enough to its images to feel them."""
    boxed = atoms.copy()
    lengths = np.ptp(atoms.positions, axis=0) + PADDING_ANGSTROM
    skew = np.array([[1.0, 0.0, 0.0], [0.05, 1.0, 0.0], [-0.03, 0.04, 1.0]])
    boxed.set_cell(np.diag(lengths) @ skew)
    boxed.pbc = True
    return boxed


def _claimed(subject: Subject) -> bool:
    return "stress" in subject.raw.implemented_properties
