"""Fine-tuning a MACE: what the foundation model decides, and energies of the elements that are the data's."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from training_data import TASK
from training_fields import labelled

from compcalc.calculators import get_calculator
from compcalc.calculators.mace_file import shipped_model
from compcalc.calculators.model_file import file_hash
from compcalc.errors import DataError, InputError, UnsupportedElementError
from compcalc.training.delta import DeltaSettings
from compcalc.training.mace import MACESettings, prepare_mace, train_mace
from compcalc.training.mace_init import Foundation
from compcalc.training.split import TrainingSplit

FINE = MACESettings(init="default", epochs=1, batch_size=4)
SHIFTS = {"H": 2.0, "C": -500.0}


@pytest.fixture(scope="module")
def default():
    return get_calculator("mace:default?dtype=float64")


def shifted(calculator, atoms):
    """Energy (eV) on another level of theory, whose atoms alone differ, and forces (eV/angstrom)."""
    other = sum(SHIFTS[symbol] for symbol in atoms.symbols)
    return calculator.get_potential_energy(atoms) + other, calculator.get_forces(atoms).copy()


@pytest.fixture(scope="module")
def split(default):
    sets = [
        tuple(
            replace(
                labelled(one.name, molecule(name), lambda atoms: shifted(default, atoms), count, seed), molecule=one
            )
            for one, name in zip(TASK.train, ("CH4", "C2H6"), strict=True)
        )
        for count, seed in ((4, 1), (2, 2))
    ]
    return TrainingSplit(*sets)


@pytest.fixture(scope="module")
def scale():
    """E0 of the data: those of the shipped model, shifted."""
    import json

    import torch

    from compcalc.calculators.mace_file import import_mace

    import_mace()
    model = torch.load(shipped_model(), weights_only=False)
    own = dict(zip("HC", model.atomic_energies_fn.atomic_energies.view(-1).tolist(), strict=True))
    return json.loads(json.dumps({symbol: own[symbol] + SHIFTS[symbol] for symbol in "HC"}))


def assert_same_but_for_the_elements(model, default, close):
    tuned = get_calculator(f"mace:{model}?dtype=float64")
    atoms = Atoms(molecule("C3H8"))
    atoms.rattle(0.05, seed=3)
    energy, forces = shifted(default, atoms)
    assert tuned.get_potential_energy(atoms) == pytest.approx(energy, abs=close)
    np.testing.assert_allclose(tuned.get_forces(atoms), forces, atol=close)


def test_the_copy_has_the_weights_of_the_foundation_and_the_energies_of_the_data(split, scale, default, tmp_path):
    found = Foundation.of(FINE, split, scale, tmp_path)
    assert found.shifts == pytest.approx(SHIFTS, abs=1e-3)
    assert found.energies == pytest.approx(scale, abs=1e-3)
    assert_same_but_for_the_elements(tmp_path / "foundation.model", default, 1e-2)
    (tmp_path / "foundation.model").unlink()
    assert Foundation.of(FINE, split, scale, tmp_path) == found  # an earlier session's
    assert not (tmp_path / "foundation.model").exists()
    assert found.details("default")["init"] == {"model": shipped_model().name, "sha256": file_hash(shipped_model())}


@pytest.mark.slow
def test_the_program_begins_with_the_foundation_on_the_scale_of_the_data(split, scale, default, tmp_path):
    """Steps too small to change anything: the model is the foundation, and its energies are those of the data."""
    settings = replace(FINE, learning_rate=1e-12)
    model, history = train_mace(split, scale, tmp_path / "work", settings, seed=0)
    assert history.last == 1
    # Single precision.
    assert_same_but_for_the_elements(model, default, 1e-2)


def test_the_foundation_decides_the_architecture():
    settings, depends = prepare_mace(replace(FINE, r_max=3.5), {"C", "H"})
    found = (settings.channels, settings.max_L, settings.max_ell, settings.correlation, settings.layers)
    assert found == (32, 0, 2, 2, 2)
    assert (settings.r_max, settings.radial) == (3.5, 32)
    assert depends == {"init_sha256": file_hash(shipped_model())}
    assert prepare_mace(settings, {"C"})[0] == settings
    with pytest.raises(InputError, match="channels: got 64; allowed: 32 beside init"):
        prepare_mace(replace(FINE, channels=64), {"C", "H"})


def test_another_architecture_is_read_from_the_file(tmp_path):
    """As mace-torch builds it, untrained."""
    torch, modules, o3 = _mace()
    model = modules.ScaleShiftMACE(
        r_max=4.0,
        num_bessel=6,
        num_polynomial_cutoff=5,
        max_ell=1,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        num_interactions=3,
        num_elements=2,
        hidden_irreps=o3.Irreps("8x0e + 8x1o"),
        MLP_irreps=o3.Irreps("4x0e"),
        gate=torch.nn.functional.silu,
        atomic_energies=np.array([-1.0, -2.0]),
        avg_num_neighbors=8.0,
        atomic_numbers=[1, 8],
        correlation=3,
        radial_MLP=[24, 24],
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )
    path = tmp_path / "mine.model"
    torch.save(model, path)
    settings, _ = prepare_mace(replace(FINE, init=str(path)), {"H", "O"})
    assert (settings.channels, settings.max_L, settings.max_ell, settings.correlation) == (8, 1, 1, 3)
    assert (settings.layers, settings.r_max, settings.radial) == (3, 4.0, 24)
    assert settings.label == "from-mine"
    with pytest.raises(UnsupportedElementError, match="does not know the element.* C"):
        prepare_mace(settings, {"C", "H"})


def _mace():
    from compcalc.calculators.mace_file import import_mace

    torch = import_mace()
    from e3nn import o3
    from mace import modules

    return torch, modules, o3


def test_files_that_hold_no_mace_are_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        prepare_mace(replace(FINE, init=str(tmp_path / "none.model")), {"C"})
    (tmp_path / "other.model").write_text("no model")
    with pytest.raises(DataError, match="cannot be read as a MACE model"):
        prepare_mace(replace(FINE, init=str(tmp_path / "other.model")), {"C"})


def test_a_fine_tuning_takes_smaller_steps():
    assert (MACESettings().learning_rate, FINE.learning_rate) == (0.01, 0.001)
    assert replace(FINE, learning_rate=0.5).learning_rate == 0.5
    assert (MACESettings().label, FINE.label) == ("", "from-default")
    assert prepare_mace(MACESettings(channels=7), {"C"}) == (MACESettings(channels=7), {})


def test_a_foundation_mace_is_no_correction():
    with pytest.raises(InputError, match="init: got 'default'; allowed: nothing in a correction"):
        DeltaSettings(arch="mace", correction=FINE)
