"""Velocities that are stored more often than frames: when, by which engine, and the spectrum that they make."""

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dynamics_samples import diatomic_springs, water_springs
from lockstep_samples import Looped, assert_same, nan_force, water, with_ase

from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.preset_file import load_preset
from compcalc.dynamics.protocols import PRESETS, Protocol
from compcalc.dynamics.start import Start
from compcalc.errors import InputError
from compcalc.metrics.dynamics import run_row
from compcalc.records import Molecule, OutcomeKind
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, PER_CM_PER_CYCLE_PER_FS

NVE = Protocol(
    "nve", 0.06, 0.01, frame_every_fs=20.0, log_every_fs=3.0, velocity_ps=0.04, velocity_every_fs=1.5, control_ps=0.01
)
HYDROXYL = Start(Molecule("OH", ""), np.array([8, 1]), np.array([[0, 0, 0], [0, 0, 0.97]]), np.array([[0, 1]]))
STIFFNESS = 48.0  # eV/angstrom^2, about that of O-H


def lockstep(begin, calculator, protocol, **options):
    (trajectory,) = run_lockstep([begin], Looped(lambda z: calculator), protocol, **options)
    return trajectory


ENGINES = pytest.mark.parametrize("engine", [with_ase, lockstep], ids=["ase", "lockstep"])


# When


@ENGINES
def test_they_are_stored_in_the_first_part_alone_at_their_own_spacing(engine):
    t = engine(water(), water_springs(), NVE)
    assert t.outcome.kind is OutcomeKind.COMPLETED
    np.testing.assert_allclose(t.dense_time_fs, np.arange(0.0, 40.1, 1.5))
    assert t.dense_velocities.shape == (27, 3, 3) and t.dense_velocities.dtype == np.float32
    each = engine(water(), water_springs(), dataclasses.replace(NVE, frame_every_fs=0.5))
    same = each.velocities[np.isin(each.frame_time_fs, t.dense_time_fs)]
    np.testing.assert_array_equal(t.dense_velocities, same.astype(np.float32))
    assert len(t.frame_time_fs) == 4
    without = engine(water(), water_springs(), dataclasses.replace(NVE, velocity_ps=0.0))
    assert without.dense_velocities.shape == (0, 3, 3)
    for name in ("positions", "velocities", "potential_energy", "control_energy"):
        np.testing.assert_array_equal(getattr(without, name), getattr(t, name))


def test_both_engines_store_alike_and_neighbours_make_no_difference():
    broken = {"fail_at": 21 + 30, "fault": nan_force}
    potential = Looped(lambda z: water_springs(**broken) if len(z) == 3 else diatomic_springs(STIFFNESS, 0.97))
    starts = [HYDROXYL, water(), dataclasses.replace(HYDROXYL, replica=1)]
    got = run_lockstep(starts, potential, NVE)
    for begin, trajectory in zip(starts, got, strict=True):
        calculator = water_springs(**broken) if len(begin.numbers) == 3 else diatomic_springs(STIFFNESS, 0.97)
        assert_same(trajectory, with_ase(begin, calculator, NVE), 1e-8)
    assert got[1].outcome.kind is OutcomeKind.NON_FINITE
    np.testing.assert_allclose(got[1].dense_time_fs, np.arange(0.0, 15.1, 1.5))
    assert [len(trajectory.dense_time_fs) for trajectory in got] == [27, 11, 27]


def test_the_spacing_is_in_whole_time_steps():
    protocol = dataclasses.replace(NVE, timestep_fs=0.8, velocity_every_fs=2.0)
    np.testing.assert_allclose(np.diff(lockstep(water(), water_springs(), protocol).dense_time_fs), 1.6)


SLOW = """
import sys, time

sys.path.insert(0, {folder!r})
from dynamics_samples import water_springs
from lockstep_samples import Looped, water, with_ase
from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.protocols import Protocol

def slowly(energy, forces):
    time.sleep(0.002)
    return energy, forces

calculator, options = water_springs(fail_at=1, fault=slowly), dict(checkpoint={path!r}, checkpoint_every_s=0.02)
if {engine!r} == "ase":
    with_ase(water(), calculator, {protocol!r}, **options)
else:
    run_lockstep([water()], Looped(lambda z: calculator), {protocol!r}, **options)
"""


@ENGINES
def test_a_process_that_is_killed_leaves_no_sample_out_and_none_twice(engine, tmp_path):
    """SIGKILL in the window, and once more behind it; the rest is done here."""
    protocol, path = dataclasses.replace(NVE, production_ps=0.3, velocity_ps=0.15), tmp_path / "run.checkpoint"
    name = "ase" if engine is with_ase else "lockstep"
    code = SLOW.format(folder=str(Path(__file__).parent), path=str(path), engine=name, protocol=protocol)
    for seconds in (0.3, 0.4):
        process = subprocess.Popen([sys.executable, "-c", code])
        begun, deadline = path.exists() and path.stat().st_mtime_ns, time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if path.exists() and path.stat().st_mtime_ns != begun:
                break
            time.sleep(0.005)
        time.sleep(seconds)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    saved = path.read_bytes()
    got = engine(water(), water_springs(), protocol, checkpoint=path)
    assert saved and not path.exists()
    assert_same(got, engine(water(), water_springs(), protocol))
    np.testing.assert_allclose(got.dense_time_fs, np.arange(0.0, 150.1, 1.5))


