"""The additive force field: linear least squares to energies and forces, its weights chosen on validation frames."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from compcalc.calculators.additive.design import Column, columns, design, mean_centres
from compcalc.calculators.additive.molecule import MoleculeTerms
from compcalc.calculators.additive.parameters import AdditiveParameters
from compcalc.calculators.additive.typical import typical_terms
from compcalc.errors import InputError
from compcalc.records import Frames
from compcalc.training.architecture import Architecture, Fit, Job, Progress
from compcalc.training.normal_equations import Choice, Sums, solve
from compcalc.units import MEV_PER_EV

ENERGY_WEIGHTS = (1.0, 10.0, 100.0, 1000.0)
RIDGES = tuple(float(10.0**power) for power in range(-4, 4))
_FRAMES_AT_ONCE = 50


@dataclass(frozen=True)
class AdditiveSettings:
    """How the force field is fitted.

    Attributes:
        energy_weight: of a squared energy error per atom, (eV/atom)^2, against one of forces, (eV/angstrom)^2; default:
            chosen on the validation frames.
        ridge: weight of the prior that coefficients are zero, as a number of terms; default: chosen on the validation
            frames.
        free_pairs: let pairs of atoms attract each other without bound where they come too close, which plain least
            squares does wherever the training frames do not forbid it; dynamics then fall into these holes.
    """

    energy_weight: float | None = None
    ridge: float | None = None
    free_pairs: bool = False

    def __post_init__(self):
        for name in ("energy_weight", "ridge"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(name, value, "above 0, or nothing, to choose it on the validation frames")


def fit_additive(job: Job, settings: AdditiveSettings) -> Fit:
    """Fit an additive force field.

    Raises:
        UnsupportedElementError: an element whose size is not known.
    """
    molecules = [MoleculeTerms.of(frames.numbers, frames.bonds) for frames in job.split.train]
    centres = _centres(molecules, job.split.train)
    found = sorted({column for molecule in molecules for column in columns(molecule)})
    place = {column: index for index, column in enumerate(found)}
    elements = _elements(job.split.train, job.atomic_energies)

    def told(done: int) -> None:
        job.on_progress(Progress(done, 2 * len(molecules), f"{len(found)} coefficients"))

    train = _sums(molecules, job.split.train, centres, place, elements, told, 0)
    valid = _sums(molecules, job.split.valid, centres, place, elements, told, len(molecules))
    counts = _counts(molecules, job.split.train, found)
    pairs = [] if settings.free_pairs else [index for index, (kind, *_) in enumerate(found) if kind == "pair"]
    best = choose(train, valid, _groups(found), counts, np.array(pairs, dtype=int), settings)
    terms: dict[str, dict[str, tuple[float, ...]]] = {}
    for (kind, name, _), value in zip(found, best.coefficients, strict=True):
        types = terms.setdefault(kind, {})
        types[name] = (*types.get(name, ()), float(value))
    model = job.directory / "additive.json"
    typical = typical_terms(molecules, [len(frames) for frames in job.split.train], terms)
    AdditiveParameters(elements, centres, terms, typical).save(model)
    details = {
        "coefficients": len(found),
        "energy_weight": best.energy_weight,
        "ridge": best.ridge,
        "validation_force_rmse_mev_per_angstrom": round(MEV_PER_EV * best.force_rmse, 2),
        "validation_energy_rmse_mev_per_atom": round(MEV_PER_EV * best.energy_rmse, 3),
    }
    selection = (
        "energy weight and ridge with the lowest product of force RMSE and energy RMSE on validation starts of the "
        "training molecules (in distribution only)"
    )
    return Fit(model, selection, details=details)


def choose(
    train: tuple[Sums, Sums],
    valid: tuple[Sums, Sums],
    groups: np.ndarray,
    counts: np.ndarray,
    positive: np.ndarray,
    settings: AdditiveSettings,
) -> Choice:
    """The solution with the lowest product of force and energy RMSE on the validation frames.

    Args:
        train: sums of forces and of energies per atom that are fitted.
        valid: the same, of the validation frames.
        groups: index of the basis function of each coefficient, (C,).
        counts: number of terms with each coefficient, (C,).
        positive: indices of the coefficients that may not be negative, (P,).
        settings: what is not to be chosen.
    """
    weights = ENERGY_WEIGHTS if settings.energy_weight is None else (settings.energy_weight,)
    ridges = list(RIDGES if settings.ridge is None else (settings.ridge,))
    choices = [
        Choice(solution, weight, ridge, valid[0].rmse(solution), valid[1].rmse(solution))
        for weight in weights
        for ridge, solution in zip(ridges, solve(*train, groups, counts, positive, weight, ridges), strict=True)
    ]
    return min(choices, key=lambda choice: choice.force_rmse * choice.energy_rmse)


def _sums(
    molecules: Sequence[MoleculeTerms], groups: Sequence[Frames], centres, place, elements, told, begun: int
) -> tuple[Sums, Sums]:
    """Sums of the forces, and of the energies per atom without those of the free atoms."""
    forces, energies = Sums.empty(len(place)), Sums.empty(len(place))
    for done, (molecule, frames) in enumerate(zip(molecules, groups, strict=True), start=begun + 1):
        own = np.array([place[column] for column in columns(molecule)])
        n = len(frames.numbers)
        free = sum(elements[chemical_symbols[z]] for z in frames.numbers)
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            part = frames.select(slice(first, first + _FRAMES_AT_ONCE))
            energy_rows, force_rows = design(molecule, part.positions, centres)
            forces.add(force_rows.reshape(-1, len(own)), part.forces.ravel(), own)
            energies.add(energy_rows / n, (part.energy - free) / n, own)
        told(done)
    return forces, energies


def _centres(molecules: Sequence[MoleculeTerms], groups: Sequence[Frames]) -> dict[str, float]:
    """Mean length (angstrom) or cosine of each type in the training frames."""
    totals: dict[str, tuple[float, int]] = {}
    for molecule, frames in zip(molecules, groups, strict=True):
        for name, (total, count) in mean_centres(molecule, frames.positions).items():
            before, number = totals.get(name, (0.0, 0))
            totals[name] = before + total, number + count
    return {name: total / count for name, (total, count) in sorted(totals.items())}


def _elements(groups: Sequence[Frames], atomic_energies: Mapping[str, float]) -> dict[str, float]:
    seen = sorted({chemical_symbols[z] for frames in groups for z in frames.numbers})
    return {symbol: float(atomic_energies.get(symbol, 0.0)) for symbol in seen}


def _groups(found: Sequence[Column]) -> np.ndarray:
    """Index of the basis function of each coefficient, whatever its type."""
    functions = sorted({(kind, k) for kind, _, k in found})
    return np.array([functions.index((kind, k)) for kind, _, k in found])


def _counts(molecules: Sequence[MoleculeTerms], groups: Sequence[Frames], found: Sequence[Column]) -> np.ndarray:
    """Number of terms with each coefficient in all training frames."""
    counts: Counter = Counter()
    for molecule, frames in zip(molecules, groups, strict=True):
        for kind, rows in molecule.names().items():
            for row in rows:
                counts.update({(kind, name): len(frames) for name in row})
    return np.array([counts[kind, name] for kind, name, _ in found], dtype=float)


ARCHITECTURE = Architecture(
    "additive",
    "a force field of bonds, angles, torsions and their couplings, by linear least squares in seconds",
    AdditiveSettings,
    fit_additive,
    scheme="additive",
    file="{name}.json",
    requires=("scipy",),
    install="pip install scipy",
)
