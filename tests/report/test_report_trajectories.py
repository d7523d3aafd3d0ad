"""What the report shows of trajectories: frames around an event unpacked again, and h(r) against known distances."""

from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
from report_samples import make_seen

from compcalc.metrics.distributions import pair_distance_histogram
from compcalc.records import Outcome, OutcomeKind
from compcalc.report import trajectories
from compcalc.report.trajectories import BIN_ANGSTROM, STEP_ANGSTROM, look


def unpacked(event) -> np.ndarray:
    """Positions in angstrom, (E, N, 3)."""
    steps = np.frombuffer(b64decode(event.positions), dtype="<i2")
    return steps.reshape(len(event.time_fs), len(event.symbols), 3) * STEP_ANGSTROM


def distances(positions: np.ndarray) -> np.ndarray:
    return np.linalg.norm(positions[..., :, None, :] - positions[..., None, :, :], axis=-1)


def with_trajectory(seen, **changes):
    return replace(seen, trajectory=replace(seen.trajectory, **changes))


def test_an_event_has_the_geometry_of_its_frames():
    seen = make_seen("alkane/04")
    (event,) = look([seen]).events
    rounding = np.sqrt(3) * STEP_ANGSTROM
    assert np.abs(distances(unpacked(event)) - distances(seen.trajectory.event_positions)).max() < rounding
    first = unpacked(event)[0]
    assert np.abs(first.mean(axis=0)).max() < rounding
    assert np.ptp(first[:, 0]) > np.ptp(first[:, 1]) >= np.ptp(first[:, 2]) - rounding


@pytest.mark.parametrize("seed", range(6))
def test_an_event_is_no_mirror_image(seed):
    def handedness(r):
        return np.linalg.det(r[1:] - r[0])

    positions = np.random.default_rng(seed).normal(size=(1, 4, 3))
    seen = with_trajectory(
        make_seen("a"), event_positions=positions, event_time_fs=np.zeros(1), event_energy=np.zeros(1)
    )
    (event,) = look([seen]).events
    assert handedness(unpacked(event)[0]) == pytest.approx(handedness(positions[0]), rel=0.05, abs=0.08)
    assert abs(handedness(positions[0])) > 0.1


def test_times_count_from_the_event_and_energies_from_the_first_frame():
    (event,) = look([make_seen("alkane/04")]).events
    assert event.time_fs == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert event.energy_ev == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert event.run == "alkane/04, NVT, replica 0" and event.ending == "bond broken at 0.312 ps"


@pytest.mark.parametrize(
    ("kind", "atoms", "pairs"),
    [
        (OutcomeKind.BOND_FORMED, (0, 3), [[0, 3]]),
        (OutcomeKind.PROTON_TRANSFER, (2, 0, 3), [[2, 0], [2, 3]]),
        (OutcomeKind.EXPLODED, (1,), []),
        (OutcomeKind.NON_FINITE, (0, 1), []),
    ],
)
def test_pairs_are_those_of_the_event(kind, atoms, pairs):
    seen = with_trajectory(make_seen("a"), outcome=Outcome(kind, 0.1, "", atoms))
    assert look([seen]).events[0].pairs == pairs


def test_frames_that_are_not_finite_are_left_out_and_far_atoms_stay_in_reach():
    seen = make_seen("a")
    positions = seen.trajectory.event_positions.copy()
    positions[-1, 0] = np.nan
    positions[-2, 3, 0] = 1e6
    (event,) = look([with_trajectory(seen, event_positions=positions)]).events
    assert len(event.time_fs) == 4
    assert np.abs(unpacked(event)).max() == pytest.approx(327.67)
    positions[:] = np.nan
    assert look([with_trajectory(seen, event_positions=positions)]).events == []


def test_energies_that_are_missing_stay_missing():
    seen = make_seen("a")
    energy = np.array([np.nan, 1.0, 1.5, np.nan, 2.0])
    (event,) = look([with_trajectory(seen, event_energy=energy)]).events
    assert event.energy_ev == [None, 0.0, 0.5, None, 1.0]


def test_the_budget_keeps_unstable_runs_and_every_molecule_first(monkeypatch):
    one = len(look([make_seen("a")]).events[0].positions)
    monkeypatch.setattr(trajectories, "MOST_EVENT_BYTES", 2 * one)
    found = look([make_seen("a"), make_seen("a", protocol="nve"), make_seen("b"), make_seen("c", outcome="crashed")])
    assert [event.run for event in found.events] == ["a, NVT, replica 0", "b, NVT, replica 0"]
    assert found.n_events == 4


def test_distances_are_the_mean_over_runs_and_equal_for_equal_frames():
    seen = make_seen("a", outcome="completed")
    (same,) = look([seen, seen]).distances
    assert same.mae == pytest.approx(0) and same.n_runs == 2
    assert np.sum(same.run) * BIN_ANGSTROM == pytest.approx(1)
    wide = with_trajectory(seen, positions=1.3 * seen.trajectory.positions)
    (mixed,) = look([seen, wide]).distances
    h = [pair_distance_histogram(r.trajectory.positions, 10.0, BIN_ANGSTROM) for r in (seen, wide)]
    expected = (0.5 * (h[0] + h[1]))[: len(mixed.run)]
    assert mixed.run == pytest.approx(expected)
    assert mixed.mae == pytest.approx(np.abs(expected - h[0][: len(mixed.run)]).sum() * BIN_ANGSTROM)


def test_only_finished_nvt_runs_with_a_reference_are_compared():
    runs = [
        make_seen("a", outcome="completed", protocol="nve"),
        make_seen("b"),
        replace(make_seen("c", outcome="completed"), reference=None),
        make_seen("d", outcome="completed"),
        with_trajectory(make_seen("e", outcome="completed", seed=1), positions=np.full((2, 4, 3), np.nan)),
    ]
    assert [one.molecule for one in look(runs).distances] == ["d"]


def test_the_largest_difference_comes_first():
    small, large = make_seen("small", outcome="completed"), make_seen("large", outcome="completed")
    large = with_trajectory(large, positions=2 * large.trajectory.positions)
    assert [one.molecule for one in look([small, large]).distances] == ["large", "small"]
