"""The frames around an event: which steps, whose atoms, in both engines."""

import dataclasses

import numpy as np
import pytest
from ase import Atoms
from dynamics_samples import diatomic_springs, water_springs
from lockstep_samples import Looped, assert_same, raising, water, with_ase

from compcalc.dynamics.event_frames import MOST_KEPT, EventFrames
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.start import Start
from compcalc.records import Molecule, OutcomeKind

NVE = Protocol("nve", production_ps=0.1, equilibration_ps=0.02, frame_every_fs=50.0)
CARBON = Start(Molecule("C2", ""), np.array([6, 6]), np.array([[0, 0, 0], [0, 0, 1.5]]), np.array([[0, 1]]))
SIZES = [2, 3]


def fill(frames, steps, atoms=5, runs=2, step_fs=0.5):
    for step in steps:
        frames.add(step, step * step_fs, np.full((atoms, 3), float(step)), np.arange(runs) + 10.0 * step)


# The ring


@pytest.mark.parametrize(("step_fs", "spacing"), [(0.5, 2), (0.25, 4), (1.0, 1), (2.0, 1)])
def test_frames_are_1_fs_apart_or_every_step(step_fs, spacing):
    frames = EventFrames(SIZES, Protocol("nve", 1.0, timestep_fs=step_fs))
    fill(frames, range(400), step_fs=step_fs)
    got = frames.arrays(1, 399 * step_fs, np.zeros((3, 3)))
    due = [step for step in range(400) if step % spacing == 0][-MOST_KEPT:]
    steps = due if due[-1] == 399 else [*due, 399]
    np.testing.assert_array_equal(got["event_time_fs"], np.array(steps) * step_fs)
    np.testing.assert_array_equal(got["event_positions"][:, 2, 1], steps)
    np.testing.assert_array_equal(got["event_energy"], 1 + 10.0 * np.array(steps))
    assert got["event_positions"].shape == (len(steps), 3, 3)


def test_a_step_that_failed_adds_its_geometry_without_energy():
    frames = EventFrames(SIZES, NVE)
    fill(frames, range(4))
    got = frames.arrays(0, 2.0, np.full((2, 3), 7.0))
    assert got["event_time_fs"].tolist() == [0.0, 1.0, 1.5, 2.0]
    np.testing.assert_array_equal(got["event_positions"][-1], 7.0)
    assert np.isnan(got["event_energy"][-1]) and got["event_energy"][-2] == 30.0


@pytest.mark.parametrize("steps", [4, 5])
def test_those_that_stay_keep_their_frames(steps):
    frames = EventFrames(SIZES, NVE)
    fill(frames, range(steps))
    before = frames.arrays(1, 0.0, np.zeros((3, 3)))
    frames.keep(np.array([False, True]), np.array([False, False, True, True, True]))
    after = frames.arrays(0, 0.0, np.zeros((3, 3)))
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])
    fill(frames, range(steps, 8), atoms=3, runs=1)
    assert frames.arrays(0, 0.0, np.zeros((3, 3)))["event_time_fs"].tolist() == [0.0, 1.0, 2.0, 3.0, 3.5]


# Runs


def test_the_frames_show_the_bond_before_during_and_after_the_event():
    limits = Limits(temperature_k=1e6, force_ev_per_angstrom=1e6, torn=9.0)
    protocol = dataclasses.replace(NVE, equilibration_ps=0.0)
    t = with_ase(CARBON, diatomic_springs(6.0, 3.3), protocol, limits=limits)
    assert t.outcome.kind is OutcomeKind.BOND_BROKEN
    length = np.linalg.norm(t.event_positions[:, 1] - t.event_positions[:, 0], axis=1)
    began = 1000 * t.outcome.time_ps
    assert t.event_time_fs[-1] == pytest.approx(began + limits.patience_fs)
    assert (length[t.event_time_fs > began] > 1.5 * 1.52).all()
    # Bonds are looked at every 2 fs.
    assert (length[t.event_time_fs < began - 2] < 1.5 * 1.52).all() and (t.event_time_fs < began - 2).any()
    np.testing.assert_allclose(t.event_energy, 3.0 * (length - 3.3) ** 2)


@pytest.mark.parametrize("fail_at", [1, 2, 30, 41, 42, 90, 143])
@pytest.mark.parametrize("fault", [lambda e, f: (np.nan, f), raising(RuntimeError("no"))], ids=["nan", "error"])
def test_both_engines_keep_the_same_frames(fault, fail_at):
    options = {"fail_at": fail_at, "fault": fault}
    starts = [dataclasses.replace(CARBON, replica=1), water(), CARBON]
    potential = Looped(lambda z: water_springs(**options) if len(z) == 3 else diatomic_springs(10.0, 1.5))
    first, failed, last = run_lockstep(starts, potential, NVE)
    expected = with_ase(water(), water_springs(**options), NVE)
    assert_same(failed, expected, 1e-9)
    assert 0 < len(failed.event_time_fs) <= MOST_KEPT + 2
    assert (np.diff(failed.event_time_fs) > 0).all()
    for completed in (first, last):
        assert completed.outcome.kind is OutcomeKind.COMPLETED
        assert completed.event_positions.shape == (0, 2, 3)


def test_a_failure_s_last_frame_is_the_geometry_that_the_potential_failed_on():
    seen = []

    class Fragile(type(water_springs())):
        def calculate(self, atoms=None, *args, **kwargs):
            seen.append(atoms.positions.copy())
            super().calculate(atoms, *args, **kwargs)

    calculator = Fragile([[0, 1]], [8.0], [0.96], fail_at=60, fault=raising(RuntimeError("no")))
    t = with_ase(water(), calculator, NVE)
    assert len(seen) == 60
    np.testing.assert_array_equal(t.event_positions[-1], seen[-1])
    again = Atoms(t.numbers, t.event_positions[-2], calculator=Fragile([[0, 1]], [8.0], [0.96]))
    assert again.get_potential_energy() == pytest.approx(t.event_energy[-2], rel=1e-12)
