"""The parts of the checks against closed forms."""

from types import SimpleNamespace

import check_samples as samples
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed

from compcalc.checks.asking import as_numbers, attempt, is_refusal, reason
from compcalc.checks.batching import read_batch
from compcalc.checks.finding import Finding, Verdict, judged
from compcalc.checks.noise import apparent_drift
from compcalc.checks.paths import stretch_path, torsion_path
from compcalc.checks.scatter import measure_noise
from compcalc.checks.stress import stress_from_strain
from compcalc.checks.subject import Subject
from compcalc.checks.symmetry import MIRROR, rotation, rotation_matrix
from compcalc.checks.unit_slips import FORCE_SLIPS, proportion
from compcalc.errors import UnsupportedElementError
from compcalc.molecules.graph import bond_graph


def test_the_rotation_is_proper_and_differs_from_its_transpose():
    matrix = rotation_matrix()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
    assert np.linalg.det(matrix) == pytest.approx(1)
    assert np.abs(matrix - matrix.T).max() > 0.3
    assert np.linalg.det(MIRROR) == pytest.approx(-1)


def test_forces_turned_the_wrong_way_fail_the_rotation():
    """A comparison with the transpose must fail on a good potential by far more than the tolerance."""
    finding = rotation(Subject(samples.Good(), samples.ethanol()))
    assert finding.verdict is Verdict.PASS
    assert finding.details["transpose_ev_per_angstrom"] > 1e4 * finding.tolerance

    class Transposed(samples.Good):
        """Forces in axes that lie still while the molecule turns: R^T F(x) where R F(x) belongs."""

        def computed(self):
            energy, forces, virial = super().computed()
            reference = samples.ethanol().positions
            turn = np.linalg.lstsq(reference, self.atoms.positions, rcond=None)[0].T
            return energy, forces @ turn @ turn, virial

    finding = rotation(Subject(Transposed(), samples.ethanol()))
    assert finding.verdict is Verdict.FAIL and finding.value > 0.1


def test_vanishing_forces_do_not_pass_the_rotation():
    assert rotation(Subject(samples.Good(), Atoms("O"))).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(("factor", "cause"), FORCE_SLIPS.items())
@pytest.mark.parametrize("sign", [1, -1])
def test_factors_tell_their_cause(factor, cause, sign):
    expected = np.random.default_rng(0).normal(size=(9, 3))
    found = proportion(sign * factor * expected * 1.01, expected).explanation(FORCE_SLIPS)
    if sign * factor == 1:
        assert found == ""
    elif abs(factor) == 1:
        assert found == "the gradient instead of the force"
    else:
        assert found == ("with the wrong sign, " if sign < 0 else "") + cause


def test_numbers_that_are_not_proportional_tell_nothing():
    rng = np.random.default_rng(0)
    found = proportion(rng.normal(size=(9, 3)), rng.normal(size=(9, 3)))
    assert not found.proportional and found.explanation(FORCE_SLIPS) == ""
    assert not proportion(np.ones(3), np.zeros(3)).proportional


def test_noise_is_what_is_left_of_a_smooth_curve():
    rng = np.random.default_rng(0)
    stiffness = np.diag(rng.uniform(10, 50, size=12))

    def springs(positions, energy_noise=0.0, forces_noise=0.0):
        x = positions.ravel()
        energy = 0.5 * x @ stiffness @ x + rng.normal(scale=energy_noise) if energy_noise else 0.5 * x @ stiffness @ x
        return energy, (-stiffness @ x).reshape(-1, 3) + forces_noise * rng.normal(size=(4, 3))

    positions = rng.normal(size=(4, 3))
    assert measure_noise(springs, positions).energy < 1e-11
    assert measure_noise(springs, positions).forces < 1e-11
    noisy = measure_noise(lambda p: springs(p, 1e-3, 0.02), positions)
    assert noisy.energy == pytest.approx(1e-3, rel=0.5)
    assert noisy.forces == pytest.approx(0.02, rel=0.2)


def test_apparent_drift_of_noise():
    """Slope: s sqrt(12 / 2000) per ps. Kicks: 3 s^2 dt / (2 m), 0.5 fs, in u angstrom^2/fs^2."""
    assert apparent_drift(2e-3, 0.0, np.ones(2)) == pytest.approx(1.0 * np.sqrt(12 / 2000))
    kicks = 3 * 0.1**2 * 0.5 / (2 * 12.0 * 103.64269652680505) * 1e6
    assert apparent_drift(0.0, 0.1, np.full(5, 12.0)) == pytest.approx(kicks)


@pytest.mark.parametrize("make_path", [stretch_path, torsion_path])
def test_tangents_are_derivatives_of_the_positions(make_path):
    path = make_path(samples.ethanol(), 25)
    np.testing.assert_allclose(path.positions(path.start), samples.ethanol().positions, atol=1e-12)
    for s in path.grid[::6]:
        numeric = (path.positions(s + 1e-5) - path.positions(s - 1e-5)) / 2e-5
        np.testing.assert_allclose(path.tangent(s), numeric, atol=1e-8)


def test_a_bond_is_stretched_and_nothing_else_changes():
    atoms = molecule("CH3CH2OH")
    path = stretch_path(atoms, 25)
    stretched = atoms.copy()
    stretched.positions = path.positions(1.6)
    assert path.name.startswith("C0-C1")
    for i, j in bond_graph(atoms.numbers, atoms.positions).tolist():
        factor = 1.6 if (i, j) == (0, 1) else 1.0
        assert stretched.get_distance(i, j) == pytest.approx(factor * atoms.get_distance(i, j))


