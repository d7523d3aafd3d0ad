"""Terms of types that the training molecules of an additive force field do not have, and what they take after."""

import warnings

import numpy as np
import pytest
from additive_samples import random_parameters, terms_of
from ase import Atoms
from calculator_samples import numerical_forces, rattled

from compcalc.calculators.additive.atom_types import AtomTypes
from compcalc.calculators.additive.calculator import AdditiveCalculator, WiderTypeWarning
from compcalc.calculators.additive.field import assign
from compcalc.calculators.additive.molecule import MoleculeTerms, nearest
from compcalc.calculators.additive.parameters import UnseenTermError
from compcalc.molecules.graph import bond_graph

TRAINING = [rattled(name) for name in ("CH3CH2OH", "CH3CHO", "CH3OH")]
ACID = rattled("CH3COOH")


@pytest.fixture(scope="module")
def parameters():
    return random_parameters(TRAINING)


@pytest.fixture
def calculator(parameters, tmp_path):
    parameters.save(tmp_path / "kin.json")
    return AdditiveCalculator(tmp_path / "kin.json")


def assigned(parameters, atoms: Atoms = ACID):
    return assign(terms_of(atoms), list(atoms.symbols), parameters, "a field")


def place_of(terms: MoleculeTerms, kind: str, name: str) -> int:
    """Index of the first term of a kind that has the name."""
    return next(m for m, row in enumerate(terms.names()[kind]) if name in row)


@pytest.mark.parametrize(
    ("kind", "name", "stand_in"),
    [
        ("atom", "C3(C4,O1,O2)", "C3"),
        ("bond", "C3-O2", "C*-O2"),
        ("angle", "[C3]-O-O", "[C3]-X-X"),
        ("stretch_bend", "O<[C3]-O", "X<[C3]-X"),
        ("angle_angle", "C=[C3]-O-O", "*=[C3]-*-*"),
        ("plane", "[C3],C,O,O", "[C3],*,*,*"),
        ("torsion", "*-[C3-O2]-*", "C-[C*-O2]-H"),
        ("torsion", "*-[C3-O2]-*", "H-[O2-C*]-X"),
        ("pair", "near HO...O1", "near"),
    ],
)
def test_each_kind_of_term_of_an_acid_takes_after_its_nearest_kin(parameters, kind, name, stand_in):
    assert (kind, name, stand_in) in assigned(parameters).standing_in


def test_a_hydroxyl_bond_is_nearer_to_an_alcohol_than_to_an_aldehyde(parameters):
    found, known = assigned(parameters), parameters.typical["bond"]
    coefficients = found.coefficients["bond"][:, place_of(found.molecule, "bond", "C3-O2")]
    np.testing.assert_array_equal(coefficients, known["C*-O2"])
    assert known["C*-O2"] != known["C3-O*"]


def test_without_alcohols_an_aldehyde_has_to_do():
    mixed = random_parameters([rattled("CH3CHO"), rattled("H2O"), rattled("trans-butane")])
    assert ("bond", "C3-O2", "C3-O*") in assigned(mixed).standing_in


def test_a_stand_in_is_the_mean_of_whole_training_terms(parameters):
    """Methanol has one C-O bond and ethanol another, of different narrow types."""
    own = [
        np.sum([parameters.terms["bond"][name] for name in row], axis=0)
        for atoms in TRAINING
        for row in terms_of(atoms).names()["bond"]
        if row[0] == "C4-O2"
    ]
    assert len(own) == 2
    np.testing.assert_allclose(parameters.typical["bond"]["C*-O2"], np.mean(own, axis=0), rtol=1e-12)


def test_an_unseen_bond_is_shorter_by_the_difference_of_the_radii(parameters):
    lengths = [atoms.get_distance(*pair) for atoms in TRAINING for pair in bonds_of(atoms, "C4", "O2")]
    found = assigned(parameters)
    centre = found.centres["bond"][place_of(found.molecule, "bond", "C3-O2"), 0]
    assert centre == pytest.approx(np.mean(lengths) - 0.76 + 0.73, abs=1e-9)  # Cordero et al.: C sp3 0.76, sp2 0.73


