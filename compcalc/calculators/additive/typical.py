"""What training terms of a name are like on average, for terms of types that no training molecule had."""

from collections.abc import Mapping, Sequence

import numpy as np

from compcalc.calculators.additive.molecule import MoleculeTerms


def typical_terms(
    molecules: Sequence[MoleculeTerms],
    frames: Sequence[int],
    terms: Mapping[str, Mapping[str, Sequence[float]]],
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Mean over terms of the sum of a term's coefficients, by everything that the terms go by.

    A wide type's own coefficients would not do: where all training terms of it have one narrow type, the ridge has put
    half of the term into that.

    Args:
        molecules: of the training.
        frames: number of frames of each.
        terms: kind -> type -> coefficients, eV, of all types of the molecules.

    Returns:
        kind -> name -> coefficients, eV.
    """
    totals: dict[str, dict[str, list]] = {}
    for molecule, count in zip(molecules, frames, strict=True):
        kin = molecule.kin()
        for kind, rows in molecule.names().items():
            found = totals.setdefault(kind, {})
            for names, looser in zip(rows, kin[kind], strict=True):
                whole = count * np.sum([terms[kind][name] for name in names], axis=0)
                for name in looser:
                    total = found.setdefault(name, [0.0, 0])
                    total[0], total[1] = total[0] + whole, total[1] + count
    return {
        kind: {name: tuple((total / count).tolist()) for name, (total, count) in sorted(found.items())}
        for kind, found in totals.items()
    }
