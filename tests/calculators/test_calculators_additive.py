"""The additive force field: closed forms of its terms, forces, symmetries, types that nobody has seen, its file."""

import json
import warnings

import numpy as np
import pytest
from additive_samples import only, random_parameters, terms_of
from ase import Atoms
from ase.build import molecule
from ase.calculators.lj import LennardJones
from calculator_samples import numerical_forces, rattled, rotation

from compcalc.calculators import get_calculator
from compcalc.calculators.additive.atom_types import AtomTypes
from compcalc.calculators.additive.calculator import AdditiveCalculator, WiderTypeWarning
from compcalc.calculators.additive.design import columns, design
from compcalc.calculators.additive.kinds import MORSE_PER_ANGSTROM, PAIR_WELL, UFF, pair_monomials
from compcalc.calculators.additive.parameters import AdditiveParameters, UnseenTermError
from compcalc.calculators.additive.types import molecule_terms
from compcalc.errors import DataError, InputError, UnsupportedElementError
from compcalc.molecules.build3d import atomic_numbers, embed
from compcalc.molecules.graph import bond_graph
from compcalc.molecules.smiles import parse_smiles
from compcalc.records import Batch
from compcalc.testing import assert_conforms

NAMES = ("CH3CH2OH", "CH3COOH", "trans-butane", "CH3CH2NH2", "H2O", "CH4")
MOLECULES = [rattled(name) for name in NAMES]


@pytest.fixture(scope="module")
def field_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("additive") / "random.json"
    random_parameters(MOLECULES).save(path)
    return path


@pytest.fixture
def calculator(field_file):
    return get_calculator(f"additive:{field_file}")


def made(tmp_path, parameters) -> AdditiveCalculator:
    parameters.save(tmp_path / "made.json")
    return AdditiveCalculator(tmp_path / "made.json")


@pytest.mark.parametrize("name", NAMES)
def test_forces_are_minus_the_gradient(calculator, name):
    atoms = rattled(name, seed=5)
    pairs = [(i, axis) for i in range(len(atoms)) for axis in range(3)]
    forces = calculator.get_forces(atoms)
    numeric = numerical_forces(calculator, atoms, 1e-4, pairs).reshape(-1, 3)
    np.testing.assert_allclose(numeric, forces, atol=1e-5)
    assert np.abs(forces).max() > 0.1  # a wrong sign would be seen


@pytest.mark.parametrize("name", NAMES)
def test_the_energy_is_linear_in_the_basis_functions_of_the_fit(calculator, name):
    frames = [rattled(name, seed=seed) for seed in range(3)]
    terms, parameters = terms_of(frames[0]), random_parameters(MOLECULES)
    energies, forces = design(terms, np.array([atoms.positions for atoms in frames]), parameters.centres)
    coefficients = np.array([parameters.terms[kind][type_][k] for kind, type_, k in columns(terms)])
    free = sum(parameters.elements[symbol] for symbol in frames[0].symbols)
    for t, atoms in enumerate(frames):
        assert energies[t] @ coefficients + free == pytest.approx(calculator.get_potential_energy(atoms), abs=1e-9)
        np.testing.assert_allclose((forces[t] @ coefficients).reshape(-1, 3), calculator.get_forces(atoms), atol=1e-9)


def test_rotation_reflection_translation_and_permutation(calculator):
    atoms = rattled("CH3COOH")
    energy, forces = calculator.get_potential_energy(atoms), calculator.get_forces(atoms)
    turn, moved = rotation(), atoms.copy()
    for operation in (turn, -turn):
        moved.positions = atoms.positions @ operation.T + [3.0, -7.0, 11.0]
        assert calculator.get_potential_energy(moved) == pytest.approx(energy, abs=1e-9)
        np.testing.assert_allclose(calculator.get_forces(moved), forces @ operation.T, atol=1e-9)
    order = np.random.default_rng(1).permutation(len(atoms))
    assert calculator.get_potential_energy(atoms[order]) == pytest.approx(energy, abs=1e-9)
    np.testing.assert_allclose(calculator.get_forces(atoms[order]), forces[order], atol=1e-9)