def test_an_unseen_angle_has_the_mean_cosine_of_heavy_atoms_around_such_a_middle(parameters):
    aldehyde, found = TRAINING[1], assigned(parameters)
    (carbon,) = (a for a, wide in enumerate(types_of(aldehyde).wide) if wide == "C3")
    heavy = [a for a in types_of(aldehyde).neighbours[carbon] if aldehyde.symbols[a] != "H"]
    cosine = np.cos(np.radians(aldehyde.get_angle(heavy[0], carbon, heavy[1])))
    centre = found.centres["angle"][place_of(found.molecule, "angle", "[C3]-O-O"), 2]
    assert centre == pytest.approx(cosine, abs=1e-9)


def test_a_known_molecule_has_its_own_coefficients_alone(parameters):
    for atoms in TRAINING:
        found = assigned(parameters, atoms)
        assert not found.standing_in
        for kind, rows in found.molecule.names().items():
            sums = [np.sum([parameters.terms[kind][name] for name in row], axis=0) for row in rows]
            np.testing.assert_array_equal(found.coefficients[kind].T.ravel(), np.ravel(sums))


def test_forces_with_stand_ins_are_minus_the_gradient(calculator):
    with pytest.warns(WiderTypeWarning, match=r"in C2H4O2 .* for bond C3-O2 \(C\*-O2\), .* and \d+ more, which no"):
        forces = calculator.get_forces(ACID)
    pairs = [(i, axis) for i in range(len(ACID)) for axis in range(3)]
    numeric = numerical_forces(calculator, ACID, 1e-4, pairs).reshape(-1, 3)
    np.testing.assert_allclose(numeric, forces, atol=1e-5)
    assert np.abs(forces).max() > 0.1


def test_the_order_of_the_atoms_changes_no_stand_in(parameters):
    order = np.random.default_rng(4).permutation(len(ACID))
    assert set(assigned(parameters, ACID[order]).standing_in) == set(assigned(parameters).standing_in)


def test_atoms_on_top_of_each_other_are_no_molecule(calculator):
    """Five neighbours of a carbon are a wrong geometry, not a type that wider ones could stand in for."""
    atoms = rattled("CH3CH2OH")
    (oxygen,), carbons = np.flatnonzero(atoms.numbers == 8), np.flatnonzero(atoms.numbers == 6)
    far = max(np.flatnonzero(atoms.numbers == 1), key=lambda a: atoms.get_distance(a, oxygen))
    other = max(carbons, key=lambda a: atoms.get_distance(a, far))
    atoms.positions[far] = atoms.positions[other] + [0.01, 0.0, 0.0]
    with pytest.raises(UnseenTermError, match=r"has no atom of type C[5-9]"), warnings.catch_warnings():
        warnings.simplefilter("error")
        calculator.get_potential_energy(atoms)


def test_every_wide_name_is_followed_by_looser_ones():
    terms = terms_of(ACID)
    for kind, rows in terms.names().items():
        for names, kin in zip(rows, terms.kin()[kind], strict=True):
            assert set(names) <= set(kin)
            assert kin[0] == names[-1]
    assert nearest(("narrow", "wide", "loose"), {"loose": 1, "wide": 2}) == "wide"
    assert nearest(("narrow",), {}) is None


def types_of(atoms: Atoms) -> AtomTypes:
    return AtomTypes(atoms.numbers, bond_graph(atoms.numbers, atoms.positions))


def bonds_of(atoms: Atoms, first: str, second: str) -> list[tuple[int, int]]:
    wide = types_of(atoms).wide
    return [(i, j) for i, j in bond_graph(atoms.numbers, atoms.positions) if {wide[i], wide[j]} == {first, second}]