# The spectrum


@pytest.fixture(scope="module")
def sparse():
    """A diatomic with a frame every 50 fs, as a preset has it, and its wavenumber in closed form."""
    protocol = Protocol("nve", 1.5, 0.05, frame_every_fs=50.0, velocity_ps=1.3)
    assert protocol.velocity_every_fs == PRESETS["standard"].protocols[0].velocity_every_fs
    trajectory = lockstep(HYDROXYL, diatomic_springs(STIFFNESS, 0.97), protocol)
    reduced = 15.999 * 1.008 / (15.999 + 1.008) * EV_PER_U_ANGSTROM2_PER_FS2
    # Velocity Verlet itself swings at 2/h asin(w h/2).
    swing = 2 / protocol.timestep_fs * np.arcsin(np.sqrt(STIFFNESS / reduced) * protocol.timestep_fs / 2)
    return trajectory, swing / (2 * np.pi) * PER_CM_PER_CYCLE_PER_FS


def band(trajectory, bonds=HYDROXYL.bonds):
    return run_row(trajectory, 2.0, None, bonds=bonds)["band_per_cm"].get("O-H stretch")


def test_a_diatomic_has_its_band_at_the_closed_form_though_frames_are_sparse(sparse):
    trajectory, expected = sparse
    assert 3600 < expected < 3900 and len(trajectory.frame_time_fs) == 31
    assert band(trajectory) == pytest.approx(expected, abs=5)
    assert band(trajectory, bonds=None) is None, "without bonds nobody knows whose stretch it is"
    frames_alone = dataclasses.replace(trajectory, dense_time_fs=None, dense_velocities=None)
    assert band(frames_alone) is None


@pytest.mark.parametrize("factor", [1e-3, 0.5, 2.0, 10.18], ids=["ps", "half", "twice", "ASE's unit"])
def test_times_in_a_wrong_unit_do_not_give_the_band(sparse, factor):
    trajectory, expected = sparse
    found = band(dataclasses.replace(trajectory, dense_time_fs=factor * trajectory.dense_time_fs))
    assert found is None or abs(found - expected) > 500


def test_velocities_in_another_unit_give_the_same_band(sparse):
    trajectory, expected = sparse
    scaled = dataclasses.replace(trajectory, dense_velocities=10 * trajectory.dense_velocities)
    assert band(scaled) == pytest.approx(expected, abs=5)


# What is refused


def test_every_preset_has_what_a_spectrum_needs():
    for preset in PRESETS.values():
        (nve,) = (protocol for protocol in preset.protocols if protocol.ensemble == "nve")
        assert 0.8 <= nve.velocity_ps <= 5.0 and nve.velocity_steps * nve.timestep_fs == 2.0


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"name": "nvt", "velocity_ps": 1.0}, "velocity_ps: got 1.0; allowed: 0 to production_ps, 10, of kind nve"),
        ({"velocity_ps": 1000.0}, "velocity_ps: got 1000.0; allowed: 0 to production_ps, 10.*picoseconds"),
        ({"velocity_ps": 1.0, "velocity_every_fs": 10.0}, "velocity_every_fs: got 10.0; allowed: up to 4 fs.*9 fs"),
        ({"velocity_ps": 1.0, "velocity_every_fs": 3.6, "timestep_fs": 2.4}, "got 3.6; .*which makes 4.8"),
        ({"velocity_ps": 1.0, "velocity_every_fs": 0.002}, "velocity_every_fs: got 0.002.*femtoseconds"),
        ({"velocity_ps": -1.0}, "velocity_ps: got -1.0.*0 to 1e.06 ps"),
    ],
)
def test_windows_that_cannot_be_are_refused(options, match):
    with pytest.raises(InputError, match=match):
        Protocol(**{"name": "nve", "production_ps": 10.0, **options})


def test_an_own_protocol_sets_them_and_a_wrong_one_says_where(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("protocols: [{kind: nve, production_ps: 5, velocity_ps: 2, velocity_every_fs: 1}]")
    (protocol,) = load_preset(path).protocols
    assert (protocol.velocity_ps, protocol.velocity_every_fs) == (2, 1)
    path.write_text("protocols: [{kind: nvt, production_ps: 5, velocity_ps: 2}]")
    with pytest.raises(InputError, match=r"mine.yaml: protocol 1: velocity_ps: got 2"):
        load_preset(path)
    path.write_text("protocols: [{kind: nve, production_ps: 5, velocities_ps: 2}]")
    with pytest.raises(InputError, match="velocities_ps.*Did you mean 'velocity_ps'"):
        load_preset(path)
