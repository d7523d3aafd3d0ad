"""ANI-1x: forces and stress against differences, torchani's own calculator, the spread, and other models' folders."""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from compcalc import get_calculator
from compcalc.errors import DataError, InputError, UnknownNameError, UnsupportedElementError

pytestmark = pytest.mark.skipif(find_spec("torchani") is None, reason="torchani is not installed")


@pytest.fixture(scope="module")
def ani():
    return get_calculator("ani:ANI-1x?dtype=float64")


@pytest.fixture
def ethanol():
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.03, seed=1)
    return atoms


@pytest.fixture
def periodic(ethanol):
    # Smaller than twice the cut-off, with atoms outside.
    ethanol.set_cell([[7, 0, 0], [1, 7.5, 0], [0, 0.5, 6]])
    ethanol.pbc = True
    return ethanol


def energy_at(calculator, atoms, positions=None, cell=None):
    atoms = atoms.copy()
    if cell is not None:
        atoms.set_cell(cell, scale_atoms=True)
    if positions is not None:
        atoms.positions = positions
    return calculator.get_potential_energy(atoms)


@pytest.mark.parametrize("kind", ["ethanol", "periodic"])
def test_forces_are_minus_the_gradient(ani, kind, request):
    atoms = request.getfixturevalue(kind)
    forces, step = ani.get_forces(atoms).copy(), 1e-4
    for index in [(0, 0), (1, 2), (8, 1)]:
        moved = np.zeros((9, 3))
        moved[index] = step
        plus, minus = (energy_at(ani, atoms, atoms.positions + s * moved) for s in (1, -1))
        assert forces[index] == pytest.approx(-(plus - minus) / (2 * step), abs=1e-5)


def test_stress_is_the_strain_derivative(ani, periodic):
    stress, step, volume = ani.get_stress(periodic).copy(), 1e-5, periodic.get_volume()
    for voigt, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        strain = np.zeros((3, 3))
        strain[i, j] += step / 2
        strain[j, i] += step / 2
        cells = [periodic.cell.array @ (np.eye(3) + s * strain) for s in (1, -1)]
        plus, minus = (energy_at(ani, periodic, cell=cell) for cell in cells)
        assert stress[voigt] == pytest.approx((plus - minus) / (2 * step * volume), abs=1e-7)


def test_the_same_numbers_as_torchanis_own_calculator(ani, periodic):
    from torchani.ase import Calculator

    theirs = Calculator(ani._model.species, ani._model)
    # The two use hartrees of different CODATA years, a relative 8e-9.
    assert ani.get_potential_energy(periodic) == pytest.approx(theirs.get_potential_energy(periodic), rel=2e-8)
    np.testing.assert_allclose(ani.get_forces(periodic), theirs.get_forces(periodic), atol=1e-6)


def test_the_spread_is_that_of_eight_members(ani, ethanol):
    energy = ani.get_potential_energy(ethanol)
    assert ani.member_energies.shape == (8,)
    assert ani.member_energies.mean() == pytest.approx(energy, abs=1e-9)
    assert ani.energy_spread == pytest.approx(np.std(ani.member_energies, ddof=1))
    stretched = ethanol.copy()
    stretched.positions[2] += 1.5 * (stretched.positions[2] - stretched.positions[1])
    calm = ani.energy_spread
    ani.get_potential_energy(stretched)
    assert ani.energy_spread > 3 * calm
    ani.forget()
    assert ani.energy_spread is None


def test_single_precision_agrees(ani, ethanol):
    single = get_calculator("ani:")
    assert single.dtype == "float32"
    assert single.get_potential_energy(ethanol) == pytest.approx(ani.get_potential_energy(ethanol), abs=1e-4)
    np.testing.assert_allclose(single.get_forces(ethanol), ani.get_forces(ethanol), atol=1e-4)


def test_self_energies_keep_their_digits_in_single_precision(ani):
    single, one = get_calculator("ani:"), Atoms("O")
    # -2041 eV, of which the networks give less than 0.1.
    assert single.get_potential_energy(one) == pytest.approx(ani.get_potential_energy(one), abs=1e-6)


def test_atoms_that_see_nobody(ani):
    one = ani.get_potential_energy(Atoms("H"))
    pair = Atoms("H2", [[0, 0, 0], [0, 0, 12]])
    assert ani.get_potential_energy(pair) == pytest.approx(2 * one)
    assert not ani.get_forces(pair).any()


def test_what_the_model_does_not_know_is_refused(ani):
    with pytest.raises(UnsupportedElementError, match=r"element\(s\) F"):
        ani.get_potential_energy(Atoms("HF", [[0, 0, 0], [0, 0, 0.9]]))
    water = molecule("H2O")
    water.info["charge"] = 1
    with pytest.raises(InputError, match="ANI-1x has no charge"):
        ani.get_potential_energy(water)


def test_a_folder_of_ones_own_gives_the_same(ani, ethanol, tmp_path):
    import torchani

    folder = tmp_path / "my-ani"
    shutil.copytree(Path(torchani.__file__).parent / "resources" / "ani-1x_8x", folder)
    own = get_calculator(f"ani:{folder}?dtype=float64")
    assert own.label_name == "ANI my-ani"
    assert own.get_potential_energy(ethanol) == pytest.approx(ani.get_potential_energy(ethanol), abs=1e-9)
    shutil.rmtree(folder / "train3")
    three = get_calculator(f"ani:{folder}?dtype=float64")
    three.get_potential_energy(ethanol)
    assert three.member_energies.shape == (3,)
    next(folder.glob("*.params")).unlink()
    with pytest.raises(DataError, match=r"0 .params files, 1 sae"):
        get_calculator(f"ani:{folder}")


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("ani:ANI-2x", DataError, "torchani ships ANI-1x alone"),
        ("ani:?dtype=float16", UnknownNameError, "float16"),
        ("ani:?device=abacus", InputError, "abacus"),
    ],
)
def test_options_that_cannot_be_used(spec, error, message):
    with pytest.raises(error, match=message):
        get_calculator(spec)


def test_the_stand_in_for_pkg_resources_goes_again(ani):
    module = sys.modules.get("pkg_resources")
    assert module is None or hasattr(module, "iter_entry_points")


def test_the_spread_reaches_the_metrics(ani, ethanol):
    from compcalc.checks.accuracy import predict
    from compcalc.execution.packing import pack_prediction, unpack_prediction
    from compcalc.records import Frames, Molecule

    frames = Frames(
        molecule=Molecule("alcohol/02", "CCO"),
        numbers=ethanol.numbers,
        positions=ethanol.positions[None],
        energy=np.zeros(1),
        forces=np.zeros((1, 9, 3)),
        bonds=np.zeros((0, 2), dtype=int),
        start=np.zeros(1, dtype=np.int32),
    )
    prediction = predict(ani, frames)
    assert prediction.spread[0] == pytest.approx(ani.energy_spread)
    again = unpack_prediction(frames.molecule, pack_prediction(prediction))
    np.testing.assert_array_equal(again.spread, prediction.spread)
