"""Additive force fields with random coefficients for given molecules."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from compcalc.calculators.additive.design import columns, mean_centres
from compcalc.calculators.additive.kinds import PAIR_WELL
from compcalc.calculators.additive.molecule import MoleculeTerms
from compcalc.calculators.additive.parameters import AdditiveParameters
from compcalc.calculators.additive.typical import typical_terms
from compcalc.molecules.graph import bond_graph


def terms_of(atoms: Atoms) -> MoleculeTerms:
    return MoleculeTerms.of(atoms.numbers, bond_graph(atoms.numbers, atoms.positions))


def random_parameters(molecules: Sequence[Atoms], seed: int = 0, scale: float = 0.2) -> AdditiveParameters:
    """Every type of the molecules has coefficients; bonds are stiff, so that geometries stay what they are."""
    rng = np.random.default_rng(seed)
    found, sums = set(), {}
    for atoms in molecules:
        terms = terms_of(atoms)
        found |= set(columns(terms))
        for name, (total, n) in mean_centres(terms, atoms.positions[None]).items():
            before, number = sums.get(name, (0.0, 0))
            sums[name] = before + total, number + n
    centres = {name: total / n for name, (total, n) in sums.items()}
    types: dict[str, dict[str, list[float]]] = {}
    for kind, name, k in sorted(found):
        stiff = 5.0 if (kind, k) == ("bond", 1) else 0.0
        # Wells are as shallow as UFF's, and pairs that may be far apart more so: their tail falls off slowly.
        shallow = PAIR_WELL ** (6 * ((kind, k) == ("pair", 0)) + 6 * name.startswith("far"))
        types.setdefault(kind, {}).setdefault(name, []).append(stiff + shallow * scale * rng.normal())
    terms = {kind: {name: tuple(values) for name, values in own.items()} for kind, own in types.items()}
    typical = typical_terms([terms_of(atoms) for atoms in molecules], [1] * len(molecules), terms)
    return AdditiveParameters({"H": -13.0, "C": -1000.0, "N": -1500.0, "O": -2000.0}, centres, terms, typical)


def only(parameters: AdditiveParameters, kept: dict[tuple[str, str, int], float]) -> AdditiveParameters:
    """The same types with all coefficients zero but those of `kept`: (kind, type, monomial) -> eV."""
    terms = {
        kind: {name: tuple(kept.get((kind, name, k), 0.0) for k in range(len(v))) for name, v in own.items()}
        for kind, own in parameters.terms.items()
    }
    none = {symbol: 0.0 for symbol in parameters.elements}
    return AdditiveParameters(none, parameters.centres, terms, parameters.typical)
