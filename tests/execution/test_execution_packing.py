"""Records survive the way through a result store unchanged."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from compcalc.execution import ResultStore, Unit
from compcalc.execution.environment import hardware, package_versions
from compcalc.execution.packing import (
    lost_prediction,
    lost_trajectory,
    pack_prediction,
    pack_trajectory,
    unpack_prediction,
    unpack_trajectory,
)
from compcalc.records import Frames, Molecule, Outcome, OutcomeKind, Prediction, Trajectory

WATER = Molecule("water", "O")
NUMBERS = np.array([8, 1, 1])
RNG = np.random.default_rng(3)


def _through_store(tmp_path, result):
    store, unit = ResultStore(tmp_path), Unit("u", None, "h")
    store.write(unit, result)
    return store.read(unit)


def _same(a, b):
    for field in fields(a):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, strict=True)
        else:
            assert left == right or (left != left and right != right), field.name


def _trajectory(outcome, steps=6, frames=2):
    return Trajectory(
        molecule=WATER,
        protocol="nvt",
        replica=2,
        numbers=NUMBERS,
        log_time_fs=np.arange(float(steps)),
        potential_energy=RNG.normal(size=steps),
        kinetic_energy=RNG.normal(size=steps),
        temperature=np.full(steps, np.nan),
        degrees_of_freedom=9,
        frame_time_fs=np.arange(float(frames)),
        positions=RNG.normal(size=(frames, 3, 3)),
        velocities=RNG.normal(size=(frames, 3, 3)),
        outcome=outcome,
        n_steps=17,
        seconds=1.25,
        event_time_fs=np.arange(3.0),
        event_positions=RNG.normal(size=(3, 3, 3)),
        event_energy=RNG.normal(size=3),
        control_time_fs=np.arange(2.0),
        control_energy=RNG.normal(size=2),
        kind="nve",
        work=RNG.normal(size=steps),
        coarse_work=RNG.normal(size=steps),
        heat=RNG.normal(size=steps),
        net_force=RNG.normal(size=frames),
        net_torque=RNG.normal(size=frames),
        dense_time_fs=np.arange(4.0),
        dense_velocities=RNG.normal(size=(4, 3, 3)).astype(np.float32),
    )


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_a_trajectory_and_its_outcome(tmp_path, kind):
    before = _trajectory(Outcome(kind, 0.125, "O0-H1 broke at 2.1 Å", (0, 1), "equilibration"))
    after = unpack_trajectory(WATER, _through_store(tmp_path, pack_trajectory(before)))
    _same(before, after)
    assert after.outcome.kind is kind


def test_a_trajectory_without_a_step_or_a_frame(tmp_path):
    before = _trajectory(Outcome(OutcomeKind.CALCULATOR_ERROR, 0.0, "E: x"), steps=0, frames=0)
    _same(before, unpack_trajectory(WATER, _through_store(tmp_path, pack_trajectory(before))))


def test_a_lost_trajectory(tmp_path):
    before = lost_trajectory(WATER, "nve", 1, NUMBERS, OutcomeKind.TIMEOUT, "stopped at 3 s")
    after = unpack_trajectory(WATER, _through_store(tmp_path, pack_trajectory(before)))
    _same(before, after)
    assert after.outcome == Outcome(OutcomeKind.TIMEOUT, 0.0, "stopped at 3 s")
    assert (after.n_steps, len(after.positions), len(after.log_time_fs)) == (0, 0, 0)
    assert np.isnan(after.seconds)


def test_atom_indices_may_be_numpy_integers(tmp_path):
    before = _trajectory(Outcome(OutcomeKind.BOND_BROKEN, 0.1, "x", tuple(np.array([0, 2]))))
    after = unpack_trajectory(WATER, _through_store(tmp_path, pack_trajectory(before)))
    assert after.outcome.atoms == (0, 2)


def test_a_trajectory_that_was_stored_without_its_extras():
    result = pack_trajectory(_trajectory(Outcome(OutcomeKind.COMPLETED, 0.1)))
    extras = ("event", "control", "work", "coarse", "heat", "net", "dense")
    arrays = {name: array for name, array in result.arrays.items() if not name.startswith(extras)}
    meta = {name: fact for name, fact in result.meta.items() if name != "kind"}
    after = unpack_trajectory(WATER, replace(result, arrays=arrays, meta=meta))
    assert after.event_positions.shape == (0, 3, 3) and after.event_time_fs.shape == after.event_energy.shape == (0,)
    assert after.control_time_fs.shape == after.control_energy.shape == after.dense_time_fs.shape == (0,)
    assert after.dense_velocities.shape == (0, 3, 3)
    assert (after.kind, after.ensemble) == ("", "nvt")
    assert after.work is after.coarse_work is after.heat is after.net_force is after.net_torque is None


def test_the_atoms_that_came_off(tmp_path):
    before = _trajectory(Outcome(OutcomeKind.BOND_BROKEN, 0.1, "x", (0, 1), fragment=tuple(np.array([1, 2]))))
    after = unpack_trajectory(WATER, _through_store(tmp_path, pack_trajectory(before)))
    assert after.outcome.fragment == (1, 2)


def test_a_prediction_with_failures(tmp_path):
    energy, forces = RNG.normal(size=3), RNG.normal(size=(3, 3, 3))
    energy[1], forces[1] = np.nan, np.nan
    before = Prediction(WATER, energy, forces, {1: "ValueError: energy is NaN"}, 0.5)
    after = unpack_prediction(WATER, _through_store(tmp_path, pack_prediction(before)))
    _same(before, after)
    assert after.good.tolist() == [True, False, True]


def test_a_lost_prediction_fails_every_frame_with_the_reason(tmp_path):
    frames = Frames(WATER, NUMBERS, np.zeros((4, 3, 3)), np.zeros(4), np.zeros((4, 3, 3)), [[0, 1], [0, 2]], [0] * 4)
    after = unpack_prediction(WATER, _through_store(tmp_path, pack_prediction(lost_prediction(frames, "crashed: x"))))
    assert after.failures == dict.fromkeys(range(4), "crashed: x")
    assert not after.good.any()
    assert np.isnan(after.energy).all()
    assert after.forces.shape == (4, 3, 3)
    assert np.isnan(after.seconds)


def test_environment_facts_are_strict_json_and_true():
    facts = {"versions": package_versions(), "hardware": hardware()}
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["versions"]["numpy"] == np.__version__
    assert {"python", "compcalc", "ase"} <= set(facts["versions"])
    assert facts["hardware"]["cores"] >= 1
    assert facts["hardware"]["cpu"]
    assert facts["hardware"]["memory_gib"] is None or facts["hardware"]["memory_gib"] > 0.1
