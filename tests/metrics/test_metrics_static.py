"""Rows and summaries of the static half, from records whose errors are put in by hand."""

import json

import numpy as np
import pytest

from compcalc.metrics.static import FRAME_METRICS, MOLECULE_METRICS, element_shift, molecule_row, summarise
from compcalc.records import Frames, Molecule, Prediction

NUMBERS = np.array([8, 1, 1])
RNG = np.random.default_rng(4)
ENVIRONMENTS, CHAIN_END = ["hydroxyl+0", "hydroxyl+0", "hydroxyl+0"], [0, 0, 0]


def _frames(name="water", n_frames=6, numbers=NUMBERS) -> Frames:
    n = len(numbers)
    return Frames(
        molecule=Molecule(name, "O"),
        numbers=numbers,
        positions=RNG.normal(size=(n_frames, n, 3)),
        energy=RNG.normal(size=n_frames),
        forces=RNG.normal(size=(n_frames, n, 3)),
        bonds=np.array([[0, k] for k in range(1, n)]),
        start=np.zeros(n_frames, dtype=int),
    )


def _off_by(frames, force=0.0, energy=0.0, failed=(), seconds=0.6) -> Prediction:
    """Predictions with constant errors in eV/angstrom and eV; `failed` frames hold NaN."""
    predicted_energy, predicted_forces = frames.energy + energy, frames.forces + force
    for k in failed:
        predicted_energy[k], predicted_forces[k] = np.nan, np.nan
    return Prediction(frames.molecule, predicted_energy, predicted_forces, dict.fromkeys(failed, "E: x"), seconds)


def _row(frames, prediction, split="id", shift=None, environments=ENVIRONMENTS, chain_end=CHAIN_END):
    return molecule_row(
        frames, prediction, split, environments=environments, chain_end=chain_end, shift={} if shift is None else shift
    )


def _summary(*members, seed=0):
    """Summary of (split, frames, prediction) members."""
    rows = [_row(frames, prediction, split) for split, frames, prediction in members]
    return summarise(rows, [(frames, prediction) for _, frames, prediction in members], seed)


def test_constant_errors_give_what_was_put_in():
    frames = _frames()
    row = _row(frames, _off_by(frames, force=0.001, energy=0.03), shift={8: 0.01, 1: 0.01})
    assert row["force_mae_mev_per_angstrom"] == pytest.approx(1.0)
    assert row["force_vector_mae_mev_per_angstrom"] == pytest.approx(np.sqrt(3))
    assert row["force_rmse_mev_per_angstrom"] == pytest.approx(1.0)
    assert row["force_cosine"] == pytest.approx(1.0, abs=1e-3)
    assert row["energy_mae_mev"] == pytest.approx(30.0)
    assert row["energy_mae_mev_per_atom"] == pytest.approx(10.0)
    assert row["relative_energy_mae_mev_per_atom"] == pytest.approx(0.0, abs=1e-9)
    assert row["shifted_energy_mae_mev_per_atom"] == pytest.approx(0.0, abs=1e-9)
    assert row["ms_per_frame"] == pytest.approx(100.0)
    assert (row["molecule"], row["split"], row["n_atoms"], row["n_frames"], row["n_failed"]) == ("water", "id", 3, 6, 0)


def test_errors_are_split_by_element_environment_and_place():
    frames = _frames()
    prediction = _off_by(frames, force=np.array([0.001, 0.002, 0.004])[None, :, None])
    row = _row(frames, prediction, environments=["a", "b", "b"], chain_end=[0, 1, 2])
    assert row["force_mae_by_element"] == pytest.approx({"H": 3.0, "O": 1.0})
    assert row["force_mae_by_environment"] == pytest.approx({"a": 1.0, "b": 3.0})
    assert row["force_mae_by_chain_end"] == pytest.approx({"0": 1.0, "1": 2.0, "2": 4.0})


def test_failed_frames_are_counted_and_left_out():
    frames = _frames()
    row = _row(frames, _off_by(frames, force=0.002, energy=0.003, failed=(4, 1)))
    assert row["n_failed"] == 2
    assert row["failures"] == {"1": "E: x", "4": "E: x"}
    assert row["force_mae_mev_per_angstrom"] == pytest.approx(2.0)
    assert row["energy_mae_mev"] == pytest.approx(3.0)


def test_when_every_frame_failed_nothing_can_be_said():
    frames = _frames(n_frames=3)
    row = _row(frames, _off_by(frames, failed=(0, 1, 2), seconds=np.nan))
    for name in (*FRAME_METRICS, *MOLECULE_METRICS, "ms_per_frame"):
        assert row[name] is None, name
    assert row["force_mae_by_element"] == {"H": None, "O": None}
    assert row["n_failed"] == row["n_frames"] == 3
    json.dumps(row, allow_nan=False)