@pytest.mark.parametrize("length", [0.85, 0.95, 1.15])
def test_a_bond_is_a_polynomial_of_its_stretch(tmp_path, length):
    pair = Atoms("OH", [[0, 0, 0], [0, 0, 1.0]])
    parameters = random_parameters([pair])
    field = made(tmp_path, only(parameters, {("bond", "HO-O1", 1): 3.0, ("bond", "HO-O1", 2): -0.5}))
    pair.positions[1] = [0, length, 0]
    u = 1 - np.exp(-2.0 * (length - 1.0))
    slope = 2.0 * np.exp(-2.0 * (length - 1.0)) * (6.0 * u - 1.5 * u**2)
    assert MORSE_PER_ANGSTROM == 2.0
    assert field.get_potential_energy(pair) == pytest.approx(3.0 * u**2 - 0.5 * u**3, abs=1e-12)
    np.testing.assert_allclose(field.get_forces(pair), [[0, slope, 0], [0, -slope, 0]], atol=1e-12)


def test_an_angle_is_a_polynomial_of_its_cosine(tmp_path):
    water = molecule("H2O")
    parameters = random_parameters([water])
    field = made(tmp_path, only(parameters, {("angle", "[O2]-H-H", 0): 1.5, ("angle", "[O2]-H-H", 1): 4.0}))
    c0 = np.cos(np.radians(water.get_angle(1, 0, 2)))
    for angle in (90.0, 104.0, 120.0, 180.0):
        water.set_angle(1, 0, 2, angle)
        x = np.cos(np.radians(angle)) - c0
        assert field.get_potential_energy(water) == pytest.approx(1.5 * x + 4.0 * x**2, abs=1e-9)
        assert np.isfinite(field.get_forces(water)).all()


def test_a_torsion_is_one_in_cis(tmp_path):
    atoms = peroxide()
    field = made(tmp_path, only(random_parameters([atoms]), {("torsion", "H-[O2-O2]-H", 0): 0.7}))
    for angle in (0.0, 60.0, 120.0, 180.0, -60.0):
        atoms.set_dihedral(0, 1, 2, 3, angle, mask=[0, 0, 0, 1])
        sines = np.sin(np.radians([atoms.get_angle(0, 1, 2), atoms.get_angle(1, 2, 3)])).prod()
        expected = 0.7 * sines * np.cos(np.radians(angle))
        assert field.get_potential_energy(atoms) == pytest.approx(expected, abs=1e-9)


def test_the_basis_functions_of_a_pair():
    atoms = peroxide()
    terms, centres = terms_of(atoms), random_parameters([atoms]).centres
    r0, depth = UFF["H"][0], UFF["H"][1] * 0.0433641043
    place = {column: c for c, column in enumerate(columns(terms))}
    well, repulsion = (place["pair", "near", k] for k in (0, 1))

    def at(distance):
        atoms.positions[3] = atoms.positions[0] + [0.0, 0.0, distance]
        energies, forces = design(terms, atoms.positions[None], centres)
        return energies[0], forces[0, 11]

    energies, pulls = at(PAIR_WELL * r0)
    assert energies[well] == pytest.approx(-depth / PAIR_WELL**12, rel=1e-9)
    assert pulls[well] == pytest.approx(0.0, abs=1e-9)
    assert energies[repulsion] == pytest.approx(2 * depth / PAIR_WELL**6, rel=1e-9)
    energies, pulls = at(r0)
    assert energies[repulsion] == pytest.approx(2 * depth, rel=1e-9)
    assert pulls[repulsion] == pytest.approx(12 * depth / r0, rel=1e-9)
    assert at(0.7 * r0)[1][well] < 0 < at(0.5 * r0)[1][well]


