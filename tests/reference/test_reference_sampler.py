"""The sampler: what it gives is determined by its seed, and labels belong to what is stored."""

from dataclasses import replace

import numpy as np
import pytest
from reference_springs import Springs

from compcalc.calculators import get_calculator
from compcalc.calculators.mmff_field import MMFF94Field
from compcalc.errors import MoleculeError
from compcalc.molecules.build3d import embed
from compcalc.molecules.smiles import parse_smiles
from compcalc.records import Molecule
from compcalc.reference.labelling import Labeller
from compcalc.reference.sampler import CONTROL, CORE, SamplerSettings, sample

METHANOL, ETHANE, WATER = Molecule("alcohol/01", "CO"), Molecule("alkane/02", "CC"), Molecule("water", "O")
SHORT = SamplerSettings(starts=3, torsion_fs=20.0, settle_fs=10.0, spacing_fs=5.0)


def _sample(molecule=METHANOL, trajectory="A", n_frames=6, settings=SHORT, seed=0, labeller=None):
    labeller = labeller or Labeller(get_calculator("mmff94"))
    return sample(molecule, trajectory, n_frames, labeller, MMFF94Field, settings, seed)


def _same(a, b):
    for name in ("numbers", "positions", "energy", "forces", "bonds", "start"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    assert a.attributes == b.attributes


def test_the_seed_decides_everything_and_the_past_nothing():
    alone = _sample()
    shared = Labeller(get_calculator("mmff94"))
    for molecule, trajectory in ((ETHANE, "A"), (METHANOL, "B")):
        _sample(molecule, trajectory, labeller=shared)
    _same(alone, _sample(labeller=shared))


def test_a_method_that_remembers_is_made_to_forget():
    shared = Labeller(Springs(memory=True), Springs(memory=True))
    first = _sample(labeller=shared)
    _sample(ETHANE, labeller=shared)
    _same(first, _sample(labeller=shared))
    assert shared.calculator.forgotten == 3 * 6
    assert shared.dynamics.forgotten == 3 * 3


@pytest.mark.parametrize("change", [{"seed": 1}, {"trajectory": "B"}, {"molecule": Molecule("mine", "CO")}])
def test_other_seeds_letters_and_names_share_no_geometry(change):
    a, b = _sample(), _sample(**change)
    assert a.positions.shape == b.positions.shape
    nearest = np.abs(a.positions[:, None] - b.positions[None]).max(axis=(2, 3)).min()
    assert nearest > 1e-3
    assert not np.intersect1d(a.energy, b.energy).size


def test_starts_of_one_trajectory_differ():
    frames = _sample()
    first = [frames.positions[frames.start == s][0] for s in range(3)]
    assert min(np.abs(first[i] - first[j]).max() for i in range(3) for j in range(i)) > 1e-3


@pytest.mark.parametrize(
    ("n_frames", "starts", "per_start"),
    [(6, 3, [2, 2, 2]), (7, 3, [2, 2, 3]), (2, 3, [0, 1, 1]), (1, 3, [0, 0, 1]), (25, 20, [1, 1, 1, 2] * 5)],
)
def test_frames_are_spread_evenly_over_the_starts(n_frames, starts, per_start):
    settings = replace(SHORT, starts=starts, torsion_fs=0.0, settle_fs=1.0, spacing_fs=1.0)
    frames = _sample(WATER, n_frames=n_frames, settings=settings, labeller=Labeller(Springs()))
    assert len(frames) == n_frames
    assert np.bincount(frames.start, minlength=starts).tolist() == per_start
    assert (np.diff(frames.start) >= 0).all()


def test_positions_are_float32_and_labels_belong_to_them():
    frames = _sample()
    np.testing.assert_array_equal(frames.positions, frames.positions.astype(np.float32).astype(np.float64))
    field = MMFF94Field(parse_smiles("CO"))
    for positions, energy, forces in zip(frames.positions, frames.energy, frames.forces, strict=True):
        expected_energy, expected_forces = field(positions)
        # Unrounded positions would miss this by the rounding, 1e-8 angstrom, times the force.
        assert energy == pytest.approx(expected_energy, abs=1e-10)
        np.testing.assert_allclose(forces, expected_forces, atol=1e-10)


@pytest.mark.parametrize("settle_fs", [0.0, 4.0])
@pytest.mark.parametrize("torsion_fs", [0.0, 4.0])
def test_stages_can_be_left_out(settle_fs, torsion_fs):
    settings = SamplerSettings(starts=2, torsion_fs=torsion_fs, settle_fs=settle_fs, spacing_fs=2.0)
    frames = _sample(WATER, n_frames=5, settings=settings, labeller=Labeller(Springs()))
    assert np.bincount(frames.start).tolist() == [2, 3]
    assert len(np.unique(frames.positions.reshape(5, -1), axis=0)) == 5


def test_without_dynamics_the_first_frame_is_the_embedded_conformer():
    settings = SamplerSettings(starts=1, torsion_fs=0.0, settle_fs=0.0)
    frames = _sample(WATER, n_frames=1, settings=settings)
    shape = embed(parse_smiles("O"), seed=1)
    lengths = [np.linalg.norm(p[1:] - p[0], axis=1) for p in (frames.positions[0], shape)]
    np.testing.assert_allclose(*lengths, atol=0.02)


def test_the_spacing_and_the_settling_are_counted_in_steps_of_the_method():
    calls = {}
    for n_frames in (1, 2, 3):
        dynamics = Springs()
        settings = SamplerSettings(starts=1, timestep_fs=2.0, torsion_fs=0.0, settle_fs=10.0, spacing_fs=6.0)
        _sample(WATER, n_frames=n_frames, settings=settings, labeller=Labeller(Springs(), dynamics))
        calls[n_frames] = dynamics.calls
    # The forces at the start, then one evaluation a step.
    assert calls == {1: 1 + 5, 2: 1 + 5 + 3, 3: 1 + 5 + 6}


def test_the_attributes_tell_how_it_was_done():
    attributes = _sample(trajectory="B", seed=5).attributes
    assert attributes["trajectory"] == "B"
    assert attributes["seed"] == 5
    assert attributes["sampler"] == {
        "starts": 3,
        "temperature_k": 300.0,
        "timestep_fs": 1.0,
        "torsion_fs": 20.0,
        "torsion_friction_per_fs": 0.01,
        "settle_fs": 10.0,
        "spacing_fs": 5.0,
        "friction_per_fs": 0.1,
    }
    assert set(attributes["element_temperature_k"]) == {"1", "6", "8"}
    assert all(50 < kelvin < 900 for kelvin in attributes["element_temperature_k"].values())


def test_the_shipped_settings_are_those_of_the_design():
    assert CORE.starts >= 20
    assert CORE.torsion_fs == 1000
    assert CORE.settle_fs >= 100
    assert CORE.spacing_fs >= 25
    assert CORE.temperature_k == CONTROL.temperature_k == 300
    assert CONTROL.torsion_fs == 0


def test_a_molecule_that_cannot_be_built_is_named():
    with pytest.raises(MoleculeError, match="not a valid SMILES"):
        _sample(Molecule("broken", "C(C"))
