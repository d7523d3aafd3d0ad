"""Runs against closed forms: periods, energy conservation, temperatures, and how failures end them."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from ase.build import molecule
from dynamics_samples import WATER, WATER_NUMBERS, Tethers, diatomic_springs, masses, run, water_springs

from compcalc.dynamics.guard import Limits
from compcalc.dynamics.protocols import PRESETS, Protocol, get_preset
from compcalc.errors import UnknownNameError
from compcalc.metrics.temperature import element_temperatures, kinetic_energy, temperature
from compcalc.records import OutcomeKind
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2

NVE = Protocol("nve", production_ps=0.05, equilibration_ps=0.0)
NVT = Protocol("nvt", production_ps=0.05, equilibration_ps=0.0)
HERE = np.empty((0, 2), dtype=int)


def scalars(trajectory):
    return np.array([trajectory.potential_energy, trajectory.kinetic_energy])


# Closed forms


def test_a_diatomic_vibrates_with_its_period_and_amplitude():
    """x = v0/w sin(wt), w = sqrt(k/mu): wrong units of time, force, mass or velocity change it."""
    k, r0, mass = 10.0, 1.4, masses([7, 7])[0]
    w = np.sqrt(k / (mass / 2) / EV_PER_U_ANGSTROM2_PER_FS2)
    protocol = dataclasses.replace(NVE, production_ps=0.1, timestep_fs=0.25, frame_every_fs=1.0)
    positions = [[0, 0, 0], [0, 0, r0]]
    t = run(diatomic_springs(k, r0), protocol, [7, 7], positions, np.array([[0, 1]]), seed=3)
    assert t.outcome.kind is OutcomeKind.COMPLETED
    assert t.degrees_of_freedom == 1
    velocity = t.velocities[0, 1, 2] - t.velocities[0, 0, 2]
    length = np.linalg.norm(t.positions[:, 1] - t.positions[:, 0], axis=1)
    expected = r0 + velocity / w * np.sin(w * t.frame_time_fs)
    assert abs(velocity / w) > 0.02
    np.testing.assert_allclose(length, expected, atol=2e-4)
    np.testing.assert_allclose(t.kinetic_energy[0], 0.25 * mass * velocity**2 * EV_PER_U_ANGSTROM2_PER_FS2, rtol=1e-6)


def test_the_logged_kinetic_energy_and_temperature_are_those_of_the_frames():
    t = run(water_springs(), dataclasses.replace(NVE, frame_every_fs=1.0))
    np.testing.assert_allclose(kinetic_energy(masses(t.numbers), t.velocities), t.kinetic_energy, rtol=1e-6)
    np.testing.assert_allclose(temperature(t.kinetic_energy, t.degrees_of_freedom), t.temperature, rtol=1e-12)
    assert t.degrees_of_freedom == 3


def test_energy_is_conserved_and_its_fluctuation_falls_by_four_at_half_the_step():
    spread = {}
    for step in (0.5, 0.25):
        protocol = dataclasses.replace(NVE, production_ps=0.4, timestep_fs=step, log_every_fs=0.5)
        t = run(water_springs(), protocol, seed=1)
        total = t.potential_energy + t.kinetic_energy
        assert np.ptp(total) < 0.05 * np.ptp(t.kinetic_energy)
        spread[step] = np.std(total)
    assert spread[0.5] / spread[0.25] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("factor", [1 / 27.2114, 27.2114])
def test_forces_in_another_unit_than_the_energy_are_seen_in_the_total(factor):
    t = run(water_springs(factor=factor), dataclasses.replace(NVE, production_ps=0.1, timestep_fs=0.1), seed=1)
    total = t.potential_energy + t.kinetic_energy
    assert np.ptp(total) > 0.5 * np.ptp(t.kinetic_energy)


def test_nve_starts_without_rigid_motion_and_keeps_it_out():
    protocol = Protocol("nve", production_ps=0.1, equilibration_ps=0.05)
    t = run(water_springs(), protocol)
    weight = masses(t.numbers)[None, :, None]
    scale = np.abs(weight * t.velocities).max()
    assert np.abs((weight * t.velocities).sum(axis=1)).max() < 1e-9 * scale
    centred = t.positions - (weight * t.positions).sum(axis=1, keepdims=True) / weight.sum()
    assert np.abs((weight * np.cross(centred, t.velocities)).sum(axis=1)).max() < 1e-9 * scale


def grid(n, spacing=8.0):
    return spacing * np.stack(np.meshgrid(*[np.arange(n)] * 3), axis=-1).reshape(-1, 3).astype(float)


def test_friction_is_per_fs():
    """Free atoms forget their velocity as exp(-friction t)."""
    sites = grid(5)
    protocol = dataclasses.replace(NVT, production_ps=0.1, friction_per_fs=0.02, frame_every_fs=25.0)
    t = run(Tethers(sites, 0.0), protocol, [6] * 125, sites, HERE)
    first = t.velocities[0]
    kept = np.einsum("fnk,nk->f", t.velocities, first) / np.sum(first**2)
    np.testing.assert_allclose(kept, np.exp(-0.02 * t.frame_time_fs), atol=4 / np.sqrt(375))
    assert kept[-1] < 0.4  # friction of 0.02 in ASE's own unit of time would leave 0.82


def test_a_start_without_potential_energy_warms_up_in_the_expected_time():
    """At rest in the minimum with velocities at 300 K, springs hold half the energy; the thermostat adds the rest."""
    sites = grid(5)
    protocol = Protocol("nvt", production_ps=0.4, equilibration_ps=0.0, friction_per_fs=0.01)
    t = run(Tethers(sites, 5.0), protocol, [6] * 125, sites, HERE)
    total = (t.potential_energy + t.kinetic_energy) / (3 * 125 * 8.617333262e-5)  # K: kT a degree of freedom
    expected = 300 - 150 * np.exp(-0.01 * t.log_time_fs)
    assert total[:5].mean() == pytest.approx(150, abs=25)
    at = (t.log_time_fs > 90) & (t.log_time_fs < 110)
    assert total[at].mean() == pytest.approx(expected[at].mean(), abs=35)
    assert total[t.log_time_fs > 300].mean() == pytest.approx(295, abs=35)


def test_langevin_heats_every_element_to_300_k():
    """ASE's default, `fixcm=True`, leaves oxygen at 173 K and hydrogen at 1080 K."""
    protocol = Protocol("nvt", 3.0, 0.1, timestep_fs=1.0, friction_per_fs=0.1, frame_every_fs=4.0, log_every_fs=4.0)
    t = run(water_springs(), protocol, seed=3)
    assert t.outcome.kind is OutcomeKind.COMPLETED, t.outcome
    assert t.degrees_of_freedom == 9
    # Velocities are correlated over 1/friction = 10 fs: about 200 independent draws.
    assert t.temperature.mean() == pytest.approx(300, abs=4 * 300 * np.sqrt(2 / 9 / 200))
    by_element = element_temperatures(WATER_NUMBERS, masses(WATER_NUMBERS), t.velocities)
    assert by_element[8] == pytest.approx(300, abs=4 * 300 * np.sqrt(2 / 3 / 200))
    assert by_element[1] == pytest.approx(300, abs=4 * 300 * np.sqrt(2 / 6 / 200))