def test_a_pair_can_be_a_lennard_jones_potential():
    distance = np.linspace(1.5, 6.0, 10)
    constants = np.tile([3.0, 0.01], (10, 1))
    values, slopes = pair_monomials(distance, constants)
    coefficients = [1.0, 1 / PAIR_WELL**6 - 1.0]
    argon = LennardJones(sigma=3.0 / 2 ** (1 / 6), epsilon=0.01, rc=1e6)
    for index, r in enumerate(distance):
        pair = Atoms("Ar2", [[0, 0, 0], [0, 0, r]], calculator=argon)
        assert coefficients @ values[:, index] == pytest.approx(pair.get_potential_energy(), rel=1e-6)
        assert -(coefficients @ slopes[:, index]) == pytest.approx(pair.get_forces()[1, 2], rel=1e-6)


def test_pairs_without_negative_coefficients_repel_at_short_distance():
    distance = np.geomspace(0.1, PAIR_WELL * 3.0, 40)
    values, slopes = pair_monomials(distance, np.tile([3.0, 0.01], (40, 1)))
    for coefficients in np.random.default_rng(0).exponential(size=(20, 2)):
        assert (coefficients @ slopes < 0).all()
        assert (coefficients @ values)[0] > 1e3


def test_types_of_acetic_acid():
    acid = molecule("CH3COOH")
    types = AtomTypes(acid.numbers, bond_graph(acid.numbers, acid.positions))
    assert sorted(types.wide) == ["C3", "C4", "HC", "HC", "HC", "HO", "O1", "O2"]
    assert "C3(C4,O1,O2)" in types.narrow
    names = {name for row in molecule_terms(acid.numbers, bond_graph(acid.numbers, acid.positions))["torsion"].names
             for name in row}  # fmt: skip
    assert {"*-[C3-C4]-*", "H-[C4-C3]-O", "HC-[C4-C3]-O1", "C-[C3(C4,O1,O2)-O2(C3,HO)]-H"} <= names


def test_the_number_of_terms_of_ethane():
    ethane = molecule("C2H6")
    found = molecule_terms(ethane.numbers, bond_graph(ethane.numbers, ethane.positions))
    assert {kind: len(terms) for kind, terms in found.items()} == {
        "atom": 8, "bond": 7, "angle": 12, "stretch_bend": 24, "angle_angle": 24, "plane": 0, "torsion": 9,
    }  # fmt: skip
    assert len(terms_of(ethane).pairs.atoms) == 9


def test_a_type_that_nobody_has_seen_is_named(calculator):
    hydroxylamine = built("NO")
    with pytest.raises(UnseenTermError, match=r"random.json has no bond of type N3-O2: no training molecule had one"):
        calculator.get_potential_energy(hydroxylamine)
    with pytest.raises(UnsupportedElementError, match="Si"):
        calculator.get_potential_energy(molecule("SiH4"))


def test_a_wider_type_stands_in_and_says_so(calculator):
    # Ethanol and butane have all of it but the torsion O-C-C-C.
    with pytest.warns(WiderTypeWarning, match=r"wider types stand in for torsion C-\[C4-C4\]-O \(\*-\[C4-C4\]-\*\), "):
        energy = calculator.get_potential_energy(built("CCCO"))
    assert np.isfinite(energy)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calculator.get_potential_energy(rattled("CH3CH2OH"))


def test_another_molecule_of_the_same_atoms_is_seen(calculator):
    ethanol, ether = rattled("CH3CH2OH"), rattled("CH3OCH3")
    order = np.argsort(-ether.numbers, kind="stable"), np.argsort(-ethanol.numbers, kind="stable")
    ether, ethanol = ether[order[0]], ethanol[order[1]]
    np.testing.assert_array_equal(ethanol.numbers, ether.numbers)
    for first, second in ((ethanol, ether), (ether, ethanol)):
        alone = energy_or_error(calculator, second)
        calculator.forget()
        energy_or_error(calculator, first)
        assert energy_or_error(calculator, second) == alone


