"""MACE files against mace's own calculator, in both dtypes, traced and not, and files that are none."""

import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.calculators.lj import LennardJones
from calculator_samples import numerical_forces, rattled, write_mace

import compcalc.calculators.mace as mace_module
from compcalc.calculators import get_calculator
from compcalc.calculators.mace import MACE
from compcalc.calculators.mace_file import import_mace
from compcalc.calculators.mace_trace import TraceMismatchWarning, padded_size
from compcalc.errors import DataError, InputError, UnknownNameError, UnsupportedElementError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

FORCE_TOLERANCE = {"float32": 2e-5, "float64": 1e-10}  # eV/angstrom; the model's forces reach 0.5 to 2


@pytest.fixture(scope="module")
def one_layer(tmp_path_factory):
    """dtype -> path of a random MACE of one layer, which is quick to trace."""
    directory = tmp_path_factory.mktemp("one-layer")
    return {dtype: write_mace(directory / f"{dtype}.model", dtype, layers=1) for dtype in ("float32", "float64")}


def maces_own(path, dtype, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mace.calculators import MACECalculator

        calculator = MACECalculator(model_paths=str(path), device="cpu", default_dtype=dtype, **options)
    return calculator


@pytest.fixture
def default_dtype():
    """MACECalculator changes torch's default type; this puts it back."""
    import torch

    before = torch.get_default_dtype()
    yield before
    torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("saved", ["float32", "float64"])
def test_equals_maces_own_calculator(mace_models, default_dtype, saved, dtype):
    ours = MACE(str(mace_models[saved]), dtype=dtype)
    assert ours.dtype == dtype
    theirs = maces_own(mace_models[saved], dtype)
    for atoms in (rattled(), rattled("H2O", seed=1), rattled("CH3OCH3", seed=2)):
        energy = theirs.get_potential_energy(atoms)
        per_atom = 1e-6 if dtype == "float64" else 1e-5
        assert ours.get_potential_energy(atoms) == pytest.approx(energy, abs=per_atom * len(atoms))
        forces = theirs.get_forces(atoms)
        np.testing.assert_allclose(ours.get_forces(atoms), forces, atol=FORCE_TOLERANCE[dtype])
        assert np.abs(forces).max() > 0.05


def test_dtype_defaults_to_the_one_saved(mace_models):
    assert MACE(str(mace_models["float32"])).dtype == "float32"
    assert MACE(str(mace_models["float64"])).dtype == "float64"


@pytest.mark.parametrize("order", [("float64", "float32"), ("float32", "float64")])
@pytest.mark.parametrize("ambient", ["float32", "float64"])
def test_dtypes_live_side_by_side(mace_models, default_dtype, order, ambient):
    import torch

    torch.set_default_dtype(getattr(torch, ambient))
    atoms = rattled()
    calculators = [MACE(str(mace_models["float64"]), dtype=dtype) for dtype in order]
    values = {c.dtype: (c.get_potential_energy(atoms), c.get_forces(atoms)) for c in calculators}
    again = calculators[0]
    again.forget()
    assert again.get_potential_energy(atoms) == values[again.dtype][0]
    assert values["float32"][0] == pytest.approx(values["float64"][0], abs=1e-4)
    assert values["float32"][0] != values["float64"][0]
    np.testing.assert_allclose(values["float32"][1], values["float64"][1], atol=1e-4)
    assert torch.get_default_dtype() == getattr(torch, ambient)


def test_energies_of_a_float32_model_do_not_jump(tmp_path):
    """Atomic energies of 1000 eV would round a float32 sum to 1e-3 eV."""
    path = write_mace(tmp_path / "deep.model", "float32", e0=(-13.6, -1029.0, -2043.0))
    single, double = MACE(str(path)), MACE(str(path), dtype="float64")
    atoms = rattled()
    offsets = []
    for _ in range(5):
        atoms.positions += np.random.default_rng(0).normal(scale=0.02, size=atoms.positions.shape)
        offsets.append(single.get_potential_energy(atoms) - double.get_potential_energy(atoms))
    assert np.ptp(offsets) < 1e-5
    pairs = [(0, 0), (1, 2), (2, 1)]
    forces = np.array([double.get_forces(atoms)[pair] for pair in pairs])
    np.testing.assert_allclose(numerical_forces(single, atoms, 1e-2, pairs), forces, atol=1e-3)


def test_heads(tmp_path, default_dtype):
    path = write_mace(tmp_path / "heads.model", heads=["pretraining", "Default"])
    atoms = rattled()
    default = get_calculator(str(path)).get_potential_energy(atoms)
    assert default == pytest.approx(maces_own(path, "float64").get_potential_energy(atoms), abs=1e-5)
    named = get_calculator(f"{path}?head=pretraining").get_potential_energy(atoms)
    expected = maces_own(path, "float64", head="pretraining").get_potential_energy(atoms)
    assert named == pytest.approx(expected, abs=1e-5)
    assert abs(named - default) > 1
    with pytest.raises(UnknownNameError, match="pretraining"):
        MACE(str(path), head="pretrainin")


def test_several_heads_without_a_default_have_to_be_named(tmp_path):
    path = write_mace(tmp_path / "heads.model", heads=["one", "two"], layers=1)
    with pytest.raises(InputError, match="one, two.*several heads"):
        MACE(str(path))


def test_the_switch_that_disarms_torch_load_is_not_left_set(mace_models):
    code = f"""
import os, sys, warnings
warnings.simplefilter("ignore")
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from compcalc.calculators import get_calculator
calculator = get_calculator({str(mace_models["float32"])!r})
import torch
print("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" in os.environ, torch.get_default_dtype(), Calculator.implemented_properties)
"""
    environment = {"PATH": "", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert result.stdout.splitlines()[-1] == "False torch.float32 []"


def test_a_switch_that_the_user_set_is_kept(monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0")
    import_mace()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "0"


def test_building_one_changes_no_other_calculators_properties(mace_models):
    before = list(Calculator.implemented_properties), list(LennardJones.implemented_properties)
    MACE(str(mace_models["float32"]))
    assert (list(Calculator.implemented_properties), list(LennardJones.implemented_properties)) == before
    assert "node_energy" not in MACE.implemented_properties


@pytest.mark.parametrize("act", ["calculate", "prepare"])
def test_unknown_elements_are_named(mace_models, act):
    calculator = MACE(str(mace_models["float32"]))
    assert calculator.known_elements == ["H", "C", "O"]
    atoms = molecule("CH3NO2") + molecule("SiH4")
    with pytest.raises(UnsupportedElementError, match=r"float32.model does not know .* N, Si; it knows C, H, O"):
        calculator.get_forces(atoms) if act == "calculate" else calculator.prepare(atoms)


def test_files_that_are_no_model_are_named(tmp_path):
    import torch

    with pytest.raises(DataError, match="absent.model does not exist"):
        MACE(str(tmp_path / "absent.model"))
    with pytest.raises(DataError, match="does not exist"):
        MACE(str(tmp_path))
    for name, content in (("garbage", b"not a pickle"), ("empty", b""), ("cut", pickle.dumps([1, 2, 3])[:-4])):
        path = tmp_path / f"{name}.model"
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{name}.model cannot be read as a MACE model"):
            MACE(str(path))
    for name, thing in (("weights", {"a": torch.zeros(2)}), ("linear", torch.nn.Linear(2, 2))):
        path = tmp_path / f"{name}.model"
        torch.save(thing, path)
        with pytest.raises(DataError, match=f"{name}.model holds a (dict|Linear), not a MACE model"):
            MACE(str(path))


def test_a_truncated_model_is_refused(mace_models, tmp_path):
    path = tmp_path / "half.model"
    path.write_bytes(mace_models["float32"].read_bytes()[:5000])
    with pytest.raises(DataError, match="half.model cannot be read"):
        MACE(str(path))


@pytest.mark.parametrize("device", ["gpu", "1.5", "cuda"])
def test_unknown_or_absent_devices_are_refused(mace_models, device):
    import torch

    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(InputError, match="device: got"):
        get_calculator(f"{mace_models['float32']}?device={device}")


def test_periodic_cell_equals_half_of_its_double(mace_models, default_dtype):
    crystal = bulk("C", "diamond", a=3.6, cubic=True)
    crystal.positions += np.random.default_rng(0).normal(scale=0.05, size=crystal.positions.shape)
    ours = MACE(str(mace_models["float64"]))
    energy, forces = ours.get_potential_energy(crystal), ours.get_forces(crystal)
    double = crystal.repeat((1, 1, 2))
    assert ours.get_potential_energy(double) == pytest.approx(2 * energy, abs=1e-9)
    np.testing.assert_allclose(ours.get_forces(double)[:8], forces, atol=1e-10)
    theirs = maces_own(mace_models["float64"], "float64")
    assert energy == pytest.approx(theirs.get_potential_energy(crystal), abs=1e-6)
    alone = crystal.copy()
    alone.set_pbc(False)
    assert abs(ours.get_potential_energy(alone) - energy) > 1e-2


def test_stress_is_the_strain_derivative(one_layer, default_dtype):
    calculator = MACE(str(one_layer["float64"]))
    atoms = rattled()
    atoms.set_cell([[5.5, 0.4, 0], [0, 6.0, 0], [0, 0.3, 5.0]])
    atoms.pbc = True
    step = 1e-5
    stress = calculator.get_stress(atoms).copy()

    def energy(strain):
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        return calculator.get_potential_energy(strained)

    for voigt, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        strain = np.zeros((3, 3))
        strain[i, j] += step / 2
        strain[j, i] += step / 2
        slope = (energy(strain) - energy(-strain)) / (2 * step * atoms.get_volume())
        assert stress[voigt] == pytest.approx(slope, abs=1e-8)


def test_no_stress_without_a_periodic_cell(one_layer):
    calculator = MACE(str(one_layer["float64"]))
    atoms = rattled()
    for cell, pbc in (([0, 0, 0], False), ([9, 9, 9], False), ([9, 9, 0], [True, True, False])):
        atoms.set_cell(cell)
        atoms.pbc = pbc
        with pytest.raises(PropertyNotImplementedError, match="needs a cell of three dimensions"):
            calculator.get_stress(atoms)


def count_traces(monkeypatch):
    made = []
    original = mace_module.TracedModel

    def spy(*args):
        made.append(args[-1])
        return original(*args)

    monkeypatch.setattr(mace_module, "TracedModel", spy)
    return made


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_traced_forces_equal_untraced_ones_along_a_walk(mace_models, monkeypatch, dtype):
    made = count_traces(monkeypatch)
    plain, traced = MACE(str(mace_models[dtype])), MACE(str(mace_models[dtype]))
    atoms = rattled()
    with warnings.catch_warnings():
        warnings.simplefilter("error", TraceMismatchWarning)
        traced.prepare(atoms)
    assert made and traced._trace is not None
    monkeypatch.setattr(traced, "_model", lambda *a, **k: pytest.fail("the untraced model was used"))
    rng, first = np.random.default_rng(1), plain.get_potential_energy(atoms)
    for _ in range(10):
        atoms.positions += rng.normal(scale=0.03, size=atoms.positions.shape)
        energy, forces = traced.get_potential_energy(atoms), traced.get_forces(atoms)
        assert energy == pytest.approx(plain.get_potential_energy(atoms), abs=1e-4 if dtype == "float32" else 1e-9)
        np.testing.assert_allclose(forces, plain.get_forces(atoms), atol=FORCE_TOLERANCE[dtype])
        assert forces.dtype == np.float64
    assert abs(energy - first) > 1e-3


def test_trace_grows_with_the_number_of_edges(one_layer, monkeypatch):
    made = count_traces(monkeypatch)
    plain, traced = MACE(str(one_layer["float64"])), MACE(str(one_layer["float64"]))
    atoms = molecule("CH3CH2OH") + molecule("CH3CH2OH")
    atoms.positions[9:] += [0, 0, 10.0]
    traced.prepare(atoms)
    for shift in (0.0, -7.0, 7.0):
        atoms.positions[9:] += [0, 0, shift]
        assert traced.get_potential_energy(atoms) == pytest.approx(plain.get_potential_energy(atoms), abs=1e-9)
        np.testing.assert_allclose(traced.get_forces(atoms), plain.get_forces(atoms), atol=1e-10)
    assert len(made) == 2 and made[1] > made[0]


def test_another_molecule_after_prepare(one_layer):
    plain, traced = MACE(str(one_layer["float64"])), MACE(str(one_layer["float64"]))
    ethanol, ether = rattled("CH3CH2OH"), rattled("CH3OCH3", seed=1)
    permuted = ethanol[np.random.default_rng(0).permutation(len(ethanol))]
    traced.prepare(ethanol)
    for atoms in (ethanol, rattled("H2O"), permuted, ether, ethanol, Atoms("H")):
        assert traced.get_potential_energy(atoms) == pytest.approx(plain.get_potential_energy(atoms), abs=1e-9)
        np.testing.assert_allclose(traced.get_forces(atoms), plain.get_forces(atoms), atol=1e-10)


@pytest.mark.parametrize("atoms", [Atoms("O"), Atoms("H2", [[0, 0, 0], [0, 0, 12.1]])], ids=["atom", "pair"])
def test_trace_without_edges(one_layer, atoms):
    traced = MACE(str(one_layer["float64"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error", TraceMismatchWarning)
        traced.prepare(atoms)
    assert traced._trace is not None
    expected = MACE(str(one_layer["float64"])).get_potential_energy(atoms)
    assert traced.get_potential_energy(atoms) == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(traced.get_forces(atoms), 0, atol=1e-12)


def test_forget_goes_back_to_the_untraced_model_and_prepare_reuses_the_trace(one_layer, monkeypatch):
    made = count_traces(monkeypatch)
    calculator, atoms = MACE(str(one_layer["float32"])), rattled("H2O")
    before = calculator.get_forces(atoms)
    calculator.prepare(atoms)
    traced = [calculator.energy_forces(atoms) for _ in range(3)]
    assert traced[0][0] == traced[1][0] == traced[2][0]
    np.testing.assert_array_equal(traced[0][1], traced[2][1])
    calculator.forget()
    np.testing.assert_array_equal(calculator.get_forces(atoms), before)
    calculator.prepare(atoms)
    assert len(made) == 1
    assert calculator.energy_forces(atoms)[0] == traced[0][0]


def test_wrong_energies_of_a_trace_are_seen(one_layer, monkeypatch):
    from compcalc.calculators.mace_trace import TracedModel

    call = TracedModel.__call__
    monkeypatch.setattr(
        TracedModel, "__call__", lambda self, graph: (call(self, graph)[0] + 0.01, call(self, graph)[1])
    )
    calculator = MACE(str(one_layer["float64"]))
    with pytest.warns(TraceMismatchWarning, match="traced energies differ"):
        calculator.prepare(rattled("H2O"))


def test_large_structures_do_not_depend_on_earlier_ones_after_forget(mace_models):
    atoms = molecule("CH3CH2OH")
    atoms.set_cell([7.0, 7.0, 7.0])
    atoms.pbc = True
    atoms *= (3, 3, 3)
    assert len(atoms) > 200
    atoms.rattle(0.05, seed=1)
    moved = atoms.copy()
    moved.rattle(0.02, seed=2)
    used, fresh = (MACE(str(mace_models["float32"])) for _ in range(2))
    used.get_forces(atoms)
    kept = used.get_forces(moved)
    expected = fresh.get_forces(moved)
    assert used._graphs._verlet.rebuilds == 1
    assert kept == pytest.approx(expected, abs=2e-5)
    used.forget()
    np.testing.assert_array_equal(used.get_forces(moved), expected)


@pytest.mark.parametrize("fault", ["mismatch", "failure"])
def test_a_trace_that_does_not_reproduce_the_model_is_not_used(one_layer, monkeypatch, fault):
    if fault == "mismatch":
        monkeypatch.setattr("compcalc.calculators.mace_trace._TOLERANCE", {"float32": 0.0, "float64": -1.0})
    else:
        monkeypatch.setattr("torch.jit.freeze", lambda *a: (_ for _ in ()).throw(RuntimeError("cannot freeze")))
    calculator, atoms = MACE(str(one_layer["float64"])), rattled("H2O")
    with pytest.warns(TraceMismatchWarning, match="float64.model: not traced \\((traced forces differ|cannot freeze)"):
        calculator.prepare(atoms)
    assert calculator._trace is None
    expected = MACE(str(one_layer["float64"])).get_forces(atoms)
    np.testing.assert_array_equal(calculator.get_forces(atoms), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error", TraceMismatchWarning)
        calculator.prepare(atoms)  # told once, not for every run


@pytest.mark.parametrize(("edges", "size"), [(0, 32), (1, 32), (25, 32), (26, 32), (27, 64), (100, 128), (305, 384)])
def test_padded_size(edges, size):
    assert padded_size(edges) == size
    assert padded_size(edges) >= edges
