"""Runs that are killed and go on: equal to undisturbed ones bit for bit, and never from a file that is not theirs."""

import dataclasses

import numpy as np
import pytest
from dynamics_samples import WATER, diatomic_springs, water_springs
from energy_samples import Morse
from lockstep_samples import Looped, assert_same, raising, start, water, with_ase

from compcalc.dynamics.checkpoint import Checkpoint, identity
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.pulse import Pulse
from compcalc.dynamics.start import Start
from compcalc.records import BatchResult, Molecule, OutcomeKind

NVE = Protocol("nve", 0.02, 0.01, frame_every_fs=3.0, control_ps=0.01, velocity_ps=0.015, velocity_every_fs=1.0)
NVT = Protocol("nvt", 0.02, 0.01, frame_every_fs=3.0)
HEAT = Protocol("heat", 0.02, 0.01, frame_every_fs=3.0)
NITROGEN = Start(Molecule("nitrogen", ""), np.array([7, 7]), np.array([[0, 0, 0], [0, 0, 1.4]]), np.array([[0, 1]]))
KILLED = pytest.mark.parametrize(
    ("protocol", "call"),
    [(NVE, call) for call in (1, 2, 21, 22, 40, 61, 62, 75)]
    + [(NVT, call) for call in (1, 15, 21, 22, 61)]
    + [(HEAT, call) for call in (15, 40)],
    ids=lambda value: getattr(value, "name", value),
)
"""Calls of the potential: 21 in equilibration, 40 more in production, the rest in the control of `nve`."""


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch):
    """Every step is saved here; the disk need not have it."""
    monkeypatch.setattr("compcalc.dynamics.checkpoint.os.fsync", lambda file: None)


def killing(call):
    return {} if call is None else {"fail_at": call, "fault": raising(KeyboardInterrupt())}


def one(path, protocol, call=None, every_s=0.0, **options):
    checkpoint = {"checkpoint": path, "checkpoint_every_s": every_s}
    return with_ase(water(), water_springs(**killing(call)), protocol, **checkpoint, **options)


def group(path, protocol, call=None, every_s=0.0, bad=None, **options):
    """Nitrogen, water and nitrogen; `call` kills at water's call, `bad` ends water's run."""
    of_water = bad or killing(call)
    potential = Looped(
        lambda z: (
            water_springs(**of_water) if len(z) == 3 else diatomic_springs(10.0, 1.4, **(killing(call) if bad else {}))
        )
    )
    checkpoint = {"checkpoint": path, "checkpoint_every_s": every_s}
    starts = [NITROGEN, water(), dataclasses.replace(NITROGEN, replica=1)]
    return run_lockstep(starts, potential, protocol, **checkpoint, **options)


# Equal to an undisturbed run


@KILLED
def test_a_killed_run_of_the_ase_engine_goes_on_as_if_nothing_had_been(tmp_path, protocol, call):
    path = tmp_path / "run.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        one(path, protocol, call)
    assert path.exists() == (call > 1)
    assert_same(one(path, protocol), one(None, protocol))
    assert list(tmp_path.iterdir()) == []


