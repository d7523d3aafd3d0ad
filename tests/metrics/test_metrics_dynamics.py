"""Rows and summaries of the dynamic half, from trajectories made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from compcalc.metrics.dynamics import run_row, summarise
from compcalc.records import Frames, Molecule, Outcome, OutcomeKind, Trajectory
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

WATER, NUMBERS = Molecule("water", "O"), np.array([8, 1, 1])
SHAPE = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])


def _trajectory(kind=OutcomeKind.COMPLETED, time_ps=1.0, protocol="nve", slope=0.0, phase="production", **changes):
    """1 ps whose total energy rises by `slope` meV/atom/ps under an exchange of kinetic and potential energy."""
    time = np.arange(0.0, 1001.0, 1.0)
    swing = 0.03 * np.cos(2 * np.pi * time / 25)
    trajectory = Trajectory(
        molecule=WATER,
        protocol=protocol,
        replica=0,
        numbers=NUMBERS,
        log_time_fs=time,
        potential_energy=-100 + swing + slope * 3 / 1000 * time / 1000,
        kinetic_energy=0.1 - swing,
        temperature=np.full(len(time), 310.0),
        degrees_of_freedom=9,
        frame_time_fs=np.arange(4.0),
        positions=np.stack([SHAPE] * 4),
        velocities=np.full((4, 3, 3), 0.01),
        outcome=Outcome(kind, time_ps, "why", (0, 1), phase),
        n_steps=2000,
        seconds=5.0,
    )
    return replace(trajectory, **changes)


def _reference(scale=1.0) -> Frames:
    return Frames(
        WATER, NUMBERS, scale * np.stack([SHAPE] * 3), np.zeros(3), np.zeros((3, 3, 3)), [[0, 1], [0, 2]], [0, 1, 2]
    )


def test_the_drift_is_the_slope_put_in_per_atom_and_picosecond():
    row = run_row(_trajectory(slope=-2.5), 1.0, None)
    assert row["drift_mev_per_atom_per_ps"] == pytest.approx(2.5, rel=1e-6)
    assert row["drift_resolved"] is True
    assert row["fluctuation_mev_per_atom"] == pytest.approx(0.0, abs=1e-6)
    assert row["kinetic_spread_mev_per_atom"] == pytest.approx(30 / np.sqrt(2) / 3, rel=0.01)


def test_a_run_without_drift_is_not_called_drifting():
    rng = np.random.default_rng(0)
    trajectory = _trajectory()
    noisy = replace(trajectory, potential_energy=trajectory.potential_energy + 1e-4 * rng.normal(size=1001))
    row = run_row(noisy, 1.0, None)
    assert row["drift_resolved"] is False
    assert row["fluctuation_mev_per_atom"] == pytest.approx(0.1 / 3, rel=0.1)


def test_facts_of_the_run_are_passed_on():
    row = run_row(_trajectory(OutcomeKind.BOND_BROKEN, 0.25), 10.0, None)
    assert (row["molecule"], row["smiles"], row["n_atoms"], row["protocol"], row["replica"]) == (
        "water",
        "O",
        3,
        "nve",
        0,
    )
    assert (row["outcome"], row["time_ps"], row["asked_ps"], row["cause"]) == ("bond_broken", 0.25, 10.0, "why")
    assert row["atoms"] == [0, 1]
    assert row["ms_per_step"] == pytest.approx(2.5)
    assert row["temperature_mean_k"] == pytest.approx(310.0)


def test_temperature_by_element_from_the_velocities():
    row = run_row(_trajectory(), 1.0, None)
    expected = 0.5 * 3 * 0.01**2 * EV_PER_U_ANGSTROM2_PER_FS2 / (1.5 * KB_EV_PER_K)
    assert row["temperature_by_element_k"] == pytest.approx({"H": 1.008 * expected, "O": 15.999 * expected}, rel=1e-3)


def test_only_nve_runs_have_a_drift_and_only_finished_nvt_runs_a_distribution():
    nve, nvt = (run_row(_trajectory(protocol=p), 1.0, _reference()) for p in ("nve", "nvt"))
    assert nve["distance_distribution_mae"] is None
    assert nvt["drift_mev_per_atom_per_ps"] is None
    assert nvt["distance_distribution_mae"] == pytest.approx(0.0)
    broken = run_row(_trajectory(OutcomeKind.EXPLODED, protocol="nvt"), 1.0, _reference())
    assert broken["distance_distribution_mae"] is None
    assert run_row(_trajectory(protocol="nvt"), 1.0, None)["distance_distribution_mae"] is None


def test_a_swollen_molecule_has_another_distance_distribution():
    row = run_row(_trajectory(protocol="nvt"), 1.0, _reference(scale=3.0))
    assert row["distance_distribution_mae"] == pytest.approx(2.0)


EMPTY = {
    **dict.fromkeys(("log_time_fs", "potential_energy", "kinetic_energy", "temperature"), np.empty(0)),
    "frame_time_fs": np.empty(0),
    "positions": np.empty((0, 3, 3)),
    "velocities": np.empty((0, 3, 3)),
    "n_steps": 0,
    "seconds": float("nan"),
}


@pytest.mark.parametrize("protocol", ["nve", "nvt"])
@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_a_run_without_a_step_gives_a_row_of_nothing(kind, protocol):
    row = run_row(_trajectory(kind, 0.0, protocol, **EMPTY), 1.0, _reference())
    for name, value in row.items():
        if name.endswith(("_ps", "_atom", "_k", "_mae", "_step")) and name not in ("time_ps", "asked_ps"):
            assert value is None or value == {}, name
    assert row["seconds"] is None
    json.dumps(row, allow_nan=False)


def test_the_last_steps_of_an_explosion_do_not_spoil_the_row():
    trajectory = _trajectory(OutcomeKind.NON_FINITE, 0.5, slope=1.0)
    energy, temperature = trajectory.potential_energy.copy(), trajectory.temperature.copy()
    energy[-2:], temperature[-1] = [np.inf, np.nan], np.nan
    velocities = trajectory.velocities.copy()
    velocities[-1] = np.nan
    row = run_row(
        replace(trajectory, potential_energy=energy, temperature=temperature, velocities=velocities), 1.0, _reference()
    )
    assert row["drift_mev_per_atom_per_ps"] == pytest.approx(1.0, rel=1e-3)
    assert row["temperature_mean_k"] == pytest.approx(310.0)
    assert row["temperature_by_element_k"] == {}
    json.dumps(row, allow_nan=False)


def _summary(*outcomes, protocol="nve"):
    """Summary of runs given as (kind, time in ps[, phase])."""
    rows = [run_row(_trajectory(*o[:2], protocol, 0.0, *o[2:]), 1.0, None) for o in outcomes]
    return summarise(rows)[protocol]


def test_survival_counts_physical_outcomes_only():
    physical = [("completed", 1.0), ("bond_broken", 0.5), ("completed", 1.0), ("completed", 1.0)]
    other = [("timeout", 0.2), ("crashed", 0.0), ("calculator_error", 0.3), ("out_of_memory", 0.1)]
    as_kind = [(OutcomeKind(k), t) for k, t in physical + other]
    summary = _summary(*as_kind)
    assert (summary["n_runs"], summary["n_physical"], summary["n_stable"], summary["n_other"]) == (8, 4, 3, 4)
    assert summary["survival"] == _summary(*as_kind[:4])["survival"]
    assert summary["survival"]["time_ps"] == [0.0, 0.5, 1.0]
    assert summary["survival"]["survival"] == pytest.approx([1.0, 0.75, 0.75])
    assert summary["outcomes"] == {
        "bond_broken": 1,
        "calculator_error": 1,
        "completed": 3,
        "crashed": 1,
        "out_of_memory": 1,
        "timeout": 1,
    }


def test_each_physical_break_is_an_event():
    kinds = ("bond_broken", "bond_formed", "proton_transfer", "exploded", "non_finite")
    for kind in kinds:
        summary = _summary((OutcomeKind(kind), 0.4), (OutcomeKind.COMPLETED, 1.0))
        assert summary["n_stable"] == 1
        assert summary["survival"]["survival"] == pytest.approx([1.0, 0.5, 0.5])


def test_the_survival_curve_begins_with_every_run_alive():
    unbroken = _summary((OutcomeKind.COMPLETED, 1.0), (OutcomeKind.COMPLETED, 1.0))["survival"]
    assert (unbroken["time_ps"], unbroken["survival"]) == ([0.0, 1.0], [1.0, 1.0])
    assert unbroken["low"][0] == unbroken["low"][1] < 1
    broken = _summary((OutcomeKind.EXPLODED, 0.4), (OutcomeKind.COMPLETED, 1.0))["survival"]
    assert (broken["low"][0], broken["high"][0]) == (1.0, 1.0)


def test_a_break_while_equilibrating_is_an_event_at_time_zero():
    summary = _summary((OutcomeKind.EXPLODED, 0.3, "equilibration"), (OutcomeKind.COMPLETED, 1.0))
    assert summary["survival"]["time_ps"] == [0.0, 1.0]
    assert summary["survival"]["survival"] == pytest.approx([0.5, 0.5])


def test_when_no_run_had_a_physical_outcome_there_is_no_survival():
    summary = _summary((OutcomeKind.CRASHED, 0.0), (OutcomeKind.TIMEOUT, 0.0))
    assert summary["survival"] is None
    assert (summary["n_physical"], summary["n_stable"], summary["n_other"]) == (0, 0, 2)


def test_protocols_are_summed_up_apart_and_the_drift_by_its_median():
    rows = [run_row(_trajectory(slope=s), 1.0, None) for s in (1.0, -2.0, 30.0)]
    rows += [run_row(_trajectory(OutcomeKind.EXPLODED, 0.2, "nvt"), 1.0, None)]
    summary = summarise(rows)
    assert set(summary) == {"nve", "nvt"}
    assert summary["nve"]["median_drift_mev_per_atom_per_ps"] == pytest.approx(2.0, rel=1e-3)
    assert summary["nvt"]["median_drift_mev_per_atom_per_ps"] is None
    assert (summary["nve"]["n_stable"], summary["nvt"]["n_stable"]) == (3, 0)
    json.dumps([rows, summary], allow_nan=False)


def test_no_runs_no_summary():
    assert summarise([]) == {}
