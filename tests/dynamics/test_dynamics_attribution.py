"""Runs with potentials whose fault is known: what their books say, in both engines."""

import functools
from typing import NamedTuple

import numpy as np
import pytest
from dynamics_samples import WATER, masses, run, water_springs
from energy_samples import Faulty, Morse, climbing, jumping, swirling
from lockstep_samples import Looped, assert_same, water, with_ase

from compcalc.dynamics.limits import Limits
from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.pulls import Pulls
from compcalc.metrics.attribution import EnergyCause, attribute_run
from compcalc.metrics.dynamics import run_row
from compcalc.records import OutcomeKind

HELD = Limits(broken=99.0, torn=99.0, formed=0.0, heating_k=1e9, temperature_k=1e9)
WEAK = functools.partial(swirling, strength=0.01)


def cause_of(t):
    columns = (t.potential_energy, t.kinetic_energy, t.work, t.coarse_work, t.heat)
    return attribute_run(t.log_time_fs, *columns, len(t.numbers))


@pytest.mark.parametrize("kind", ["nve", "nvt"])
@pytest.mark.parametrize(
    ("make", "timestep_fs", "cause"),
    [
        (Morse, 0.5, EnergyCause.CONSERVED),
        (water_springs, 0.5, EnergyCause.CONSERVED),
        (lambda: Faulty(functools.partial(swirling, strength=0.03)), 0.5, EnergyCause.NOT_GRADIENT),
        (lambda: Faulty(functools.partial(swirling, strength=0.0, pull=0.05)), 0.5, EnergyCause.NOT_GRADIENT),
        (lambda: Faulty(jumping(0.002)), 0.5, EnergyCause.JUMPS),  # 1% of the kinetic energy
        (lambda: Faulty(climbing(0.002)), 0.5, EnergyCause.JUMPS),
        (Morse, 2.0, EnergyCause.TIME_STEP),
    ],
    ids=["morse", "springs", "swirl", "net force", "jumps", "stairs", "long step"],
)
def test_each_fault_is_called_by_its_name(kind, make, timestep_fs, cause):
    protocol = Protocol(kind, 500 * timestep_fs / 1000, 0.05, timestep_fs=timestep_fs)
    (t,) = run_lockstep([water()], Looped(lambda z: make()), protocol, limits=HELD)
    assert cause_of(t).cause is cause


@pytest.mark.parametrize(
    ("make", "timestep_fs", "words"),
    [
        (lambda: Faulty(swirling), 0.5, "the forces are not the gradient of the energy"),
        (lambda: Faulty(climbing(0.05)), 0.5, "the energy jumps"),
        (Morse, 2.0, "the time step is too large"),
    ],
    ids=["swirl", "stairs", "long step"],
)
def test_a_run_that_heats_ends_with_the_cause_in_both_engines(make, timestep_fs, words):
    protocol = Protocol("nve", 2.0, 0.0, timestep_fs=timestep_fs)
    limits = Limits(broken=99.0, torn=99.0, formed=0.0)
    t = with_ase(water(), make(), protocol, limits=limits)
    assert t.outcome.kind is OutcomeKind.EXPLODED
    assert t.outcome.time_ps < 2.0 and t.outcome.cause.endswith(words)
    (other,) = run_lockstep([water()], Looped(lambda z: make()), protocol, limits=limits)
    assert other.outcome.cause.endswith(words)


class Noisy(Faulty):
    """Forces that are random, by `sigma` eV/angstrom a component."""

    def __init__(self, sigma):
        self._rng = np.random.default_rng(0)
        super().__init__(lambda x, energy, forces: (energy, forces + sigma * self._rng.normal(size=x.shape)))


class Scatter(NamedTuple):
    energy: float
    forces: float


