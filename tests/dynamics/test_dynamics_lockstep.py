"""Molecules that advance together: the runs of the other engine, and each as if it were alone."""

import dataclasses
import time

import numpy as np
import pytest
from dynamics_samples import diatomic_springs, masses, water_springs
from lockstep_samples import Looped, Tethered, assert_same, nan_force, raising, start, water, with_ase

from compcalc.calculators import get_calculator
from compcalc.dynamics.guard import Limits
from compcalc.dynamics.lockstep import Start, run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.metrics.temperature import element_temperatures
from compcalc.records import BatchResult, Molecule, OutcomeKind
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

NVE = Protocol("nve", production_ps=0.02, equilibration_ps=0.0, frame_every_fs=4.0)
NVT = dataclasses.replace(NVE, name="nvt")
ROUNDING = 1e-9
NAMES = ("CH3CH2OH", "H2O", "CH3CONH2", "CH3OCH3")
NITROGEN = Start(Molecule("nitrogen", ""), np.array([7, 7]), np.array([[0, 0, 0], [0, 0, 1.4]]), np.array([[0, 1]]))


def springs(**of_nitrogen):
    """Water and nitrogen; the options make one of them fail."""
    of_water = of_nitrogen.pop("water", {})

    def make(numbers):
        return water_springs(**of_water) if len(numbers) == 3 else diatomic_springs(**of_nitrogen)

    of_nitrogen = {"k": 10.0, "r0": 1.4, **of_nitrogen}
    return Looped(make)


# The same as one by one


@pytest.mark.parametrize("equilibration_ps", [0.0, 0.01])
@pytest.mark.parametrize("name", ["nve", "nvt"])
def test_equals_the_ase_engine(name, equilibration_ps):
    protocol = Protocol(name, 0.02, equilibration_ps, log_every_fs=1.0, frame_every_fs=4.0)
    starts = [start(molecule, replica) for replica, molecule in enumerate(NAMES)]
    together = run_lockstep(starts, get_calculator("mmff94"), protocol, seed=3)
    for begin, got in zip(starts, together, strict=True):
        expected = with_ase(begin, get_calculator("mmff94"), protocol, seed=3)
        assert expected.outcome.kind is OutcomeKind.COMPLETED
        assert_same(got, expected, ROUNDING)
        assert np.abs(np.diff(got.positions, axis=0)).max() > 1e-3


@pytest.mark.parametrize("name", ["nve", "nvt"])
def test_neighbours_make_no_difference(name):
    protocol = Protocol(name, 0.02, equilibration_ps=0.01)
    starts = [start(molecule) for molecule in NAMES]
    together = run_lockstep(starts, get_calculator("mmff94"), protocol)
    backwards = run_lockstep(starts[::-1], get_calculator("mmff94"), protocol)[::-1]
    alone = [run_lockstep([begin], get_calculator("mmff94"), protocol)[0] for begin in starts]
    for one, two, three in zip(together, backwards, alone, strict=True):
        assert_same(one, two)
        assert_same(one, three)


@pytest.mark.parametrize(
    "spacings",
    [{"log_every_fs": 2.0, "frame_every_fs": 10.0}, {"log_every_fs": 0.1, "frame_every_fs": 0.1, "timestep_fs": 1.0}],
)
@pytest.mark.parametrize("name", ["nve", "nvt"])
def test_logs_and_frames_of_a_longer_run(name, spacings):
    """More steps than are drawn at once, in each phase."""
    protocol = Protocol(name, 0.05, equilibration_ps=0.04, **spacings)
    starts = [water(0), NITROGEN, water(1)]
    for begin, got in zip(starts, run_lockstep(starts, springs(), protocol), strict=True):
        single = springs().make(begin.numbers)
        assert_same(got, with_ase(begin, single, protocol), 1e-8)
        np.testing.assert_allclose(np.diff(got.log_time_fs), max(spacings["log_every_fs"], protocol.timestep_fs))