def test_an_element_without_a_shift_has_no_shifted_error():
    frames = _frames()
    assert _row(frames, _off_by(frames), shift={1: 0.1})["shifted_energy_mae_mev_per_atom"] is None


def test_the_shift_is_fitted_to_mean_errors_of_good_frames():
    water, peroxide = _frames(), _frames("peroxide", numbers=np.array([8, 8, 1, 1]))
    pairs = [
        (water, _off_by(water, energy=0.5 + 2 * 0.2, failed=(0,))),
        (peroxide, _off_by(peroxide, energy=2 * 0.5 + 2 * 0.2)),
    ]
    assert element_shift(pairs) == pytest.approx({1: 0.2, 8: 0.5})
    dead = _frames("dead", n_frames=2, numbers=np.array([6, 6]))
    pairs.append((dead, _off_by(dead, failed=(0, 1))))
    assert element_shift(pairs) == pytest.approx({1: 0.2, 8: 0.5})
    assert element_shift(pairs[2:]) == {}


def test_means_are_over_molecules_not_frames():
    one, two = _frames("one", 2), _frames("two", 20)
    summary = _summary(("id", one, _off_by(one, 0.001)), ("id", two, _off_by(two, 0.003)))
    found = summary["id"]["force_mae_mev_per_angstrom"]
    assert found["value"] == pytest.approx(2.0)
    assert found["low"] == pytest.approx(1.0)
    assert found["high"] == pytest.approx(3.0)
    assert summary["id"]["force_rmse_mev_per_angstrom"]["value"] == pytest.approx(2.0)


def test_the_ratio_of_force_errors():
    a, b = _frames("a"), _frames("b")
    summary = _summary(("id", a, _off_by(a, 0.002)), ("ood", b, _off_by(b, 0.005)))
    assert summary["ratio"]["value"] == pytest.approx(2.5)
    assert summary["ratio"]["low"] == pytest.approx(2.5)
    assert summary["ratio"]["high"] == pytest.approx(2.5)


@pytest.mark.parametrize("present", ["id", "ood"])
def test_no_ratio_of_one_side(present):
    frames = _frames()
    assert _summary((present, frames, _off_by(frames, 0.001)))["ratio"] is None


def test_no_ratio_when_one_side_failed_and_failed_molecules_do_not_count():
    a, b, c = _frames("a"), _frames("b"), _frames("c")
    lost = _off_by(c, failed=range(6))
    summary = _summary(("id", a, _off_by(a, 0.001)), ("id", b, _off_by(b, 0.003)), ("ood", c, lost))
    assert summary["ratio"] is None
    assert summary["ood"] == {}
    assert summary["id"]["force_mae_mev_per_angstrom"]["value"] == pytest.approx(2.0)
    summary = _summary(("id", a, _off_by(a, 0.001)), ("ood", b, _off_by(b, 0.003)), ("ood", c, lost))
    assert summary["ood"]["force_mae_mev_per_angstrom"]["value"] == pytest.approx(3.0)
    assert summary["ratio"]["value"] == pytest.approx(3.0)


def test_perfect_predictions_have_no_error_and_no_ratio():
    a, b = _frames("a"), _frames("b")
    summary = _summary(("id", a, _off_by(a)), ("ood", b, _off_by(b)))
    assert summary["ratio"] is None
    for split in ("id", "ood"):
        assert summary[split]["force_mae_mev_per_angstrom"] == {"value": 0.0, "low": 0.0, "high": 0.0}
        assert summary[split]["energy_mae_mev_per_atom"]["value"] == 0.0
        assert summary[split]["force_cosine"]["value"] == pytest.approx(1.0)


def test_nothing_left_is_no_crash():
    a, b = _frames("a"), _frames("b")
    everything = range(6)
    summary = _summary(("id", a, _off_by(a, failed=everything)), ("ood", b, _off_by(b, failed=everything)))
    assert (summary["id"], summary["ood"], summary["ratio"]) == ({}, {}, None)
    assert summarise([], [], 0)["ratio"] is None


def test_the_seed_decides_the_intervals():
    a, b = _frames("a", 5), _frames("b", 5)
    noisy = [_off_by(f, RNG.normal(size=f.forces.shape)) for f in (a, b)]
    members = [("id", a, noisy[0]), ("ood", b, noisy[1])]
    assert _summary(*members, seed=1) == _summary(*members, seed=1)
    assert _summary(*members, seed=1)["ratio"] != _summary(*members, seed=2)["ratio"]


def test_everything_is_strict_json():
    a, b = _frames("a"), _frames("b", 1)
    members = [("id", a, _off_by(a, 0.001, 0.1, failed=(2,))), ("ood", b, _off_by(b))]
    rows = [_row(frames, prediction, split) for split, frames, prediction in members]
    text = json.dumps([rows, _summary(*members)], allow_nan=False)
    assert json.loads(text)[0][0]["molecule"] == "a"