@KILLED
def test_a_killed_group_goes_on_as_if_nothing_had_been(tmp_path, protocol, call):
    path = tmp_path / "group.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        group(path, protocol, call)
    assert path.exists() == (call > 1)
    for got, expected in zip(group(path, protocol), group(None, protocol), strict=True):
        assert_same(got, expected)
        assert len(np.unique(got.frame_time_fs)) == len(got.frame_time_fs)
        assert np.array_equal(got.dense_time_fs, np.arange(16.0) if protocol is NVE else [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", [15, 50])
@pytest.mark.parametrize("protocol", [NVE, NVT, HEAT], ids=["nve", "nvt", "heat"])
def test_only_what_was_left_is_computed(tmp_path, protocol, call):
    """61 evaluations, and 41 of the control of `nve`; a restart may ask once more for where it stands."""
    path, left = tmp_path / "run", 61 + 40 * (protocol is NVE) - (call - 1)
    with pytest.raises(KeyboardInterrupt):
        one(path, protocol, call)
    calculator = water_springs()
    with_ase(water(), calculator, protocol, checkpoint=path)
    assert left <= calculator.calls <= left + 2
    with pytest.raises(KeyboardInterrupt):
        group(path, protocol, call)
    potential = Looped(lambda z: water_springs() if len(z) == 3 else diatomic_springs(10.0, 1.4))
    run_lockstep([NITROGEN, water(), dataclasses.replace(NITROGEN, replica=1)], potential, protocol, checkpoint=path)
    assert left <= len(potential.sizes) <= left + 2


@pytest.mark.parametrize("protocol", [dataclasses.replace(NVE, control_ps=0.0), NVT], ids=["nve", "nvt"])
def test_a_run_that_is_killed_again_and_again_ends(tmp_path, protocol):
    path = tmp_path / "run.checkpoint"
    for _ in range(30):
        try:
            got = one(path, protocol, call=9)
            break
        except KeyboardInterrupt:
            pass
    else:
        pytest.fail("the run does not get on")
    assert_same(got, one(None, protocol))


@pytest.mark.parametrize("call", [61, 90])
@pytest.mark.parametrize("protocol", [NVE, NVT], ids=["nve", "nvt"])
def test_molecules_that_ended_before_stay_ended(tmp_path, protocol, call):
    """Water's run ends in equilibration, and in production; then one of the two others kills the group."""
    path = tmp_path / "group.checkpoint"
    for fail_at in (8, 30):
        bad = {"fail_at": fail_at, "fault": lambda e, f: (np.nan, f)}
        with pytest.raises(KeyboardInterrupt):
            group(path, protocol, call, bad=bad)
        resumed = group(path, protocol, bad=bad)
        for got, expected in zip(resumed, group(None, protocol, bad=bad), strict=True):
            assert_same(got, expected)
        assert resumed[1].outcome.kind is OutcomeKind.NON_FINITE


def test_a_bond_that_was_stretching_breaks_at_the_same_time(tmp_path):
    """The guard remembers since when, and the event frames reach back past the kill."""
    limits = Limits(temperature_k=1e6, torn=9.0)
    protocol = Protocol("nve", 0.1, 0.0)
    carbon = Start(Molecule("C2", ""), np.array([6, 6]), np.array([[0, 0, 0], [0, 0, 1.5]]), np.array([[0, 1]]))
    expected = with_ase(carbon, diatomic_springs(6.0, 3.3), protocol, limits=limits)
    assert expected.outcome.kind is OutcomeKind.BOND_BROKEN
    steps = round(2 * expected.event_time_fs[-1]) - 6
    path = tmp_path / "c2"
    for engine in (
        lambda calculator, checkpoint: with_ase(
            carbon, calculator, protocol, limits=limits, checkpoint=checkpoint, checkpoint_every_s=0.0
        ),
        lambda calculator, checkpoint: run_lockstep(
            [carbon],
            Looped(lambda z: calculator),
            protocol,
            limits=limits,
            checkpoint=checkpoint,
            checkpoint_every_s=0.0,
        )[0],
    ):
        undisturbed = engine(diatomic_springs(6.0, 3.3), None)
        with pytest.raises(KeyboardInterrupt):
            engine(diatomic_springs(6.0, 3.3, **killing(steps)), path)
        assert_same(engine(diatomic_springs(6.0, 3.3), path), undisturbed)


def test_the_potential_is_prepared_as_it_was(tmp_path):
    """One that springs back to where it was prepared would feel another geometry."""
    geometries = []

    class Tied:
        def __init__(self, call=None):
            self.call, self.calls = call, 0

        def prepare_batch(self, batch):
            geometries.append(batch.positions.copy())
            self.sites = batch.positions.copy()

        def evaluate_batch(self, batch):
            self.calls += 1
            if self.calls == self.call:
                raise KeyboardInterrupt
            away = batch.positions - self.sites
            return BatchResult(np.add.reduceat(0.5 * (away**2).sum(axis=1), batch.offsets[:-1]), -away)

    path, starts = tmp_path / "tied", [water(0), water(1)]
    expected = run_lockstep(starts, Tied(), NVT)
    with pytest.raises(KeyboardInterrupt):
        run_lockstep(starts, Tied(40), NVT, checkpoint=path, checkpoint_every_s=0.0)
    got = run_lockstep(starts, Tied(), NVT, checkpoint=path, checkpoint_every_s=0.0)
    for one_got, one_expected in zip(got, expected, strict=True):
        assert_same(one_got, one_expected)
    np.testing.assert_array_equal(geometries[-1], geometries[0])


# Files that must not be trusted


def killed(path, protocol=NVT, **options):
    with pytest.raises(KeyboardInterrupt):
        one(path, protocol, 40, **options)
    return path.read_bytes()


def test_a_damaged_checkpoint_is_found_and_the_run_begins_again(tmp_path):
    path = tmp_path / "run"
    whole, expected = killed(path), one(None, NVT)
    damaged = [b"", whole[:20], whole[:-1], whole + b"0"]
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 12):
        changed = bytearray(whole)
        changed[place] ^= 1
        damaged.append(bytes(changed))
    for place, content in enumerate(damaged):
        path.write_bytes(content)
        assert Checkpoint(path, "anyone").read() is None and not path.exists()
        if place in (0, 2, 5):
            path.write_bytes(content)
            assert_same(one(path, NVT), expected)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"limits": Limits(patience_fs=12.0)},
        {"protocol": dataclasses.replace(NVT, production_ps=0.019)},
        {"protocol": dataclasses.replace(NVT, temperature_k=310.0)},
        {"begin": dataclasses.replace(water(), positions=WATER + 1e-9)},
        {"begin": dataclasses.replace(water(), replica=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_checkpoint_of_another_run_is_not_used(tmp_path, change):
    path = tmp_path / "run"
    content = killed(path)
    change = dict(change)
    begin, protocol = change.pop("begin", water()), change.pop("protocol", NVT)
    expected = with_ase(begin, water_springs(), protocol, **change)
    assert_same(with_ase(begin, water_springs(), protocol, checkpoint=path, **change), expected)
    path.write_bytes(content)
    (expected,) = run_lockstep([water()], Looped(lambda z: water_springs()), NVT)
    (got,) = run_lockstep([water()], Looped(lambda z: water_springs()), NVT, checkpoint=path)
    assert_same(got, expected)


def test_what_is_written_is_read(tmp_path):
    rng = np.random.default_rng(3)
    state = {
        "array": rng.normal(size=(2, 3)), "bool": np.array([True, False]), "empty": np.empty((0, 3)),
        "list": [1, 2.5, None, "x", (np.arange(3), np.nan)], "rng": rng.bit_generator.state, "scalar": np.float64(0.1),
    }  # fmt: skip
    file = Checkpoint(tmp_path / "deep" / "file", "me")
    file.write(state)
    got = file.read()
    for name in ("array", "bool", "empty"):
        np.testing.assert_array_equal(got[name], state[name], strict=True)
    assert got["list"][:4] == state["list"][:4] and isinstance(got["list"][4], tuple)
    assert np.isnan(got["list"][4][1]) and got["rng"] == state["rng"] and got["scalar"] == 0.1
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]
    assert Checkpoint(tmp_path / "deep" / "file", "you").read() is None
    assert file.read() is None  # what is another's is removed


def test_identities_differ_by_what_is_run():
    arrays = [np.arange(3), np.zeros((3, 3))]
    mine = identity("ase", NVE, Limits(), 0, arrays, ["a"])
    assert mine == identity("ase", NVE, Limits(), 0, [a.copy() for a in arrays], ["a"])
    others = [
        ("lockstep", NVE, Limits(), 0, arrays, ["a"]), ("ase", NVT, Limits(), 0, arrays, ["a"]),
        ("ase", NVE, Limits(broken=1.6), 0, arrays, ["a"]), ("ase", NVE, Limits(), 1, arrays, ["a"]),
        ("ase", NVE, Limits(), 0, [arrays[0], arrays[1].reshape(9, 1)], ["a"]),
        ("ase", NVE, Limits(), 0, arrays, ["b"]),
    ]  # fmt: skip
    assert len({mine, *(identity(*other) for other in others)}) == len(others) + 1


# By the clock


def test_checkpoints_are_written_as_often_as_asked(tmp_path, monkeypatch):
    clock = iter(np.arange(0, 1e6, 0.1))
    monkeypatch.setattr("compcalc.dynamics.pulse.time.monotonic", lambda: next(clock))
    written = []
    monkeypatch.setattr(Checkpoint, "write", lambda self, state: written.append(state))
    one(tmp_path / "run", NVT, every_s=2.0)
    steps = NVT.equilibration_steps + NVT.production_steps
    assert len(written) == pytest.approx(steps * 0.1 / 2.0, abs=1)


def test_a_disk_that_is_full_does_not_cost_the_run(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    with pytest.warns(UserWarning, match="goes on without"):
        got = one(blocked / "run", NVT)
    assert_same(got, one(None, NVT))


@pytest.mark.parametrize("engine", [one, group])
@pytest.mark.parametrize("protocol", [NVE, NVT], ids=["nve", "nvt"])
def test_progress_is_told_twice_a_second_and_at_the_end(engine, protocol, monkeypatch):
    clock = iter(np.arange(0, 1e6, 0.1))
    monkeypatch.setattr("compcalc.dynamics.pulse.time.monotonic", lambda: next(clock))
    told = []
    engine(None, protocol, on_progress=told.append)
    steps = Pulse(protocol, None, None, 1.0)._total
    assert told[-1] == 1.0 and told == sorted(told) and told[0] == pytest.approx(5 / steps, abs=2 / steps)
    assert len(told) == pytest.approx(steps / 5, abs=2)


def test_a_smooth_potential_of_another_kind_goes_on_too(tmp_path):
    path = tmp_path / "morse"
    expected = with_ase(start("H2O"), Morse(), NVT)
    calls = iter(range(10**6))

    class Killed(Morse):
        def calculate(self, *args, **kwargs):
            if next(calls) == 45:
                raise KeyboardInterrupt
            super().calculate(*args, **kwargs)

    with pytest.raises(KeyboardInterrupt):
        with_ase(start("H2O"), Killed(), NVT, checkpoint=path, checkpoint_every_s=0.0)
    assert_same(with_ase(start("H2O"), Morse(), NVT, checkpoint=path), expected)
