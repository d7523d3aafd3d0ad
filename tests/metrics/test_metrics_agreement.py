"""Agreement of two levels of theory: planted shifts vanish, planted errors come back in the right size and unit."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.agreement import Labelled, agreement

COMPOSITIONS = ([6, 1, 1, 1, 1], [8, 1, 1], [7, 1, 1, 1], [6, 8, 1, 1], [6, 6, 1, 1, 1, 1, 1, 1], [7, 6, 1, 1, 1, 1, 1])
SHIFT = {1: -13.5, 6: 0.75, 7: 210.0, 8: -2000.0}


def labelled(numbers, frames=3, seed=0, shift=SHIFT) -> Labelled:
    """The same labels twice, the judged ones with an energy shift for each element."""
    rng = np.random.default_rng(seed)
    energy, forces = rng.normal(size=frames), rng.normal(size=(frames, len(numbers), 3))
    total = sum(shift[z] for z in numbers)
    return Labelled(np.array(numbers), energy + total, forces.copy(), energy, forces)


def molecules(**options) -> list[Labelled]:
    return [labelled(numbers, seed=k, **options) for k, numbers in enumerate(COMPOSITIONS)]


def test_a_planted_shift_is_found_and_leaves_nothing():
    found = agreement(molecules())
    assert found.shift == pytest.approx(SHIFT, abs=1e-9)
    assert found.shifted_energy_mae == pytest.approx(0, abs=1e-8)
    assert found.relative_energy_mae == pytest.approx(0, abs=1e-8)
    assert (found.force_mae, found.force_cosine) == (0, pytest.approx(1))
    assert (found.n_molecules, found.n_frames) == (6, 18)


def test_a_planted_force_error_comes_back_in_mev_per_angstrom():
    group = molecules()
    for molecule in group:
        molecule.forces[...] += 0.025 * np.sign(np.arange(3) - 0.5)
    assert agreement(group).force_mae == pytest.approx(25)
    for molecule in group:
        molecule.forces[...] = -molecule.reference_forces
    assert agreement(group).force_cosine == pytest.approx(-1)


def test_every_molecule_counts_once_whatever_its_size():
    small, large = labelled([8, 1, 1], frames=1), labelled([6] * 10, frames=9)
    small.forces[...] += 0.010
    large.forces[...] += 0.030
    assert agreement([small, large]).force_mae == pytest.approx(20)


def test_an_energy_error_within_a_molecule_is_counted_per_atom():
    group = molecules(frames=2)
    for molecule in group:
        molecule.energy[:] += np.array([0.006, -0.006]) * len(molecule.numbers)
    found = agreement(group)
    assert found.relative_energy_mae == pytest.approx(6)
    assert found.shifted_energy_mae == pytest.approx(6)


def test_an_energy_error_between_molecules_is_none_within_them():
    group = molecules()
    for k, molecule in enumerate(group):
        molecule.energy[:] += 0.1 * (-1) ** k
    found = agreement(group)
    assert found.relative_energy_mae == pytest.approx(0, abs=1e-8)
    assert found.shifted_energy_mae > 1


def test_single_frames_have_no_relative_energy():
    assert np.isnan(agreement(molecules(frames=1)).relative_energy_mae)


def test_nothing_to_compare_is_refused():
    with pytest.raises(InputError, match="share frames"):
        agreement([])
