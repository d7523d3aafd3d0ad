"""The records that pass between the stages refuse what does not fit."""

import re
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.records import Frames, Molecule, Outcome, OutcomeKind, Prediction, Trajectory

WATER = Molecule("water", "O")


def _frames(**changes) -> Frames:
    parts = {
        "molecule": WATER,
        "numbers": np.array([8, 1, 1]),
        "positions": np.arange(36.0).reshape(4, 3, 3),
        "energy": np.arange(4.0),
        "forces": np.arange(36.0).reshape(4, 3, 3) / 7,
        "bonds": np.array([[0, 1], [0, 2]]),
        "start": np.array([0, 0, 1, 1]),
        "attributes": {"trajectory": "A"},
    }
    return Frames(**{**parts, **changes})


def _trajectory(**changes) -> Trajectory:
    parts = {
        "molecule": WATER,
        "protocol": "nve",
        "replica": 0,
        "numbers": np.array([8, 1, 1]),
        "log_time_fs": np.arange(5.0),
        "potential_energy": np.zeros(5),
        "kinetic_energy": np.zeros(5),
        "temperature": np.full(5, np.nan),
        "degrees_of_freedom": 3,
        "frame_time_fs": np.arange(2.0),
        "positions": np.zeros((2, 3, 3)),
        "velocities": np.zeros((2, 3, 3)),
        "outcome": Outcome(OutcomeKind.COMPLETED, 1.0),
        "n_steps": 5,
    }
    return Trajectory(**{**parts, **changes})


@pytest.mark.parametrize(
    ("name", "value", "got", "expected"),
    [
        ("positions", np.zeros((4, 2, 3)), (4, 2, 3), (4, 3, 3)),
        ("positions", np.zeros((3, 3)), (3, 3), (4, 3, 3)),
        ("forces", np.zeros((3, 3, 3)), (3, 3, 3), (4, 3, 3)),
        ("forces", np.zeros((4, 9)), (4, 9), (4, 3, 3)),
        ("energy", np.zeros((4, 1)), (4, 1), (4,)),
        ("numbers", np.array([[8], [1], [1]]), (3, 1), (3,)),
        ("bonds", np.array([0, 1]), (2,), (2, 2)),
        ("start", np.array([0, 0, 1]), (3,), (4,)),
    ],
)
def test_a_wrong_shape_in_frames_is_named(name, value, got, expected):
    with pytest.raises(InputError, match=re.escape(f"Frames.{name}: got {got}; allowed: shape {expected}")):
        _frames(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "got", "expected"),
    [
        ("positions", np.zeros((2, 2, 3)), (2, 2, 3), (2, 3, 3)),
        ("velocities", np.zeros((1, 3, 3)), (1, 3, 3), (2, 3, 3)),
        ("temperature", np.zeros(4), (4,), (5,)),
        ("potential_energy", np.zeros((5, 1)), (5, 1), (5,)),
    ],
)
def test_a_wrong_shape_in_a_trajectory_is_named(name, value, got, expected):
    with pytest.raises(InputError, match=re.escape(f"Trajectory.{name}: got {got}; allowed: shape {expected}")):
        _trajectory(**{name: value})


@pytest.mark.parametrize("forces", [np.zeros((3, 3, 3)), np.zeros((4, 3)), np.zeros((4, 3, 2)), np.zeros(4)])
def test_a_wrong_shape_in_a_prediction_is_named(forces):
    with pytest.raises(InputError, match=re.escape(f"Prediction.forces: got {forces.shape}")):
        Prediction(WATER, np.zeros(4), forces)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["positions", "energy", "forces"])
def test_frames_refuse_values_that_are_not_finite(name, value):
    bad = getattr(_frames(), name).copy()
    bad.flat[1] = value
    with pytest.raises(InputError, match=f"Frames.{name}: got '1 NaN or infinite values'"):
        _frames(**{name: bad})


def test_a_trajectory_may_hold_nan_and_may_be_empty():
    assert np.isnan(_trajectory().temperature).all()
    empty = {name: np.empty(0) for name in ("log_time_fs", "potential_energy", "kinetic_energy", "temperature")}
    frames = {"frame_time_fs": np.empty(0), "positions": np.empty((0, 3, 3)), "velocities": np.empty((0, 3, 3))}
    assert len(_trajectory(**empty, **frames).positions) == 0


def test_selected_frames_keep_what_belongs_together():
    frames = _frames()
    chosen = frames.select(np.array([False, True, False, True]))
    assert len(chosen) == 2
    np.testing.assert_array_equal(chosen.energy, [1.0, 3.0])
    np.testing.assert_array_equal(chosen.start, [0, 1])
    np.testing.assert_array_equal(chosen.positions, frames.positions[[1, 3]])
    np.testing.assert_array_equal(chosen.forces, frames.forces[[1, 3]])
    assert chosen.attributes == {"trajectory": "A"}


def test_good_frames_are_those_without_a_failure():
    prediction = Prediction(WATER, np.zeros(4), np.zeros((4, 3, 3)), {1: "x", 3: "y"})
    assert prediction.good.tolist() == [True, False, True, False]
    assert Prediction(WATER, np.zeros(2), np.zeros((2, 3, 3))).good.all()


def test_records_are_frozen():
    for record in (_frames(), _trajectory(), WATER, Outcome(OutcomeKind.TIMEOUT, 0.0)):
        with pytest.raises(FrozenInstanceError):
            setattr(record, fields(record)[0].name, None)


KINDS = {
    # kind: (physical, unstable)
    "completed": (True, False),
    "bond_broken": (True, True),
    "bond_formed": (True, True),
    "proton_transfer": (True, True),
    "exploded": (True, True),
    "non_finite": (True, True),
    "calculator_error": (False, False),
    "crashed": (False, False),
    "timeout": (False, False),
    "out_of_memory": (False, False),
}


def test_which_outcomes_count_against_stability():
    assert {str(kind): (kind.physical, kind.unstable) for kind in OutcomeKind} == KINDS


@pytest.mark.parametrize(
    ("name", "stem"),
    [("alkane/07", "alkane-07"), ("../../etc/passwd", "..-..-etc-passwd"), ("a b:c", "a-b-c"), ("v1.2_x", "v1.2_x")],
)
def test_a_file_stem_has_no_separators(name, stem):
    assert Molecule(name, "C").file_stem == stem


def test_a_trajectory_s_optional_arrays_have_the_shapes_of_its_log_and_frames():
    log, frames = np.arange(4.0), np.zeros((2, 3, 3))
    given = {
        "molecule": Molecule("water", "O"), "protocol": "nve", "replica": 0, "numbers": np.array([8, 1, 1]),
        "log_time_fs": log, "potential_energy": log, "kinetic_energy": log, "temperature": log,
        "degrees_of_freedom": 3, "frame_time_fs": log[:2], "positions": frames, "velocities": frames,
        "outcome": Outcome(OutcomeKind.COMPLETED, 1.0), "n_steps": 4,
    }  # fmt: skip
    bare = Trajectory(**given)
    assert bare.event_positions.shape == (0, 3, 3) and bare.control_energy.shape == (0,) and bare.work is None
    assert bare.ensemble == "nve" and Trajectory(**given, kind="nvt").ensemble == "nvt"
    for name, array in {"work": log[:3], "net_force": log, "event_energy": log, "control_energy": log}.items():
        with pytest.raises(InputError, match=f"Trajectory.{name}"):
            Trajectory(**given, **{name: array})