# Degrees of freedom


@pytest.mark.parametrize(
    ("numbers", "positions", "nve"),
    [
        ([1], [[1.0, 2.0, 3.0]], 0),
        ([7, 7], [[0, 0, 0], [0, 0, 1.1]], 1),
        (WATER_NUMBERS, WATER, 3),
        (molecule("CH3CH2OH").numbers, molecule("CH3CH2OH").positions, 21),
        ([8, 6, 8], [[0, 0, -1.16], [0, 0, 0], [0, 0, 1.16]], 4),
    ],
    ids=["H", "N2", "H2O", "C2H6O", "CO2"],
)
def test_degrees_of_freedom(numbers, positions, nve):
    calculator = Tethers(positions, 5.0)
    assert run(calculator, NVE, numbers, positions, HERE).degrees_of_freedom == nve
    assert run(calculator, NVT, numbers, positions, HERE).degrees_of_freedom == 3 * len(numbers)


def test_a_single_atom_completes_with_an_undefined_temperature():
    t = run(Tethers(np.zeros((1, 3)), 0.0), Protocol("nve", 0.02, equilibration_ps=0.01), [1], np.zeros((1, 3)), HERE)
    assert t.outcome.kind is OutcomeKind.COMPLETED
    assert np.isnan(t.temperature).all()
    assert np.isfinite(t.velocities).all() and np.abs(t.velocities).max() < 1e-15
    assert np.isfinite(t.positions).all()