def test_noise_that_was_measured_before_is_the_cause_where_it_suffices():
    protocol, limits = Protocol("nve", 1.0, 0.0), Limits(broken=99.0, torn=99.0, formed=0.0)
    (t,) = run_lockstep([water()], Looped(lambda z: Noisy(0.5)), protocol, limits=limits)
    assert t.outcome.kind is OutcomeKind.EXPLODED

    def row(scatter):
        return run_row(t, 1.0, None, protocol=protocol, noise=scatter)

    noisy, quiet = row(Scatter(0.0, 0.5)), row(Scatter(0.0, 0.005))
    assert noisy["energy_cause"] == EnergyCause.NOISE and noisy["cause"].endswith(": the forces scatter at random")
    assert quiet["energy_cause"] != EnergyCause.NOISE and quiet["cause"] == t.outcome.cause == row(None)["cause"]
    (swirled,) = run_lockstep([water()], Looped(lambda z: Faulty(swirling)), protocol, limits=limits)
    found = run_row(swirled, 1.0, None, protocol=protocol, noise=Scatter(0.0, 0.005))
    assert found["energy_cause"] == EnergyCause.NOT_GRADIENT


@pytest.mark.parametrize("kind", ["nve", "nvt"])
def test_both_engines_keep_the_same_books(kind):
    protocol = Protocol(kind, 0.05, 0.02, log_every_fs=0.5, frame_every_fs=5.0)
    (got,) = run_lockstep([water()], Looped(lambda z: Faulty(WEAK)), protocol)
    assert_same(got, with_ase(water(), Faulty(WEAK), protocol), 1e-8)
    assert got.work[0] == got.heat[0] == 0.0 and np.abs(got.work[-1]) > 1e-3
    assert (np.abs(got.heat[1:]) > 0).all() == (kind == "nvt")


def test_work_is_that_of_the_forces_and_closes_the_books_of_springs():
    """The potential energy loses what the forces do, up to what turning makes of a harmonic spring."""
    t = run(water_springs(), Protocol("nve", 0.1, 0.0, frame_every_fs=0.5))
    np.testing.assert_allclose(t.work, t.potential_energy[0] - t.potential_energy, atol=1e-4)
    assert np.ptp(t.work) > 0.02
    # At velocity Verlet the work is also what the kinetic energy gains, up to (F dt)^2 / 8m.
    np.testing.assert_allclose(t.work, t.kinetic_energy - t.kinetic_energy[0], atol=5e-4)


def test_heat_is_what_total_energy_gains_under_a_thermostat():
    t = run(water_springs(), Protocol("nvt", 0.2, 0.0, friction_per_fs=0.05))
    total = t.potential_energy + t.kinetic_energy
    np.testing.assert_allclose(total - total[0], t.heat, atol=2e-3)
    assert np.ptp(t.heat) > 0.1


def test_net_force_and_torque_at_the_frames():
    t = run(Faulty(swirling), Protocol("nve", 0.05, 0.0, frame_every_fs=5.0), limits=HELD)
    weights = masses(t.numbers)[None, :, None]
    extra = 0.05 * np.cross([0, 0, 1.0], t.positions) + [0.01, 0, 0]
    centred = t.positions - (weights * t.positions).sum(axis=1, keepdims=True) / weights.sum()
    np.testing.assert_allclose(t.net_force, np.linalg.norm(extra.sum(axis=1), axis=1), rtol=1e-6)
    torque = np.cross(centred, extra).sum(axis=1)
    np.testing.assert_allclose(t.net_torque, np.linalg.norm(torque, axis=1), rtol=1e-6)
    clean = run(Morse(), Protocol("nve", 0.05, 0.0, frame_every_fs=5.0))
    assert max(clean.net_force.max(), clean.net_torque.max()) < 1e-12


def test_pulls_of_those_that_stay():
    forces = np.arange(18.0).reshape(6, 3)
    both = Pulls([np.array([8, 1, 1])] * 2)
    together = both(np.vstack([WATER, WATER + 1.0]), forces)
    both.keep(np.array([False, True]), np.repeat([False, True], 3))
    np.testing.assert_allclose(both(WATER + 1.0, forces[3:]), together[1:])
