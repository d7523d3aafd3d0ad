"""The parts of a row that follow protocol, reference and labels, from trajectories made by hand."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from ase.data import atomic_masses

from compcalc.metrics.dynamics import GROUPS, run_row, summarise
from compcalc.records import Frames, Molecule, Outcome, OutcomeKind, Trajectory
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K, PER_CM_PER_CYCLE_PER_FS

NUMBERS = np.array([8, 1, 1])
MASSES = atomic_masses[NUMBERS]
BONDS = [[0, 1], [0, 2]]


@dataclass(frozen=True)
class _Protocol:
    production_ps: float = 1.0
    timestep_fs: float = 0.5
    temperature_k: float = 300.0
    end_temperature_k: float = 300.0


@dataclass(frozen=True)
class _Noise:
    energy: float = 0.0
    forces: float = 0.0


RAMP = _Protocol(production_ps=12.0, end_temperature_k=1500.0)


def _water(rng, frames=200, length=0.96, degrees=104.5) -> np.ndarray:
    lengths, half = length + 0.03 * rng.normal(size=(frames, 2)), np.radians(degrees + 4 * rng.normal(size=frames)) / 2
    positions = np.zeros((frames, 3, 3))
    for k, sign in enumerate((1, -1)):
        positions[:, 1 + k, 0] = lengths[:, k] * np.cos(half)
        positions[:, 1 + k, 1] = sign * lengths[:, k] * np.sin(half)
    return positions


def _thermal(rng, kelvin, frames=200) -> np.ndarray:
    spread = np.sqrt(KB_EV_PER_K * np.broadcast_to(kelvin, 3) / MASSES / EV_PER_U_ANGSTROM2_PER_FS2)
    return spread[:, None] * rng.normal(size=(frames, 3, 3))


def _stretching(wavenumber, frames=2000, spacing_fs=2.0) -> np.ndarray:
    velocities = np.zeros((frames, 3, 3))
    phase = 2 * np.pi * wavenumber / PER_CM_PER_CYCLE_PER_FS * spacing_fs * np.arange(frames)
    velocities[:, 1, 0], velocities[:, 2, 1] = np.cos(phase), np.sin(phase)
    return 0.01 * velocities


def _trajectory(protocol="nve", kind=OutcomeKind.COMPLETED, time_ps=1.0, *, name="water", energy=0.0, seed=0, **arrays):
    rng, time = np.random.default_rng(seed), np.arange(0.0, 2001.0)
    velocities = arrays.get("velocities", _thermal(rng, 300))
    positions = arrays.get("positions", _water(rng, len(velocities)))
    swing = 0.03 * np.cos(2 * np.pi * time / 25)
    return Trajectory(
        molecule=Molecule(name, "O"),
        protocol=protocol,
        replica=0,
        numbers=NUMBERS,
        log_time_fs=time,
        potential_energy=-100 + swing + energy,
        kinetic_energy=0.1 - swing,
        temperature=np.full(len(time), 300.0),
        degrees_of_freedom=9,
        frame_time_fs=arrays.get("spacing_fs", 10.0) * np.arange(len(velocities)),
        positions=positions,
        velocities=velocities,
        outcome=Outcome(kind, time_ps, "why", (0, 1), arrays.get("phase", "production")),
        n_steps=2000,
        seconds=5.0,
    )


def _reference(seed=1) -> Frames:
    positions = _water(np.random.default_rng(seed))
    n = len(positions)
    return Frames(
        Molecule("water", "O"), NUMBERS, positions, np.zeros(n), np.zeros((n, 3, 3)), BONDS, np.arange(n) // 20
    )


def test_a_jump_of_the_energy_is_in_the_row():
    energy = 0.012 * (np.arange(2001) >= 700) + 1e-5 * np.random.default_rng(0).normal(size=2001)
    row = run_row(_trajectory(energy=energy), 1.0, None)
    assert row["energy_jumps"] == 1
    assert row["largest_energy_jump_mev_per_atom"] == pytest.approx(4, rel=0.01)
    assert row["largest_energy_jump_at_ps"] == pytest.approx(0.6995)
    assert 0 < row["visible_energy_jump_mev_per_atom"] < 0.1
    assert run_row(_trajectory("nvt", energy=energy), 1.0, None)["energy_jumps"] is None


def test_drift_below_the_noise_of_the_potential_is_not_resolved():
    energy = 3e-3 * np.arange(2001) / 1000  # 1 meV/atom/ps
    quiet = run_row(_trajectory(energy=energy), 1.0, None)
    loud = run_row(_trajectory(energy=energy), 1.0, None, noise=_Noise(energy=0.1))
    heated = run_row(_trajectory(energy=energy), 1.0, None, protocol=_Protocol(), noise=_Noise(forces=0.03))
    assert quiet["drift_noise_floor_mev_per_atom_per_ps"] < 1e-6
    assert quiet["drift_resolved"] is True
    for row in (loud, heated):
        assert row["drift_mev_per_atom_per_ps"] == pytest.approx(1)
        assert row["drift_noise_floor_mev_per_atom_per_ps"] > 1
        assert row["drift_resolved"] is False
    # 2 sigma sqrt(12 / S^3) per fs, sigma 0.1 eV over 3 atoms.
    assert loud["drift_noise_floor_mev_per_atom_per_ps"] == pytest.approx(2 * 1e5 / 3 * np.sqrt(12 / 2001**3), rel=1e-3)


def test_elements_are_scored_against_the_target_of_an_nvt_run_alone():
    cold = _trajectory("nvt", velocities=_thermal(np.random.default_rng(2), [173, 1080, 1080]))
    row = run_row(cold, 1.0, None, protocol=_Protocol())
    assert row["temperature_target_k"] == 300
    assert row["temperature_by_element_z"]["O"] < -5
    assert row["temperature_by_element_z"]["H"] > 5
    assert row["temperature_by_element_k"]["H"] == pytest.approx(1080, rel=0.15)
    assert abs(run_row(cold, 1.0, None, protocol=_Protocol(temperature_k=173.0))["temperature_by_element_z"]["O"]) < 4
    nve = run_row(_trajectory("nve"), 1.0, None)
    assert nve["temperature_by_element_z"] == {}
    assert set(nve["temperature_by_element_k"]) == {"H", "O"}


def test_equipartition_over_the_runs_of_a_protocol():
    right = [run_row(_trajectory("nvt", seed=s), 1.0, None) for s in range(4)]
    found = summarise(right)["nvt"]["equipartition"]
    assert found["O"]["temperature_k"] == pytest.approx(300, abs=4 * found["O"]["standard_error_k"])
    assert found["O"]["expected_k"] == 300
    assert not found["O"]["off"]
    wrong = [
        run_row(_trajectory("nvt", velocities=_thermal(np.random.default_rng(s), [173, 1080, 1080])), 1.0, None)
        for s in range(4)
    ]
    assert summarise(wrong)["nvt"]["equipartition"]["H"]["off"]
    assert summarise([run_row(_trajectory("nve"), 1.0, None)])["nve"]["equipartition"] == {}


def test_bonds_and_angles_of_a_finished_nvt_run_are_compared():
    rng = np.random.default_rng(3)
    same = run_row(_trajectory("nvt"), 1.0, _reference())
    assert same["bond_length_wasserstein_angstrom"]["O-H"] < 1.5 * same["bond_length_chance_angstrom"]["O-H"]
    longer = run_row(_trajectory("nvt", positions=_water(rng, length=1.0, degrees=110.0)), 1.0, _reference())
    assert longer["bond_length_mean_difference_angstrom"]["O-H"] == pytest.approx(0.04, abs=0.01)
    assert longer["bond_angle_mean_difference_degrees"]["H-O-H"] == pytest.approx(5.5, abs=1.5)
    assert longer["bond_angle_wasserstein_degrees"]["H-O-H"] > 3 * longer["bond_angle_chance_degrees"]["H-O-H"]
    assert run_row(_trajectory("nve"), 1.0, _reference())["bond_length_wasserstein_angstrom"] == {}
    broken = run_row(_trajectory("nvt", OutcomeKind.EXPLODED), 1.0, _reference())
    assert broken["bond_length_wasserstein_angstrom"] == {}


def test_vibrations_need_frames_that_are_close_enough():
    run = _trajectory(velocities=_stretching(3600), spacing_fs=2.0)
    true = _trajectory(velocities=_stretching(3700), spacing_fs=2.0)
    row = run_row(run, 1.0, _reference(), reference_run=true)
    assert row["band_per_cm"]["O-H stretch"] == pytest.approx(3600, abs=10)
    assert row["band_shift_per_cm"]["O-H stretch"] == pytest.approx(-100, abs=5)
    assert row["vibrational_overlap"] < 0.1
    assert run_row(run, 1.0, _reference(), reference_run=run)["vibrational_overlap"] == pytest.approx(1)
    alone = run_row(run, 1.0, _reference())
    assert (alone["vibrational_overlap"], alone["band_shift_per_cm"]) == (None, {})
    summary = summarise([row, {**row, "band_shift_per_cm": {"O-H stretch": 100.0}}, alone])["nve"]
    assert summary["band_shift_per_cm"]["O-H stretch"] == pytest.approx(0, abs=5)
    assert summary["vibrational_overlap"] == row["vibrational_overlap"]
    assert summarise([alone])["nve"]["vibrational_overlap"] is None
    sparse = run_row(_trajectory(velocities=_stretching(3600), spacing_fs=10.0), 1.0, _reference())
    assert (sparse["band_per_cm"], sparse["vibrational_resolution_per_cm"]) == ({}, None)


def test_dense_velocities_make_the_spectrum_where_frames_are_sparse():
    sparse = _trajectory(velocities=_stretching(2000), spacing_fs=10.0)
    dense = replace(sparse, dense_time_fs=2.0 * np.arange(2000), dense_velocities=_stretching(3600))
    true = _trajectory(velocities=_stretching(3700), spacing_fs=2.0)
    row = run_row(dense, 1.0, None, bonds=np.array(BONDS), reference_run=true)
    assert row["band_per_cm"]["O-H stretch"] == pytest.approx(3600, abs=10)
    assert row["band_shift_per_cm"]["O-H stretch"] == pytest.approx(-100, abs=5)
    assert run_row(sparse, 1.0, None, bonds=np.array(BONDS), reference_run=true)["vibrational_overlap"] is None
    against_sparse = run_row(dense, 1.0, None, bonds=np.array(BONDS), reference_run=sparse)
    assert (against_sparse["vibrational_overlap"], against_sparse["band_shift_per_cm"]) == (None, {})
    assert against_sparse["band_per_cm"] == pytest.approx(row["band_per_cm"], abs=5)
    broken = replace(dense, outcome=Outcome(OutcomeKind.BOND_BROKEN, 0.5))
    assert run_row(broken, 1.0, None, bonds=np.array(BONDS))["band_per_cm"] == {}


def test_a_run_too_short_for_bands_has_none():
    row = run_row(_trajectory(velocities=_stretching(3600, frames=300), spacing_fs=2.0), 1.0, _reference())
    assert (row["band_per_cm"], row["vibrational_resolution_per_cm"]) == ({}, None)


@pytest.mark.parametrize("frames", [420, 433, 470, 700])
@pytest.mark.parametrize("spacing_fs", [0.7, 1.0, 3.9])
def test_any_two_spacings_and_lengths_can_be_compared(frames, spacing_fs):
    short = _trajectory(velocities=_stretching(3600, frames=frames), spacing_fs=2.0)
    velocities = _stretching(3600, frames=3000, spacing_fs=spacing_fs)
    row = run_row(short, 1.0, _reference(), reference_run=_trajectory(velocities=velocities, spacing_fs=spacing_fs))
    assert row["vibrational_overlap"] > 0.8


def test_runs_of_unlike_length_are_compared_at_one_resolution():
    short = _trajectory(velocities=_stretching(3600, frames=600), spacing_fs=2.0)
    long = _trajectory(velocities=_stretching(3600, frames=8000, spacing_fs=1.0), spacing_fs=1.0)
    row = run_row(short, 1.0, _reference(), reference_run=long)
    assert row["vibrational_resolution_per_cm"] > 50
    assert row["vibrational_overlap"] > 0.9


def test_a_heated_run_breaks_at_the_temperature_of_that_moment():
    broke = run_row(_trajectory("heat", OutcomeKind.BOND_BROKEN, 6.0), 12.0, None, protocol=RAMP)
    assert (broke["breaking_temperature_k"], broke["ended_at_temperature_k"]) == (900, 900)
    assert (broke["ramp_start_k"], broke["ramp_end_k"]) == (300, 1500)
    survived = run_row(_trajectory("heat", time_ps=12.0), 12.0, None, protocol=RAMP)
    assert (survived["breaking_temperature_k"], survived["ended_at_temperature_k"]) == (None, 1500)
    early = run_row(_trajectory("heat", OutcomeKind.EXPLODED, 0.4, phase="equilibration"), 12.0, None, protocol=RAMP)
    assert early["breaking_temperature_k"] == 300
    crashed = run_row(_trajectory("heat", OutcomeKind.CRASHED, 3.0), 12.0, None, protocol=RAMP)
    assert (crashed["breaking_temperature_k"], crashed["ended_at_temperature_k"]) == (None, 600)
    assert run_row(_trajectory("nvt", OutcomeKind.BOND_BROKEN), 1.0, None, protocol=_Protocol())["ramp_end_k"] is None
    cooled = run_row(_trajectory("heat"), 1.0, None, protocol=_Protocol(end_temperature_k=100.0))
    assert (cooled["ramp_end_k"], summarise([cooled])["heat"]["breaking_temperature_k"]) == (None, None)


def test_breaking_temperature_over_molecules_and_replicas():
    rows = [
        run_row(_trajectory("heat", OutcomeKind.BOND_BROKEN, t, name=n), 12.0, None, protocol=RAMP)
        for n, t in [("a", 3.0), ("a", 5.0), ("b", 6.0), ("b", 7.0), ("c", 9.0)]
    ]
    rows.append(run_row(_trajectory("heat", time_ps=12.0, name="c"), 12.0, None, protocol=RAMP))
    found = summarise(rows)["heat"]["breaking_temperature_k"]
    assert found["median"]["value"] == 900
    assert found["mean"] == pytest.approx(300 + 100 * (3 + 5 + 6 + 7 + 9 + 12) / 6)
    assert (found["n_runs"], found["n_broke"], found["n_censored"]) == (6, 5, 1)
    assert found["difference"] is None
    hotter = [
        run_row(_trajectory("heat", OutcomeKind.BOND_BROKEN, t, name=n), 12.0, None, protocol=RAMP)
        for n, t in [("a", 8.0), ("b", 8.0), ("c", 12.0), ("d", 1.0)]
    ]
    against = summarise(rows, 0, hotter)["heat"]["breaking_temperature_k"]["difference"]
    assert against["value"] == pytest.approx(found["mean"] - (300 + 100 * (8 + 8 + 12) / 3))
    assert against["low"] < against["value"] < against["high"] < 0
    of_another = [{**row, "protocol": "ramp"} for row in hotter]
    assert summarise(rows, 0, of_another)["heat"]["breaking_temperature_k"]["difference"] is None
    assert summarise([run_row(_trajectory("nvt"), 1.0, None)])["nvt"]["breaking_temperature_k"] is None


def test_force_error_on_the_own_trajectory():
    rng = np.random.default_rng(0)
    time, reference = np.linspace(0.1, 1.0, 10), rng.normal(size=(10, 3, 3))
    predicted = reference + (0.01 * np.arange(1, 11))[:, None, None]
    failed = _trajectory(kind=OutcomeKind.BOND_BROKEN, time_ps=1.0)
    row = run_row(failed, 2.0, None, labelled=(time, predicted, reference), static_force_mae=11.0)
    assert row["trajectory_force_mae_mev_per_angstrom"] == pytest.approx(55)
    assert row["trajectory_force_mae_before_failure_mev_per_angstrom"] == pytest.approx(100)
    assert row["trajectory_force_mae_ratio"] == pytest.approx(5)
    assert list(row["trajectory_force_mae_by_time"]) == [
        "0-0.2 ps",
        "0.2-0.4 ps",
        "0.4-0.6 ps",
        "0.6-0.8 ps",
        "0.8-1 ps",
    ]
    whole = run_row(_trajectory(), 1.0, None, labelled=(time, predicted, reference))
    assert whole["trajectory_force_mae_before_failure_mev_per_angstrom"] is None
    assert whole["trajectory_force_mae_ratio"] is None


def test_the_band_over_molecules_stands_beside_the_one_over_runs():
    rows = [run_row(_trajectory(name=n), 1.0, None) for n in "abcdef" for _ in range(3)]
    rows += [run_row(_trajectory(kind=OutcomeKind.EXPLODED, time_ps=0.5, name="g"), 1.0, None) for _ in range(3)]
    summary = summarise(rows, seed=0)["nve"]
    survival = summary["survival"]
    assert survival["survival"] == pytest.approx([1, 6 / 7, 6 / 7])
    assert survival["clustered_low"][-1] < survival["low"][-1]
    assert len(set(map(len, survival.values()))) == 1
    assert summary["restricted_mean_survival_ps"]["value"] == pytest.approx(6 / 7 + 0.5 / 7)
    assert summary["restricted_mean_survival_ps"]["until_ps"] == 1.0
    assert summary["n_runs_with_jumps"] == 0


def test_mean_survival_is_counted_over_the_shortest_run_that_was_asked_for():
    rows = [run_row(_trajectory(time_ps=t), t, None) for t in (1.0, 2.0)]
    found = summarise(rows)["nve"]["restricted_mean_survival_ps"]
    assert (found["value"], found["until_ps"]) == (1.0, 1.0)


def test_every_row_has_the_same_keys_and_is_json():
    rows = [
        run_row(_trajectory(protocol, kind), 1.0, reference, protocol=settings, noise=_Noise(1e-3, 1e-3))
        for protocol in ("nve", "nvt", "heat")
        for kind in (OutcomeKind.COMPLETED, OutcomeKind.EXPLODED, OutcomeKind.TIMEOUT)
        for reference in (None, _reference())
        for settings in (None, _Protocol(), RAMP)
    ]
    assert len({tuple(row) for row in rows}) == 1
    assert all(isinstance(row[key], dict) for row in rows for key in GROUPS)
    json.dumps([rows, summarise(rows)], allow_nan=False)
