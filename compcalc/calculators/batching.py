"""The batch protocol: many molecules in one call, and what to do where a potential has no such call."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from compcalc.errors import is_out_of_memory
from compcalc.records import Batch, BatchResult

if TYPE_CHECKING:
    from compcalc.calculators.base import PotentialCalculator


def chunks(batch: Batch, most_atoms: int) -> Iterator[Batch]:
    """The batch in pieces of consecutive molecules with at most `most_atoms` atoms, or of one larger molecule.

    The pieces depend on the sizes alone, never on a clock, so that a repeated run rounds in the same way.
    """
    begin = 0
    while begin < len(batch):
        reach = np.searchsorted(batch.offsets, batch.offsets[begin] + most_atoms, side="right") - 1
        end = max(begin + 1, int(reach))
        first, last = batch.offsets[begin], batch.offsets[end]
        yield Batch(batch.numbers[first:last], batch.positions[first:last], batch.offsets[begin : end + 1] - first)
        begin = end


def in_chunks(batch: Batch, most_atoms: int, evaluate: Callable[[Batch], BatchResult]) -> BatchResult:
    """`evaluate` on pieces of the batch; where memory runs short, on ever smaller ones.

    Raises:
        Exception: whatever `evaluate` raises, also for a lack of memory with a single molecule.
    """
    try:
        return joined([evaluate(part) for part in chunks(batch, most_atoms)])
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error) or len(batch) == 1:
            raise
    half = len(batch) // 2
    split = batch.offsets[half]
    first = Batch(batch.numbers[:split], batch.positions[:split], batch.offsets[: half + 1])
    second = Batch(batch.numbers[split:], batch.positions[split:], batch.offsets[half:] - split)
    return joined([in_chunks(part, min(most_atoms, len(part.numbers) // 2), evaluate) for part in (first, second)])


def joined(results: Sequence[BatchResult]) -> BatchResult:
    """The results of consecutive pieces as one."""
    spreads = [result.spread for result in results]
    return BatchResult(
        np.concatenate([result.energies for result in results]),
        np.concatenate([result.forces for result in results]),
        None if any(spread is None for spread in spreads) else np.concatenate(spreads),
    )


def one_by_one(calculator: "PotentialCalculator", batch: Batch) -> BatchResult:
    """A batch evaluated molecule by molecule, each independent of the others.

    Raises:
        Exception: whatever the calculator raises for one of them.
    """
    energies, forces, spreads = [], [], []
    for first, last in zip(batch.offsets, batch.offsets[1:], strict=False):
        calculator.forget()
        atoms = Atoms(batch.numbers[first:last], batch.positions[first:last])
        energies.append(calculator.get_potential_energy(atoms))
        forces.append(calculator.get_forces(atoms))
        spreads.append(getattr(calculator, "energy_spread", None))
    spread = None if None in spreads else np.array(spreads)
    return BatchResult(np.array(energies), np.concatenate(forces), spread)


def evaluate_frames(calculator: "PotentialCalculator", frames: Sequence[Atoms]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Energies (eV, (M,)) and forces (eV/angstrom, (N, 3) each) of ASE structures, batched where they can be.

    Structures with a periodic direction, a charge or a spin go one by one.
    """
    energies, forces = np.empty(len(frames)), [np.empty((0, 3))] * len(frames)
    plain = [k for k, atoms in enumerate(frames) if calculator.can_batch and _is_plain(atoms)]
    for k in sorted(set(range(len(frames))) - set(plain)):
        calculator.forget()
        energies[k] = calculator.get_potential_energy(frames[k])
        forces[k] = calculator.get_forces(frames[k])
    if plain:
        calculator.forget()
        batch = Batch.of([(frames[k].numbers, frames[k].positions) for k in plain])
        result = calculator.evaluate_batch(batch)
        energies[plain] = result.energies
        for k, part in zip(plain, np.split(result.forces, batch.offsets[1:-1]), strict=True):
            forces[k] = part
    return energies, forces


def _is_plain(atoms: Atoms) -> bool:
    moments = atoms.get_initial_charges().any() or atoms.get_initial_magnetic_moments().any()
    return not (atoms.pbc.any() or moments or {"charge", "spin", "multiplicity"} & set(atoms.info))
