"""Trajectories as extxyz: what ASE reads back."""

import numpy as np
from ase import units
from ase.io import read
from dynamics_samples import masses, run, water_springs

from compcalc.dynamics.export import to_atoms, write_extxyz
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
