"""Protocols, presets and their files: what is refused, and what the protocols do in both engines."""

import dataclasses

import numpy as np
import pytest
from dynamics_samples import WATER, Tethers, run, water_springs
from lockstep_samples import Looped, Tethered, assert_same, nan_force, raising, water, with_ase

from compcalc.dynamics.limits import Limits
from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.preset_file import load_preset
from compcalc.dynamics.protocols import PRESETS, Preset, Protocol, get_preset
from compcalc.dynamics.start import Start
from compcalc.errors import DataError, InputError, UnknownNameError
from compcalc.metrics.dynamics import run_row
from compcalc.metrics.step_control import step_control
from compcalc.records import Molecule, OutcomeKind

NVE = Protocol("nve", production_ps=0.1, equilibration_ps=0.02, control_ps=0.05)
HEAT = Protocol("heat", production_ps=0.06, equilibration_ps=0.02)
HELD = Limits(broken=99.0, torn=99.0, formed=0.0)


# What is refused


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("timestep_fs", 1e-15, "0.01 to 10 fs"),
        ("timestep_fs", 0.0005, "0.01 to 10 fs"),
        ("timestep_fs", 50, "0.01 to 10 fs"),
        ("timestep_fs", "half", "0.01 to 10 fs"),
        ("timestep_fs", True, "0.01 to 10 fs"),
        ("timestep_fs", None, "0.01 to 10 fs"),
        ("friction_per_fs", 10, "0 to 1 1/fs"),
        ("temperature_k", -5, "0 to 5000 K"),
        ("temperature_k", float("nan"), "0 to 5000 K"),
        ("production_ps", 0, "0.0001 to 1e+06 ps"),
        ("log_every_fs", 0, "0.01 to 100000 fs"),
    ],
)
def test_implausible_values_name_key_value_range_and_remedy(key, value, allowed):
    with pytest.raises(InputError) as refused:
        Protocol(**{"name": "nvt", "production_ps": 1.0, key: value})
    text = str(refused.value)
    assert text.startswith(f"{key}: got {value!r}; allowed: a number from {allowed}.") and "Give it in" in text


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"name": "nvt", "final_temperature_k": 600.0}, "final_temperature_k: got 600.0; allowed: nothing for nvt"),
        ({"name": "heat", "friction_per_fs": 0.0}, "friction_per_fs: got 0.0; allowed: more than 0 for heat"),
        ({"name": "nvt", "control_ps": 0.1}, "control_ps: got 0.1"),
        ({"name": "nve", "control_ps": 2.0}, "control_ps: got 2.0; allowed: 0 to production_ps, 1, of kind nve"),
        ({"name": "hot/1", "kind": "nvt"}, "name: got 'hot/1'"),
        ({"name": "hot", "kind": "npt"}, "kind: got 'npt'; allowed: heat, nve, nvt"),
    ],
)
def test_what_does_not_fit_the_kind_is_refused(options, match):
    with pytest.raises(InputError, match=match):
        Protocol(production_ps=1.0, **options)


def test_presets_need_protocols_with_names_of_their_own():
    protocol = Protocol("nvt", 1.0)
    for protocols in ((), (protocol, protocol)):
        with pytest.raises(InputError, match="each with its own name"):
            Preset("mine", protocols, 1)
    for replicas in (0, 1.5, True):
        with pytest.raises(InputError, match="replicas"):
            Preset("mine", (protocol,), replicas)
    assert all(preset.protocols[0].control_ps for preset in PRESETS.values())


# Files

OWN = """
replicas: 2
protocols:
  - kind: nve
    production_ps: 5
    control_ps: 2e-1
  - {name: hot, kind: nvt, production_ps: 5, temperature_k: 500}
  - {kind: heat, production_ps: 12, final_temperature_k: 1200}
"""