def test_without_friction_the_thermostat_does_nothing():
    protocol = dataclasses.replace(NVT, friction_per_fs=0.0)
    (got,) = run_lockstep([water()], springs(), protocol)
    assert_same(got, with_ase(water(), water_springs(), protocol), ROUNDING)
    total = got.potential_energy + got.kinetic_energy
    assert np.std(total) < 0.05 * np.std(got.kinetic_energy)


def test_a_log_of_many_steps_is_whole():
    protocol = dataclasses.replace(NVE, production_ps=2.2, log_every_fs=0.5, frame_every_fs=50.0)
    first, second = run_lockstep([water(0), water(1)], Tethered(0.5), protocol, limits=Limits(formed=0.0, broken=9.0))
    np.testing.assert_array_equal(first.log_time_fs, 0.5 * np.arange(4401))
    np.testing.assert_array_equal(second.frame_time_fs, 50.0 * np.arange(45))
    assert len(first.positions) == len(second.velocities) == 45


def test_replicas_and_seeds_differ_and_a_repeated_run_does_not():
    starts = [water(0), water(1), water(0)]
    one, two, three = run_lockstep(starts, springs(), NVT, seed=1)
    assert (one.replica, two.replica) == (0, 1)
    assert not np.allclose(one.velocities[0], two.velocities[0])
    assert_same(one, three)
    (other,) = run_lockstep(starts[:1], springs(), NVT, seed=2)
    assert not np.allclose(one.velocities[0], other.velocities[0])


def test_nothing_to_run():
    assert run_lockstep([], springs(), NVE) == []


def test_the_caller_s_arrays_are_left_alone_and_the_times_add_up():
    begin = [water(0), NITROGEN]
    before = [one.positions.copy() for one in begin]
    began = time.perf_counter()
    trajectories = run_lockstep(begin, springs(water={"fail_at": 20, "fault": nan_force}), NVT)
    wall = time.perf_counter() - began
    for one, positions in zip(begin, before, strict=True):
        np.testing.assert_array_equal(one.positions, positions)
    assert 0 < trajectories[0].seconds < trajectories[1].seconds
    assert 0.5 * wall < sum(t.seconds for t in trajectories) < wall


# Closed forms


def test_baoab_samples_positions_without_step_error():
    """A harmonic mode w at step t: <k x^2> = kT whatever t, <m v^2> = kT (1 - (wt/2)^2) where a step ends."""
    k, step, runs = 20.0, 2.0, 24
    protocol = Protocol("nvt", 1.5, 0.1, step, friction_per_fs=0.1, log_every_fs=step, frame_every_fs=step)
    numbers = np.array([6, 1, 1, 8])
    sites = 30.0 * np.arange(12.0).reshape(4, 3)
    begin = [Start(Molecule("tethered", ""), numbers, sites, np.empty((0, 2), int), replica) for replica in range(runs)]
    trajectories = run_lockstep(begin, Tethered(k), protocol)
    assert {t.outcome.kind for t in trajectories} == {OutcomeKind.COMPLETED}
    x = np.stack([t.positions for t in trajectories]) - sites
    v = np.stack([t.velocities for t in trajectories])
    m = masses(numbers)
    w = np.sqrt(k / m / EV_PER_U_ANGSTROM2_PER_FS2)
    stretched = k * (x**2).mean(axis=(0, 1, 3)) / KB_EV_PER_K
    moving = EV_PER_U_ANGSTROM2_PER_FS2 * m * (v**2).mean(axis=(0, 1, 3)) / KB_EV_PER_K
    # Energies forget within about 1/friction = 10 fs: 150 draws a run and coordinate.
    error = 4 * 300 * np.sqrt(2 / (3 * 150 * runs))
    np.testing.assert_allclose(stretched, 300, atol=error)
    np.testing.assert_allclose(moving, 300 * (1 - (w * step / 2) ** 2), atol=error)
    assert 300 * (w[1] * step / 2) ** 2 > 1.9 * error


