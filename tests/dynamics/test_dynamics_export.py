"""Trajectories as extxyz: what ASE reads back."""

import numpy as np
from ase import units
from ase.io import read
from dynamics_samples import masses, run, water_springs

from compcalc.dynamics.export import to_atoms, write_event_extxyz, write_extxyz
from compcalc.dynamics.protocols import Protocol
from compcalc.metrics.temperature import kinetic_energy

PROTOCOL = Protocol("nvt", 0.02, equilibration_ps=0.0, frame_every_fs=5.0)


def test_frames_keep_positions_velocities_and_time(tmp_path):
    t = run(water_springs(), PROTOCOL)
    path = tmp_path / "t.xyz"
    write_extxyz(path, t)
    frames = read(path, ":")
    assert len(frames) == 5
    for frame, positions, velocities, time_fs in zip(frames, t.positions, t.velocities, t.frame_time_fs, strict=True):
        np.testing.assert_allclose(frame.positions, positions, atol=1e-7)
        np.testing.assert_allclose(frame.get_velocities() * units.fs, velocities, atol=1e-7)
        assert frame.info["time_fs"] == time_fs
        assert frame.info["molecule"] == "test/1" and frame.info["protocol"] == "nvt"
    kinetic = kinetic_energy(masses(t.numbers), t.velocities)
    np.testing.assert_allclose([a.get_kinetic_energy() for a in to_atoms(t)], kinetic, rtol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.xyz"]


def test_a_run_without_frames_writes_nothing(tmp_path):
    failing = water_springs(fail_at=1, fault=lambda e, f: (np.nan, f))
    protocol = Protocol("nvt", 0.02, equilibration_ps=0.02)
    write_extxyz(tmp_path / "t.xyz", run(failing, protocol))
    assert list(tmp_path.iterdir()) == []


def test_event_frames_are_written_with_how_the_run_ended(tmp_path):
    t = run(water_springs(fail_at=12, fault=lambda e, f: (np.nan, f)), PROTOCOL)
    write_event_extxyz(tmp_path / "event.xyz", t)
    frames = read(tmp_path / "event.xyz", ":")
    assert [frame.info["time_fs"] for frame in frames] == t.event_time_fs.tolist() == [0, 1, 2, 3, 4, 5, 5.5]
    np.testing.assert_allclose([frame.positions for frame in frames], t.event_positions, atol=1e-7)
    np.testing.assert_allclose([f.info["energy_ev"] for f in frames[:-1]], t.event_energy[:-1], rtol=1e-6)
    assert "energy_ev" not in frames[-1].info
    assert frames[0].info["outcome"] == "non_finite" and frames[0].info["phase"] == "production"
    assert frames[0].info["cause"] == t.outcome.cause


def test_a_run_that_completed_has_no_event_frames(tmp_path):
    write_event_extxyz(tmp_path / "event.xyz", run(water_springs(), PROTOCOL))
    assert list(tmp_path.iterdir()) == []