# Records


def test_logs_and_frames_are_evenly_spaced():
    protocol = Protocol("nve", 0.1, equilibration_ps=0.02, timestep_fs=0.5, log_every_fs=2.0, frame_every_fs=10.0)
    calculator = water_springs()
    t = run(calculator, protocol)
    np.testing.assert_allclose(t.log_time_fs, np.arange(0, 100.1, 2.0))
    np.testing.assert_allclose(t.frame_time_fs, np.arange(0, 100.1, 10.0))
    assert t.positions.shape == t.velocities.shape == (11, 3, 3)
    assert t.n_steps == 240
    assert calculator.calls == 241
    assert t.outcome.time_ps == pytest.approx(0.1) and t.outcome.phase == "production"
    assert all(np.abs(a - b).max() > 1e-4 for a, b in pairwise(t.positions))


def test_spacing_below_the_time_step_logs_every_step():
    t = run(water_springs(), dataclasses.replace(NVE, timestep_fs=1.0, log_every_fs=0.1, frame_every_fs=0.1))
    np.testing.assert_allclose(t.log_time_fs, np.arange(51))
    np.testing.assert_allclose(t.frame_time_fs, np.arange(51))


@pytest.mark.parametrize("name", ["nve", "nvt"])
def test_the_same_seed_gives_the_same_run_bit_for_bit(name):
    protocol = Protocol(name, 0.03, equilibration_ps=0.02, frame_every_fs=5.0)

    def once(calculator, **options):
        t = run(calculator, protocol, **{"seed": 4, "replica": 1, **options})
        return np.concatenate([t.positions.ravel(), t.velocities.ravel(), scalars(t).ravel()])

    used = water_springs()
    first = once(used)
    np.testing.assert_array_equal(first, once(used))
    np.testing.assert_array_equal(first, once(water_springs()))
    assert not np.array_equal(first, once(used, seed=5))
    assert not np.array_equal(first, once(used, replica=0))


def test_the_caller_s_arrays_are_left_alone():
    positions = WATER.copy()
    run(water_springs(), NVT, positions=positions)
    np.testing.assert_array_equal(positions, WATER)


def test_a_calculator_is_told_of_the_run():
    told = []
    calculator = water_springs()
    calculator.forget = lambda: told.append("forget")
    calculator.prepare = lambda atoms: told.append(("prepare", len(atoms)))
    run(calculator, NVE)
    assert told == ["forget", ("prepare", 3)]


# Failures


def raising(error):
    def fault(energy, forces):
        raise error

    return fault


def nan_force(energy, forces):
    forces[1, 2] = np.nan
    return energy, forces


def test_nan_force_ends_the_run_at_its_step():
    t = run(water_springs(fail_at=6, fault=nan_force), NVE)
    assert t.outcome.kind is OutcomeKind.NON_FINITE
    assert t.outcome.atoms == (1,) and "forces of H1" in t.outcome.cause
    assert t.outcome.time_ps == pytest.approx(5 * 0.5 / 1000)
    assert t.outcome.phase == "production"
    assert t.n_steps == 5
    assert t.log_time_fs[-1] == t.frame_time_fs[-1] == 2.5
    assert np.isfinite(t.potential_energy).all()


def test_nan_energy_ends_the_run():
    t = run(water_springs(fail_at=3, fault=lambda e, f: (np.nan, f)), NVE)
    assert t.outcome.kind is OutcomeKind.NON_FINITE and t.outcome.cause.startswith("energy became")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("SCF did not converge"), OutcomeKind.CALCULATOR_ERROR),
        (ValueError("no such element"), OutcomeKind.CALCULATOR_ERROR),
        (MemoryError("16 GB"), OutcomeKind.OUT_OF_MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), OutcomeKind.OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), OutcomeKind.OUT_OF_MEMORY),
        (OSError(12, "Cannot allocate memory"), OutcomeKind.OUT_OF_MEMORY),
    ],
    ids=lambda v: getattr(v, "value", type(v).__name__),
)
def test_an_exception_is_the_outcome_of_the_run(error, kind):
    t = run(water_springs(fail_at=6, fault=raising(error)), NVE)
    assert t.outcome.kind is kind
    assert t.outcome.cause == f"{type(error).__name__}: {error}"
    assert t.outcome.time_ps == pytest.approx(2.5e-3)
    assert t.n_steps == 4
    assert not t.outcome.kind.physical
    assert t.log_time_fs.tolist() == [0.0, 1.0, 2.0]