def test_every_element_is_at_300_k():
    protocol = Protocol("nvt", 1.0, 0.1, 0.5, friction_per_fs=0.1, log_every_fs=4.0, frame_every_fs=4.0)
    begin = [water(replica) for replica in range(16)]
    trajectories = run_lockstep(begin, Tethered(5.0), protocol, limits=Limits(formed=0.0, broken=9.0, torn=9.0))
    frames = np.concatenate([t.velocities for t in trajectories])
    assert {t.degrees_of_freedom for t in trajectories} == {9}
    by_element = element_temperatures(begin[0].numbers, masses(begin[0].numbers), frames)
    draws = 100 * 16
    assert by_element[8] == pytest.approx(300, abs=4 * 300 * np.sqrt(2 / (3 * draws)))
    assert by_element[1] == pytest.approx(300, abs=4 * 300 * np.sqrt(2 / (6 * draws)))


@pytest.mark.parametrize("name", ["nve", "nvt"])
def test_a_single_atom_among_molecules(name):
    atom = Start(Molecule("H", ""), np.array([1]), np.zeros((1, 3)), np.empty((0, 2), int))
    protocol = Protocol(name, 0.02, equilibration_ps=0.01)
    tethered = Tethered(0.0)
    first, second = run_lockstep([atom, water()], tethered, protocol)
    assert first.outcome.kind is second.outcome.kind is OutcomeKind.COMPLETED
    assert np.isfinite(first.positions).all() and np.isfinite(first.velocities).all()
    assert np.isfinite(second.temperature).all()
    if name == "nve":
        assert first.degrees_of_freedom == 0 and np.isnan(first.temperature).all()
        assert np.abs(first.velocities).max() < 1e-15
    else:
        assert first.degrees_of_freedom == 3 and np.isfinite(first.temperature).all()


# Runs that end


FAULTS = {
    "nan force": nan_force,
    "nan energy": lambda e, f: (np.nan, f),
    "large force": lambda e, f: (e, f + 150.0),
    "error": raising(RuntimeError("CUDA out of memory")),
}


@pytest.mark.parametrize("fail_at", [1, 8, 46, 47])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_molecule_that_fails_leaves_and_the_others_go_on(fault, fail_at):
    """As the other engine says, in equilibration (up to call 21) and in production, on the log's grid and off it."""
    protocol = Protocol("nve", 0.02, 0.01, frame_every_fs=4.0)
    bad = {"water": {"fail_at": fail_at, "fault": FAULTS[fault]}}
    starts = [NITROGEN, water(), dataclasses.replace(NITROGEN, replica=1)]
    before, failed, after = run_lockstep(starts, springs(**bad), protocol)
    assert_same(failed, with_ase(starts[1], water_springs(**bad["water"]), protocol), ROUNDING)
    assert failed.outcome.kind is not OutcomeKind.COMPLETED
    assert (np.diff(failed.log_time_fs) > 0).all() and (np.diff(failed.frame_time_fs) > 0).all()
    assert failed.outcome.phase == ("equilibration" if fail_at <= 21 else "production")
    undisturbed = run_lockstep([starts[0], starts[2]], springs(), protocol)
    assert_same(before, undisturbed[0])
    assert_same(after, undisturbed[1])


@pytest.mark.parametrize("name", ["nve", "nvt"])
def test_a_molecule_that_breaks_leaves(name):
    protocol = Protocol(name, 0.04, 0.0)
    limits = Limits(temperature_k=1e6)
    starts = [water(0), NITROGEN, water(1)]
    torn = {"k": 20.0, "r0": 3.5}
    trajectories = run_lockstep(starts, springs(**torn), protocol, limits=limits)
    assert trajectories[1].outcome.kind is OutcomeKind.BOND_BROKEN
    assert_same(trajectories[1], with_ase(NITROGEN, diatomic_springs(**torn), protocol, limits=limits), 1e-8)
    undisturbed = run_lockstep([starts[0], starts[2]], springs(), protocol, limits=limits)
    assert_same(trajectories[0], undisturbed[0])
    assert_same(trajectories[2], undisturbed[1])


