"""Whether a batch gives what its members give one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from compcalc.checks.asking import Result, as_numbers, attempt, is_refusal, reason
from compcalc.checks.check import check
from compcalc.checks.difference import Difference, difference
from compcalc.checks.finding import Finding, failed, not_applicable
from compcalc.checks.subject import Subject


@check("batch = one by one", evaluations=6)
def batched(subject: Subject) -> Finding:
    """`calculator.evaluate([atoms, ...])` against single evaluations, for systems of different size."""
    evaluate = getattr(subject.calculator, "evaluate", None)
    if not callable(evaluate):
        return not_applicable("It has no method evaluate(list of atoms).")
    singles = [(atoms, *attempt(lambda atoms=atoms: subject.evaluate(atoms))) for atoms in _systems(subject)]
    singles = [(atoms, result) for atoms, result, error in singles if error is None]
    output, error = attempt(lambda: evaluate([atoms.copy() for atoms, _ in singles]))
    if error is not None and is_refusal(error):
        return not_applicable(f"It refuses the batch: {reason(error)}")
    if error is not None:
        return failed(f"A batch of {len(singles)} systems stops it with {reason(error)}; one by one they work.")
    together = read_batch(output, [len(atoms) for atoms, _ in singles])
    worst: Difference | None = None
    for (_, alone), result in zip(singles, together, strict=True):
        found = difference(subject, result, alone)
        if worst is None or not found.ratio <= worst.ratio:
            worst = found
    return worst.finding(
        "A batch gives what its members give one by one.",
        f"In a batch, a system differs from the same system alone: {worst.words}. Members of a batch see each other; "
        "look at the batch index, at padding, and at sums that run over the whole batch.",
        systems=len(singles),
    )


def _systems(subject: Subject) -> list[Atoms]:
    """The molecule, a displaced one, and two of them side by side."""
    displaced, second = subject.atoms.copy(), subject.atoms.copy()
    displaced.positions += np.random.default_rng(6).normal(scale=0.02, size=displaced.positions.shape)
    second.positions += [0, 0, np.ptp(second.positions[:, 2]) + 6.0]
    return [subject.atoms, displaced, subject.atoms + second]


def read_batch(output: Any, sizes: Sequence[int]) -> list[Result]:
    """Energies and forces of each system from the usual forms of a batch's output.

    Args:
        output: one (energy, forces) pair, mapping or object for each system; or one pair, mapping or object of all
            energies (M,) and forces, a list of (N, 3) or one array over all atoms.
        sizes: number of atoms of each system.

    Raises:
        ValueError: another form, shapes that do not fit, or values that are not finite.
    """
    parts = _pair(output)
    if parts is None:
        pairs = [_pair(item) for item in output]
    else:
        energies, forces = parts
        if len(forces) != len(sizes):
            forces = np.split(np.asarray(forces), np.cumsum(sizes)[:-1])
        pairs = list(zip(energies, forces, strict=True))
    if len(pairs) != len(sizes) or any(pair is None for pair in pairs):
        raise ValueError(f"the batch returned {len(pairs)} results that cannot be read for {len(sizes)} systems")
    return [as_numbers(energy, forces, n) for (energy, forces), n in zip(pairs, sizes, strict=True)]


def _pair(item: Any) -> tuple[Any, Any] | None:
    """Energy and forces of a mapping, an object with such attributes or a pair; None for anything else."""
    if isinstance(item, Mapping):
        return item["energy"], item["forces"]
    if hasattr(item, "energy") and hasattr(item, "forces"):
        return item.energy, item.forces
    return tuple(item) if isinstance(item, tuple) and len(item) == 2 else None