def test_a_torsion_turns_once_around_and_keeps_lengths_and_angles():
    atoms = molecule("CH3CH2OH")
    path = torsion_path(atoms, 25)
    assert len(path.grid) == 25
    np.testing.assert_allclose(path.positions(np.pi), path.positions(-np.pi), atol=1e-12)
    turned = atoms.copy()
    turned.positions = path.positions(1.0)
    assert np.abs(turned.positions - atoms.positions).max() > 0.5
    assert turned.get_distance(0, 1) == pytest.approx(atoms.get_distance(0, 1))
    assert turned.get_angle(0, 1, 2) == pytest.approx(atoms.get_angle(0, 1, 2))


@pytest.mark.parametrize(
    ("name", "has_torsion"), [("H2O", False), ("C6H6", False), ("CH3OCH3", True), ("C4H4O", False)]
)
def test_molecules_without_a_rotatable_bond_have_no_torsion(name, has_torsion):
    assert (torsion_path(molecule(name), 25) is not None) == has_torsion
    assert stretch_path(molecule(name), 25) is not None


def test_atoms_without_bonds_are_stretched_by_their_shortest_distance():
    path = stretch_path(Atoms("Ar3", [[0, 0, 0], [0, 0, 4.0], [0, 5.0, 0]]), 25)
    assert path.name.startswith("Ar0-Ar1")
    assert stretch_path(Atoms("Ar"), 25) is None


def test_stress_of_the_good_calculator_is_not_small():
    """Or a wrong sign would pass unseen."""
    finding = stress_from_strain(Subject(samples.Good(), samples.ethanol()))
    assert finding.verdict is Verdict.PASS
    assert np.abs(finding.details["numeric_ev_per_angstrom3"]).max() > 20 * finding.tolerance


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.5, Verdict.PASS), (1.0, Verdict.PASS), (1.1, Verdict.FAIL), (np.nan, Verdict.FAIL)]
)
def test_judging(value, verdict):
    finding = judged(value, 1.0, "eV", "good", "bad", extra=np.float64(2.0))
    assert finding.verdict is verdict
    assert finding.to_dict()["details"] == {"extra": 2.0}
    assert finding.to_dict()["value"] == (None if np.isnan(value) else value)


def test_details_become_fit_for_json():
    details = {"a": np.arange(3), "b": (np.bool_(True), np.inf), "c": {1: Verdict.PASS}, "d": None, "e": np.int64(3)}
    plain = Finding(Verdict.PASS, "", details=details).to_dict()["details"]
    assert plain == {"a": [0, 1, 2], "b": [True, None], "c": {"1": "pass"}, "d": None, "e": 3}


@pytest.mark.parametrize(
    ("energy", "forces", "words"),
    [
        ([1.0, 2.0], np.zeros((2, 3)), r"energy has shape \(2,\)"),
        (1.0, np.zeros((3, 2)), r"forces have shape \(3, 2\); allowed: \(2, 3\)"),
        (np.inf, np.zeros((2, 3)), "energy is NaN"),
        (1.0, [[0, 0, 0], [0, np.nan, 0]], "force on atom 1"),
    ],
)
def test_answers_that_are_none(energy, forces, words):
    with pytest.raises(ValueError, match=words):
        as_numbers(energy, forces, 2)


def test_one_element_energies_are_numbers_here():
    energy, forces = as_numbers(np.array([-1.5], dtype="f4"), np.zeros((2, 3), dtype="f4"), 2)
    assert type(energy) is float and forces.dtype == np.float64


def test_refusals_are_told_from_breakdowns():
    assert is_refusal(CalculationFailed("no")) and is_refusal(UnsupportedElementError("x", ["Og"], ["H"]))
    assert not is_refusal(IndexError("no")) and not is_refusal(ValueError("zero-size array"))
    assert attempt(lambda: 1) == (1, None)
    assert isinstance(attempt(lambda: 1 / 0)[1], ZeroDivisionError)
    assert reason(ValueError("a\n  b")) == "ValueError: a b" and len(reason(ValueError("x" * 999))) < 230


ONE, TWO = (-1.0, np.ones((2, 3))), (-2.0, np.zeros((3, 3)))


@pytest.mark.parametrize(
    "output",
    [
        [ONE, TWO],
        [{"energy": e, "forces": f} for e, f in (ONE, TWO)],
        [SimpleNamespace(energy=e, forces=f) for e, f in (ONE, TWO)],
        {"energy": np.array([-1.0, -2.0]), "forces": [ONE[1], TWO[1]]},
        SimpleNamespace(energy=[-1.0, -2.0], forces=np.concatenate([ONE[1], TWO[1]])),
    ],
)
def test_outputs_of_batches(output):
    results = read_batch(output, [2, 3])
    for (energy, forces), expected in zip(results, (ONE, TWO), strict=True):
        assert energy == expected[0]
        np.testing.assert_array_equal(forces, expected[1])


def test_an_output_of_another_form_is_refused():
    with pytest.raises(ValueError, match="3 results that cannot be read for 2 systems"):
        read_batch([1.0, 2.0, 3.0], [2, 3])
