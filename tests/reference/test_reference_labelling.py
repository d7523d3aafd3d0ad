"""Labels, the data plan and the reference energies of the elements."""

import numpy as np
import pytest
from reference_springs import Springs

from compcalc.calculators import get_calculator
from compcalc.errors import DataError
from compcalc.molecules.build3d import atomic_numbers
from compcalc.molecules.smiles import parse_smiles
from compcalc.reference.atomic_energies import SMALL_MOLECULES, fit_atomic_energies, least_squares_by_element
from compcalc.reference.labelling import Labeller
from compcalc.reference.plan import CONTROL_MOLECULES, plan_dataset
from compcalc.reference.sampler import CONTROL, CORE
from compcalc.tasks import all_tasks, get_task

WATER = np.array([8, 1, 1])
BENT = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])


def test_a_label_depends_on_the_geometry_alone():
    labeller = Labeller(Springs(memory=True))
    labels = [labeller.label(WATER, BENT)[0] for _ in range(3)]
    assert len(set(labels)) == 1
    assert labeller.calculator.forgotten == 3


def test_a_trajectory_starts_without_a_past_and_keeps_it_on_the_way():
    calculator, dynamics = Springs(), Springs()
    labeller = Labeller(calculator, dynamics)
    labeller.begin_trajectory()
    labeller.forces(WATER, BENT)
    labeller.forces(WATER, 1.1 * BENT)
    assert (calculator.forgotten, dynamics.forgotten, dynamics.since) == (0, 1, 2)


def test_a_method_without_forget_will_do():
    from ase.calculators.lj import LennardJones

    energy, forces = Labeller(LennardJones()).label(WATER, 3 * BENT)
    assert np.isfinite(energy)
    assert forces.shape == (3, 3)


def test_the_label_is_a_copy():
    labeller = Labeller(Springs())
    _, forces = labeller.label(WATER, BENT)
    kept = forces.copy()
    labeller.label(WATER, 1.2 * BENT)
    np.testing.assert_array_equal(forces, kept)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_no_label(bad):
    with pytest.raises(DataError, match="NaN or infinite.*H2O"):
        Labeller(Springs(bad=bad)).label(WATER, BENT)


def test_relaxing_leads_downhill_to_vanishing_forces():
    labeller = Labeller(get_calculator("mmff94"))
    stretched = 1.1 * BENT
    energy = labeller.relaxed_energy(WATER, stretched, fmax=1e-3)
    assert energy < labeller.label(WATER, stretched)[0] - 0.05
    assert energy == pytest.approx(0.0, abs=1e-3)  # two bonds and an angle of MMFF94 at rest


def test_reference_energies_are_recovered_exactly():
    truth = {"H": -13.5, "C": -1030.25, "N": -1485.125, "O": -2041.0}
    by_number = {1: "H", 6: "C", 7: "N", 8: "O"}
    compositions = [atomic_numbers(parse_smiles(s)) for s in SMALL_MOLECULES]
    energies = np.array([sum(truth[by_number[int(z)]] for z in numbers) for numbers in compositions])
    found = least_squares_by_element(compositions, energies)
    assert list(found) == ["H", "C", "N", "O"]
    assert found == pytest.approx(truth, abs=1e-8)


def test_acids_alone_do_not_determine_the_elements():
    acids = [atomic_numbers(parse_smiles("C" * n + "C(=O)O")) for n in range(1, 8)]
    with pytest.raises(DataError, match="do not determine the energies of H, C, O.*rank 2 of 3"):
        least_squares_by_element(acids, np.arange(7.0))


def test_reference_energies_of_a_real_method():
    labeller = Labeller(get_calculator("mmff94"))
    energies = fit_atomic_energies(labeller)
    assert set(energies) == {"H", "C", "N", "O"}
    assert energies == fit_atomic_energies(labeller)


def test_the_plan_of_all_tasks():
    tasks = all_tasks()
    plan = plan_dataset(tasks)
    train = {m.name for t in tasks for m in t.train}
    ood = {m.name for t in tasks for m in t.ood}
    by_letter = {letter: [p for p in plan if p.trajectory == letter] for letter in "ABC"}
    assert {letter: len(found) for letter, found in by_letter.items()} == {"A": 69, "B": 92, "C": 3}
    assert {p.molecule.name for p in by_letter["A"]} == train
    assert {p.molecule.name for p in by_letter["B"]} == train | ood
    assert {p.molecule.name for p in by_letter["C"]} == set(CONTROL_MOLECULES)
    assert {p.n_frames for p in by_letter["A"]} == {100}
    assert all(p.n_frames == (50 if p.molecule.name in ood else 25) for p in by_letter["B"])
    assert {p.n_frames for p in by_letter["C"]} == {500}
    assert all(p.settings == (CONTROL if p.trajectory == "C" else CORE) for p in plan)


def test_the_plan_of_one_task_has_the_sizes_asked_for():
    task = get_task("length")
    plan = plan_dataset([task], train_frames=7, id_frames=3, ood_frames=4, control_frames=9)
    sizes = {(p.molecule.name, p.trajectory): p.n_frames for p in plan}
    assert sizes == {
        **{(m.name, "A"): 7 for m in task.train},
        **{(m.name, "B"): 3 for m in task.train},
        **{(m.name, "B"): 4 for m in task.ood},
        ("alkane/04", "C"): 9,
    }


def test_a_plan_without_a_control():
    assert {p.trajectory for p in plan_dataset(all_tasks(), control_frames=0)} == {"A", "B"}


def test_a_molecule_on_both_sides_of_different_tasks_is_sampled_once_at_the_longer_length():
    plan = plan_dataset([get_task("duplication"), get_task("composition")])
    acid = [(p.trajectory, p.n_frames) for p in plan if p.molecule.name == "carboxylic_acid/05"]
    assert acid == [("A", 100), ("B", 50)]