def test_all_may_fail():
    potential = Looped(lambda numbers: water_springs(fail_at=6, fault=nan_force))
    trajectories = run_lockstep([water(0), water(1)], potential, NVE)
    assert [t.outcome.kind for t in trajectories] == [OutcomeKind.NON_FINITE] * 2
    for protocol in (NVE, dataclasses.replace(NVE, equilibration_ps=0.01)):
        potential = Looped(lambda numbers: water_springs(fail_at=2, fault=raising(RuntimeError("SCF"))))
        trajectories = run_lockstep([water(0), water(1)], potential, protocol)
        assert {t.outcome.cause for t in trajectories} == {"RuntimeError: SCF"}


def test_interrupts_are_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        run_lockstep([water()], springs(water={"fail_at": 6, "fault": raising(KeyboardInterrupt())}), NVE)


# What the potential is told


def test_the_potential_is_told_of_the_run_and_of_every_change():
    potential = springs(water={"fail_at": 6, "fault": nan_force})
    run_lockstep([NITROGEN, water()], potential, NVE)
    assert potential.told == ["forget", 2, 1]
    assert potential.sizes == [2] * 6 + [1] * 35


def test_after_an_error_the_members_are_asked_one_by_one_for_that_step():
    potential = springs(water={"fail_at": 6, "fault": raising(RuntimeError("no"))})
    run_lockstep([NITROGEN, water(), NITROGEN], potential, NVE)
    assert potential.sizes == [3] * 5 + [3, 1, 1, 1] + [2] * 35
    assert potential.told == ["forget", 3, 2]


def test_a_batch_that_is_too_large_is_taken_apart():
    class Small(Looped):
        def evaluate_batch(self, batch):
            if len(batch) > 1:
                self.sizes.append(len(batch))
                raise MemoryError("out of memory")
            return super().evaluate_batch(batch)

    small, large = Small(springs().make), springs()
    starts = [NITROGEN, water()]
    for got, expected in zip(run_lockstep(starts, small, NVE), run_lockstep(starts, large, NVE), strict=True):
        assert_same(got, expected)
    assert small.sizes == [2] + [1] * 82


@pytest.mark.parametrize(
    ("method", "only"), [("forget", None), ("prepare_batch", 3), ("prepare_batch", 2)], ids=lambda v: str(v)
)
def test_a_failure_before_the_first_step_is_an_outcome(method, only):
    """`forget` fails for all, preparation for those that cannot be prepared (`only`: their number of atoms)."""
    potential = springs()

    def fail(batch=None):
        if only is None or only in batch.sizes:
            raise RuntimeError("cannot trace")

    setattr(potential, method, fail)
    starts = [NITROGEN, water()]
    for begin, t in zip(starts, run_lockstep(starts, potential, NVE), strict=True):
        if only in (None, len(begin.numbers)):
            assert (t.outcome.kind, t.outcome.phase) == (OutcomeKind.CALCULATOR_ERROR, "equilibration")
            assert (
                "cannot trace" in t.outcome.cause
                and t.n_steps == 0
                and t.positions.shape == (0, *begin.positions.shape)
            )
        else:
            assert_same(t, run_lockstep([begin], springs(), NVE)[0])


def test_a_potential_without_hooks_will_do():
    class Bare:
        def evaluate_batch(self, batch):
            return BatchResult(np.zeros(len(batch)), np.zeros(batch.positions.shape))

    (t,) = run_lockstep([water()], Bare(), NVE)
    assert t.outcome.kind is OutcomeKind.COMPLETED


@pytest.mark.parametrize(("energies", "atoms", "named"), [(2, 3, "energies"), (1, 4, "forces")])
def test_results_of_another_shape_are_an_error(energies, atoms, named):
    class Odd:
        def evaluate_batch(self, batch):
            return BatchResult(np.zeros(energies), np.zeros((atoms, 3)))

    (t,) = run_lockstep([water()], Odd(), NVE)
    assert t.outcome.kind is OutcomeKind.CALCULATOR_ERROR and f"BatchResult.{named}" in t.outcome.cause