def test_interrupts_are_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        run(water_springs(fail_at=6, fault=raising(KeyboardInterrupt())), NVE)


@pytest.mark.parametrize("fault", [nan_force, raising(RuntimeError("no"))], ids=["nan", "error"])
def test_a_failure_in_equilibration_says_so(fault):
    protocol = Protocol("nve", 0.02, equilibration_ps=0.02)
    t = run(water_springs(fail_at=11, fault=fault), protocol)
    assert t.outcome.phase == "equilibration"
    assert t.outcome.time_ps == pytest.approx(10 * 0.5 / 1000)
    assert t.positions.shape == (0, 3, 3) and t.log_time_fs.shape == (0,)
    late = run(water_springs(fail_at=51, fault=fault), protocol)
    assert late.outcome.phase == "production" and late.outcome.time_ps == pytest.approx(10 * 0.5 / 1000)


@pytest.mark.parametrize("method", ["forget", "prepare"])
def test_a_failure_before_the_first_step_is_an_outcome(method):
    calculator = water_springs()
    setattr(calculator, method, lambda *a: (_ for _ in ()).throw(RuntimeError("cannot trace")))
    t = run(calculator, NVE)
    assert (t.outcome.kind, t.outcome.phase) == (OutcomeKind.CALCULATOR_ERROR, "equilibration")
    assert "cannot trace" in t.outcome.cause and t.n_steps == 0


@pytest.mark.parametrize("protocol", [NVE, NVT], ids=["nve", "nvt"])
def test_negated_forces_tear_the_molecule_apart(protocol):
    t = run(water_springs(factor=-1.0), protocol)
    assert t.outcome.kind in {OutcomeKind.EXPLODED, OutcomeKind.BOND_BROKEN, OutcomeKind.BOND_FORMED}
    assert t.outcome.kind.unstable
    assert t.outcome.time_ps < 0.05


def test_a_molecule_whose_springs_are_longer_than_its_bonds_breaks():
    calculator = diatomic_springs(20.0, 3.5)
    t = run(calculator, NVE, [6, 6], [[0, 0, 0], [0, 0, 1.5]], np.array([[0, 1]]), limits=Limits(temperature_k=1e6))
    assert t.outcome.kind is OutcomeKind.BOND_BROKEN and t.outcome.atoms == (0, 1)
    assert t.frame_time_fs[-1] >= 1000 * t.outcome.time_ps


# Presets


@pytest.mark.parametrize(
    ("name", "replicas", "lengths_ps"),
    [
        ("quick", 1, {"nve": 1, "nvt": 1}),
        ("standard", 3, {"nve": 10, "nvt": 10, "heat": 12}),
        ("full", 5, {"nve": 100, "nvt": 100, "heat": 60}),
    ],
)
def test_presets(name, replicas, lengths_ps):
    preset = get_preset(name)
    assert preset.replicas == replicas and set(PRESETS) == {"quick", "standard", "full"}
    assert {p.name: p.production_ps for p in preset.protocols} == lengths_ps
    for protocol in preset.protocols:
        assert protocol.production_steps == lengths_ps[protocol.name] * 2000 and protocol.equilibration_steps == 1000
        assert protocol.end_temperature_k == (1500.0 if protocol.name == "heat" else 300.0)
        assert (protocol.timestep_fs, protocol.temperature_k, protocol.friction_per_fs) == (0.5, 300.0, 0.01)


def test_unknown_preset():
    with pytest.raises(UnknownNameError, match="Did you mean 'quick'"):
        get_preset("quik")


def test_an_unknown_protocol_is_refused_and_not_run_as_another():
    with pytest.raises(UnknownNameError, match=r"protocol: got 'nev'; allowed: heat, nve, nvt"):
        Protocol("nev", 1.0)