def test_a_stretched_bond_stays_a_bond(calculator):
    atoms = rattled("CH3CH2OH")
    calculator.get_potential_energy(atoms)
    (oxygen,) = np.flatnonzero(atoms.numbers == 8)
    hydrogen = int(np.argmin(np.where(atoms.numbers == 1, atoms.get_all_distances()[oxygen], 9)))
    atoms.positions[hydrogen] += 0.5 * (atoms.positions[hydrogen] - atoms.positions[oxygen])
    stretched = calculator.get_potential_energy(atoms)
    assert np.isfinite(stretched)
    assert calculator._last[0].fit(atoms.numbers, atoms.positions)


def test_a_batch_is_its_molecules(calculator):
    frames = [rattled(name, seed=seed) for seed in (0, 1) for name in ("CH3COOH", "H2O", "CH3CH2OH")]
    energies, forces = calculator.evaluate(frames)
    for atoms, energy, force in zip(frames, energies, forces, strict=True):
        alone = AdditiveCalculator.get_potential_energy(calculator, atoms)
        assert energy == pytest.approx(alone, abs=1e-9)
        np.testing.assert_allclose(force, calculator.get_forces(atoms), atol=1e-9)
    batch = Batch.of([(atoms.numbers, atoms.positions) for atoms in frames])
    again = calculator.evaluate_batch(batch)
    np.testing.assert_array_equal(again.energies, calculator.evaluate_batch(batch).energies)


def test_it_conforms(calculator):
    assert_conforms(calculator, rattled("CH3CH2OH"))


def test_charged_and_periodic_atoms_are_refused(calculator):
    water = molecule("H2O", vacuum=3.0)
    water.info["charge"] = 1
    with pytest.raises(InputError, match="charge"):
        calculator.get_potential_energy(water)
    del water.info["charge"]
    water.set_pbc(True)
    with pytest.raises(InputError, match=r"set_pbc\(False\)"):
        calculator.get_potential_energy(water)


def test_the_file_gives_back_every_bit(field_file, tmp_path):
    parameters = AdditiveParameters.load(field_file)
    assert parameters == random_parameters(MOLECULES)
    parameters.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == field_file.read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "is not a file that `compcalc train additive` has made"),
        ("[1]", "is not a file that"),
        ('{"format": "something else"}', "format 'something else'; allowed: 'compcalc additive"),
        ("drop elements", "is damaged .KeyError"),
        ("short bond", "coefficients of bond"),
        ("short kin", r"coefficients of bond C\*-O2"),
        ('{"format": "compcalc additive force field, version 2"}', "version 2'; allowed: .*version 3'. Make one with"),
        ("nan", "finite"),
    ],
)
def test_a_file_that_is_no_force_field_is_refused(field_file, tmp_path, content, message):
    path, whole = tmp_path / "bad.json", json.loads(field_file.read_text())
    if content == "drop elements":
        del whole["elements"]
    elif content == "short bond":
        whole["terms"]["bond"]["C4-HC"] = [1.0]
    elif content == "short kin":
        whole["typical"]["bond"]["C*-O2"] = [1.0]
    elif content == "nan":
        whole["centres"]["C4-HC"] = float("nan")
    path.write_text(content if content[0] in "n[{" and content != "nan" else json.dumps(whole))
    with pytest.raises(DataError, match=message):
        get_calculator(f"additive:{path}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.json' does not exist.*compcalc train additive"):
        get_calculator(f"additive:{tmp_path}/nowhere.json")


def peroxide() -> Atoms:
    return Atoms("HOOH", [[0.9, 0, 0.3], [0, 0, 0], [0, 1.45, 0], [0, 1.75, 0.92]])


def energy_or_error(calculator, atoms):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return calculator.get_potential_energy(atoms)
    except UnseenTermError as error:
        return str(error)


def built(smiles: str) -> Atoms:
    mol = parse_smiles(smiles)
    return Atoms(atomic_numbers(mol), embed(mol, seed=1))