def written(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_an_own_preset(tmp_path):
    preset = load_preset(written(tmp_path, OWN))
    assert (preset.name, preset.replicas) == ("mine", 2)
    assert [(p.name, p.ensemble, p.temperature_k, p.end_temperature_k) for p in preset.protocols] == [
        ("nve", "nve", 300.0, 300.0),
        ("hot", "nvt", 500, 500),
        ("heat", "heat", 300.0, 1200),
    ]
    assert preset.protocols[0].control_ps == 0.2
    assert get_preset(str(tmp_path / "mine.yaml")) == preset
    assert load_preset(written(tmp_path, "name: other" + OWN)).name == "other"


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("replicas: 2", "replica: 2", r"mine.yaml: key: got 'replica'; .*Did you mean 'replicas'"),
        ("control_ps", "contol_ps", r"protocol 1: key: got 'contol_ps'; .*Did you mean 'control_ps'"),
        ("temperature_k: 500", "temperature_k: -5", r"protocol 2: temperature_k: got -5; allowed: a number from 0 to"),
        ("production_ps: 12", "timestep_fs: 1e-15", r"protocol 3: got .*kind and production_ps"),
        ("production_ps: 12", "production_ps: 12 ps", r"protocol 3: production_ps: got '12 ps'.*picoseconds"),
        ("{kind: heat,", "{name: hot, kind: heat,", r"protocols: got .'nve', 'hot', 'hot'."),
        ("kind: nvt", "kind: npt", r"protocol 2: kind: got 'npt'; allowed: heat, nve, nvt"),
        ("replicas: 2", "replicas: 2.5", r"replicas: got 2.5; allowed: a whole number"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path, old, new, match):
    assert OWN.count(old) == 1
    with pytest.raises(InputError, match=match):
        load_preset(written(tmp_path, OWN.replace(old, new)))


@pytest.mark.parametrize("text", ["", "- nve", "protocols: nve", "protocols: []", "protocols: [nve]", "replicas: 1"])
def test_a_file_of_another_form(tmp_path, text):
    with pytest.raises(InputError, match="mine.yaml"):
        load_preset(written(tmp_path, text))


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(DataError, match="absent.yaml"):
        load_preset(tmp_path / "absent.yaml")
    for text in ("protocols: [", "!!python/object/apply:os.getcwd []"):
        with pytest.raises(DataError, match="no YAML"):
            load_preset(written(tmp_path, text))
    with pytest.raises(UnknownNameError, match="ends in .yaml"):
        get_preset("mine")


# Heating


def test_the_thermostat_rises_linearly_to_its_end():
    protocol = Protocol("ramp", 1.0, kind="heat", temperature_k=200.0, final_temperature_k=1000.0)
    np.testing.assert_allclose(protocol.thermostat_k(np.array([0, 500, 2000])), [200.0, 400.0, 1000.0])
    assert Protocol("heat", 1.0).end_temperature_k == 1500.0


def test_heat_follows_the_thermostat():
    """64 tethered waters at a friction that follows at once: 300 K at the start, 1500 K at the end, 900 K between."""
    protocol = Protocol("heat", 0.6, 0.1, timestep_fs=1.0, friction_per_fs=0.2, log_every_fs=2.0, frame_every_fs=100.0)
    starts = [water(replica) for replica in range(64)]
    trajectories = run_lockstep(starts, Tethered(5.0), protocol, limits=HELD)
    assert {t.outcome.kind for t in trajectories} == {OutcomeKind.COMPLETED}
    time = trajectories[0].log_time_fs
    mean = np.mean([t.temperature for t in trajectories], axis=0)
    slope, offset = np.polyfit(time, mean, 1)
    assert offset == pytest.approx(300, abs=40)
    assert offset + slope * 600 == pytest.approx(1500, abs=60)
    middle = (time > 250) & (time < 350)
    assert mean[middle].mean() == pytest.approx(900, abs=60)


@pytest.mark.parametrize("final_k", [None, 100.0])
def test_both_engines_heat_alike(final_k):
    protocol = dataclasses.replace(HEAT, final_temperature_k=final_k)
    limits = Limits(heating_k=1e9, temperature_k=1e9)
    (got,) = run_lockstep([water()], Looped(lambda z: water_springs()), protocol, limits=limits, seed=2)
    assert_same(got, with_ase(water(), water_springs(), protocol, limits=limits, seed=2), 1e-8)
    assert got.protocol == "heat" and got.degrees_of_freedom == 9
    other = with_ase(water(), water_springs(), dataclasses.replace(HEAT, kind="nvt"), limits=limits, seed=2)
    np.testing.assert_allclose(got.velocities[0], other.velocities[0], atol=1e-9)
    assert np.abs(got.velocities[-1] - other.velocities[-1]).max() > 1e-4


def test_a_single_hot_atom_is_no_explosion():
    """Its kinetic temperature passes 5000 K by chance while the thermostat goes to 1500 K."""
    protocol = Protocol("heat", 2.0, 0.0, timestep_fs=2.0, friction_per_fs=0.5, temperature_k=1500.0)
    starts = [Start(Molecule("H", ""), np.array([1]), np.zeros((1, 3)), np.empty((0, 2), int), r) for r in range(40)]
    trajectories = run_lockstep(starts, Tethered(0.5), protocol)
    assert {t.outcome.kind for t in trajectories} == {OutcomeKind.COMPLETED}
    assert max(t.temperature.max() for t in trajectories) > 5000


# A protocol under a name of its own


def test_the_kind_decides_and_the_name_seeds():
    protocol = Protocol("cold", 0.02, 0.0, kind="nve")
    t = run(water_springs(), protocol)
    assert (t.protocol, t.kind, t.ensemble, t.degrees_of_freedom) == ("cold", "nve", "nve", 3)
    assert run_row(t, 0.02, None)["drift_mev_per_atom_per_ps"] is not None
    (same,) = run_lockstep(
        [dataclasses.replace(water(), molecule=t.molecule)], Looped(lambda z: water_springs()), protocol
    )
    assert_same(same, t, 1e-9)
    assert same.kind == t.kind
    other = run(water_springs(), dataclasses.replace(protocol, name="nve", kind=None))
    assert not np.allclose(t.velocities[0], other.velocities[0])


# The control


def controlled(t):
    energy = t.potential_energy + t.kinetic_energy
    return step_control(t.log_time_fs, energy, t.control_time_fs, t.control_energy, len(t.numbers))


def test_the_control_repeats_the_first_part_at_half_of_the_step():
    t = run(water_springs(), NVE, seed=1)
    assert t.outcome.kind is OutcomeKind.COMPLETED
    np.testing.assert_allclose(t.control_time_fs, t.log_time_fs[:51])
    total = t.potential_energy + t.kinetic_energy
    assert t.control_energy[0] == pytest.approx(total[0], rel=1e-12)
    assert t.n_steps == 40 + 200 + 200
    half = dataclasses.replace(NVE, production_ps=0.05, timestep_fs=0.25, equilibration_ps=0.0, control_ps=0.0)
    assert half.production_steps == NVE.control.production_steps == 200
    control = controlled(t)
    assert control.ratio == pytest.approx(4, rel=0.15) and "integrator's" in control.verdict
    (other,) = run_lockstep([water()], Looped(lambda z: water_springs()), NVE, seed=1)
    np.testing.assert_allclose(other.log_time_fs, t.log_time_fs)
    assert controlled(other).ratio == pytest.approx(4, rel=0.15)


def test_both_engines_control_alike_and_neighbours_make_no_difference():
    starts = [water(0), water(1)]
    trajectories = run_lockstep(starts, Looped(lambda z: water_springs()), NVE)
    for begin, got in zip(starts, trajectories, strict=True):
        assert_same(got, with_ase(begin, water_springs(), NVE), 1e-8)
        assert len(got.control_energy) == 51


def test_noise_of_the_potential_does_not_fall():
    rng = np.random.default_rng(1)
    calculator = water_springs(fail_at=1, fault=lambda e, f: (e + 0.01 * rng.standard_normal(), f))
    control = controlled(run(calculator, NVE))
    assert control.ratio == pytest.approx(1, abs=0.3) and "the potential's" in control.verdict


@pytest.mark.parametrize("fault", [nan_force, raising(RuntimeError("no"))], ids=["nan", "error"])
def test_a_control_that_fails_ends_there_and_the_run_has_completed(fault):
    """40 + 200 steps, each phase with its first evaluation shared; the control fails at its step 60."""
    options = {"fail_at": 241 + 1 + 60, "fault": fault}
    t = run(water_springs(**options), NVE)
    assert t.outcome.kind is OutcomeKind.COMPLETED
    assert 0 < len(t.control_energy) < 51 and np.isfinite(t.control_energy).all()
    begin = dataclasses.replace(water(), molecule=t.molecule)
    (other,) = run_lockstep([begin], Looped(lambda z: water_springs(**options)), NVE)
    assert_same(other, t, 1e-8)


def test_runs_that_did_not_complete_have_no_control():
    t = run(water_springs(fail_at=100, fault=nan_force), NVE)
    assert t.outcome.kind is OutcomeKind.NON_FINITE and t.control_energy.shape == (0,)
    assert run(Tethers(WATER, 5.0), dataclasses.replace(NVE, control_ps=0.0)).control_energy.shape == (0,)
