"""What a run will cost: the parts against closed forms, the counts and sizes against a run itself."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from test_pipeline_lockstep import laid_out
from test_pipeline_run import settings

from compcalc.dynamics.protocols import PRESETS, Preset, Protocol
from compcalc.errors import InputError
from compcalc.execution import Here, ResultStore
from compcalc.pipeline import run
from compcalc.pipeline.calibration import Calibration, Measured, _computed, _samples, atoms_of, kind_of
from compcalc.pipeline.directory import entered_runs
from compcalc.pipeline.disk import export_bytes, result_bytes
from compcalc.pipeline.planning import open_tasks, plan, predicted
from compcalc.pipeline.scaling import SizeLaw, smallest_middle_largest
from compcalc.pipeline.schedule import list_schedule
from compcalc.pipeline.settings import RunSettings
from compcalc.pipeline.timing import Timing, Took, shortened, time_frames, time_steps, total_steps


@pytest.mark.parametrize("exponent", [0.3, 1.0, 2.0, 3.0])
def test_a_power_law_is_found_again_between_and_beyond_the_sizes(exponent):
    law = SizeLaw({n: 1e-4 * n**exponent for n in (8, 20, 41)})
    for atoms in (4, 8, 13, 30, 41, 90):
        assert law(atoms) == pytest.approx(1e-4 * atoms**exponent, rel=1e-9)


def test_a_constant_part_is_followed_better_than_by_one_power_law():
    truth = lambda n: 2.0 + 0.01 * n**2  # noqa: E731
    law = SizeLaw({n: truth(n) for n in (8, 20, 41)})
    assert [law(n) for n in (8, 20, 41)] == pytest.approx([truth(n) for n in (8, 20, 41)])
    assert law(30) == pytest.approx(truth(30), rel=0.1)


def test_a_single_size_is_scaled_in_proportion_and_a_faster_larger_one_counts_as_just_as_slow():
    assert SizeLaw({10: 3.0})(25) == pytest.approx(7.5)
    law = SizeLaw({10: 3.0, 20: 2.0})
    assert law(15) == law(20) == pytest.approx(3.0)
    times = [law(n) for n in range(1, 60)]
    assert all(a <= b for a, b in itertools.pairwise(times))


def test_sizes_to_measure_at():
    assert smallest_middle_largest([41, 8, 8, 20, 17, 38]) == [8, 17, 41]
    assert smallest_middle_largest([5, 5]) == [5]


def test_list_scheduling_against_closed_forms():
    assert list_schedule([], 3) == 0
    assert list_schedule([1.0] * 10, 1) == 10
    assert list_schedule([1.0] * 10, 4) == 3
    # The textbook case in which largest first needs 7 where 6 would do.
    assert list_schedule([3, 3, 2, 2, 2], 2) == 7
    assert list_schedule([1, 1, 1, 9], 2) == 10, "a long one at the end"
    # Another worker is up at 5, when the first has done five of eight.
    assert list_schedule([1.0] * 8, 2, start_up_s=5.0) == 7
    assert list_schedule([1.0, 2.0], 2, start_up_s=5.0) == 7, "begun in turn, by a worker that is starting"
    rng = np.random.default_rng(0)
    times = rng.uniform(0.5, 2.0, 40)
    for workers in (2, 3, 7):
        ends, bound = list_schedule(times, workers), sum(times) / workers
        assert bound <= ends <= bound + max(times)


def test_a_shortened_protocol_keeps_the_shares_of_its_phases():
    protocol = Protocol("nvt", 1.0)
    assert total_steps(protocol) == 3000
    short = shortened(protocol, 30)
    assert (short.equilibration_steps, short.production_steps) == (10, 20)
    assert (short.name, short.timestep_fs) == (protocol.name, protocol.timestep_fs)


class Machine:
    """Stands for the module `time`, and for work that takes 60 ms at first, then 1 ms each, a third of it computing."""

    def __init__(self):
        self.now, self.cpu, self.warm, self.n_steps, self.sizes = 0.0, 0.0, False, 0, []

    def perf_counter(self):
        return self.now

    def process_time(self):
        return self.cpu

    def work(self, n):
        took = 0.001 * n + (0 if self.warm else 0.06)
        self.now, self.cpu, self.warm, self.n_steps = self.now + took, self.cpu + took / 3, True, n
        self.sizes.append(n)
        return [self]


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr("compcalc.pipeline.timing.time", machine)
    return machine


def test_a_step_is_told_from_what_comes_before_it(machine):
    found = time_steps(lambda protocol: machine.work(total_steps(protocol)), Protocol("nve", 1.0), 20, 0.4)
    assert found.atoms == 20 and len(found.pieces) == 4
    assert [p.seconds for p in found.pieces] == pytest.approx([0.001] * 4)
    assert [p.cpu_seconds for p in found.pieces] == pytest.approx([0.001 / 3] * 4)
    assert (found.start.seconds, found.start.cpu_seconds) == pytest.approx((0.06, 0.02))
    assert machine.sizes[:2] == [4, 4] and max(machine.sizes) == 100, "pieces of a quarter of the time"
    assert machine.now < 0.06 + 1.2 * 0.4


def test_a_step_that_takes_longer_than_there_is_time_is_timed_all_the_same(machine):
    found = time_steps(lambda protocol: machine.work(total_steps(protocol)), Protocol("nve", 1.0), 20, 1e-6)
    assert [p.seconds for p in found.pieces] == pytest.approx([0.001])


def test_a_frame_is_timed_in_pieces_of_one_size(tiny_data, tiny_task, machine):
    frames = laid_out(tiny_data).static_units()[0].payload.frames
    found = time_frames(lambda part: machine.work(len(part)), frames, 1.0)
    assert machine.sizes == [1, 1, *[4] * 4], "up to all frames at once"
    assert [p.seconds for p in found.pieces] == pytest.approx([0.001] * 4)
    assert (found.start.seconds, found.start.cpu_seconds) == pytest.approx((0.06, 0.02))
    assert found.atoms == 8


@pytest.mark.parametrize("budget_s", [1e-6, 1.0], ids=["two frames", "all frames"])
def test_the_comparison_of_a_batch_with_single_evaluations_is_paid_once(tiny_data, tiny_task, machine, budget_s):
    frames = laid_out(tiny_data).static_units()[0].payload.frames
    found = time_frames(lambda part: machine.work(len(part) + 2), frames, budget_s)
    assert (machine.sizes[-1] == 6) == (budget_s == 1.0)
    assert [p.seconds for p in found.pieces] == pytest.approx([0.006 / 4] * len(found.pieces)), (
        "the whole block by four"
    )


def test_frames_are_measured_first_and_of_dynamics_the_largest(tiny_data, tiny_task, tiny_preset):
    tasks = open_tasks([laid_out(tiny_data, batch_atoms=30, replicas=3)], None)  # groups of two butanes, and of one
    found = [(kind_of(sample[0]), atoms_of(sample)) for sample in _samples(tasks)]
    assert found == [*(("static", n) for n in (14, 8, 11)), ("nve", 28), ("nvt", 28), ("nve", 14), ("nvt", 14)]


def calibration(workers=2, step_s=0.001, frame_s=0.01, atoms=14):
    found = Calibration(workers, loading_s=3.0, start_up_s=2.0)
    for kind, each in (("static", frame_s), ("nve", step_s), ("nvt", 2 * step_s)):
        found.kinds[kind] = Measured()
        for of in (0.5, 1.0, 1.0, 1.0, 3.0):
            piece = Took(of * each, 0.5 * of * each)
            start = Took(0.5, 0.25) if kind != "static" else Took(0.0, 0.0)
            found.kinds[kind].add(Timing(atoms, start, (piece,)))
    return found


def test_a_prediction_against_a_sum_by_hand(tiny_data, tiny_task, tiny_preset):
    laid = laid_out(tiny_data, batch_atoms=None, only="md")
    row = predicted("length", [laid], open_tasks([laid], None), calibration())
    # Two runs of butane, 14 atoms: 120 steps of 1 and of 2 ms, each after half a second.
    assert (row.units, row.units_there, row.frames, row.steps) == (2, 0, 0, 240)
    assert row.worker_seconds.value == pytest.approx(0.5 + 0.12 + 0.5 + 0.24)
    assert row.wall_seconds.value == pytest.approx(3.0 + 2.0 + 0.5 + 0.24), "the second worker starts first"
    assert row.cpu_seconds.value == pytest.approx(row.worker_seconds.value / 2)
    assert row.worker_seconds.low == pytest.approx(1.0 + 0.36 / 2) and row.worker_seconds.high == pytest.approx(2.08)
    assert row.steps_per_s == pytest.approx(240 / 1.36)
    assert row.ns_per_day == pytest.approx(240 / 1.36 * 0.5e-6 * 86400)
    assert row.frames_per_s is None


def test_a_group_takes_its_steps_once(tiny_data, tiny_task, tiny_preset):
    laid = laid_out(tiny_data, replicas=3, only="md")
    tasks = open_tasks([laid], None)
    assert [len(task) for task in tasks] == [3, 3]
    costs = calibration().costs(tasks, "seconds", "value")
    # Three molecules cost three times the step of one, by the law of a single size; and one start.
    start = 3 * 0.5
    assert costs == pytest.approx([start + 120 * 0.003, start + 120 * 0.006])


@pytest.fixture
def finished(tiny_data, tmp_path, tiny_task, tiny_preset):
    out = tmp_path / "run"
    return out, run(settings(tiny_data, "mmff94"), out)


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr("compcalc.pipeline.planning.LocalPool", lambda factory, *_, **__: Here(factory))


def planned_files(out):
    """Results of the units that a plan counts: not the few frames of each trajectory that are labelled."""
    return (path for stage in ("static", "md") for path in out.glob(f"units/mmff94/{stage}/*.npz"))


def test_units_frames_and_steps_are_those_of_the_run(finished, tiny_data, in_this_process):
    out, done = finished
    (new,) = plan([settings(tiny_data, "mmff94")], seconds=0.2)
    (row,) = new.runs
    assert row.units == len(list(planned_files(out))) == 5
    assert row.frames == sum(m["n_frames"] for m in done["metrics"]["static"]["molecules"])
    (prepared,) = entered_runs(out).values()
    assert row.steps == sum(ResultStore(out).read(unit).meta["n_steps"] for unit in prepared.md_units())
    assert set(new.calibration.kinds) == {"static", "nve", "nvt"}
    assert vars(new.total) == {**vars(row), "task": new.total.task}
    assert 0 < row.cpu_seconds.low <= row.cpu_seconds.value <= row.cpu_seconds.high
    assert new.calibration.loading_s > 0 and new.memory_mib > 50


def test_what_is_there_is_left_out(finished, tiny_data, in_this_process):
    out, _ = finished
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    (same,) = plan([settings(tiny_data, "mmff94")], out, seconds=0.1)
    assert (same.total.units, same.total.units_there, same.total.steps) == (5, 5, 0)
    assert same.total.worker_seconds.high == 0 and not same.calibration.kinds
    (more,) = plan([settings(tiny_data, "mmff94", replicas=3)], out, seconds=0.1)
    assert (more.total.units, more.total.units_there, more.total.steps) == (9, 5, 4 * 120)
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("*")}, "a plan writes nothing"
    (path,) = out.glob("units/*/md/alkane-04-nvt-0-*.npz")
    path.unlink()
    assert [[u.id for u in task] for task in open_tasks(list(entered_runs(out).values()), ResultStore(out))] == [
        [path.relative_to(out).with_suffix("").as_posix()]
    ]


def test_own_molecules_are_planned_and_refused_ones_named(in_this_process, tiny_preset):
    notices = []
    own = RunSettings("mmff94", None, molecules=("CCO", "[CH3]"), workers=1)
    (found,) = plan([own], seconds=0.2, notice=notices.append)
    (row,) = found.runs
    assert (row.task, row.units, row.frames) == ("own molecules", 2, 0) and row.steps > 0
    assert len(notices) == 1 and "[CH3] is left out: unpaired electrons" in notices[0]


def test_bytes_of_results_and_trajectories_are_those_of_the_run(finished, tiny_data):
    out, _ = finished
    units = laid_out(tiny_data, batch_atoms=1024).units()
    stored = sum(path.stat().st_size for path in planned_files(out))
    assert sum(map(result_bytes, units)) == pytest.approx(stored, rel=0.3)
    exported = sum(path.stat().st_size for path in out.glob("trajectories/*.extxyz"))
    assert sum(map(export_bytes, units)) == pytest.approx(exported, rel=0.02)


def test_dense_velocities_count_on_the_disk(tiny_data, tmp_path, tiny_task, monkeypatch):
    """As a preset has them: sparse frames, and velocities of half of the run, which are most of its bytes."""
    nve = Protocol("nve", 1.0, equilibration_ps=0.01, frame_every_fs=50.0, velocity_ps=0.5)
    sizes = []
    for protocol in (nve, replace(nve, velocity_ps=0.0)):
        monkeypatch.setitem(PRESETS, "quick", Preset("quick", (protocol,), 1))
        out = tmp_path / str(protocol.velocity_ps)
        run(settings(tiny_data, "mmff94", only="md"), out)
        (unit,) = laid_out(tiny_data, only="md").md_units()
        (path,) = out.glob("units/mmff94/md/*.npz")
        assert result_bytes(unit) == pytest.approx(path.stat().st_size, rel=0.15)
        sizes.append((result_bytes(unit), path.stat().st_size))
    planned, stored = (with_them - without for with_them, without in zip(*sizes, strict=True))
    assert planned == pytest.approx(stored, rel=0.15) and planned == pytest.approx(251 * 14 * 3 * 4, rel=0.01)


def test_no_time_to_measure_is_refused(tiny_data, tiny_task):
    with pytest.raises(InputError, match=r"seconds: got 0; allowed: above 0"):
        plan([settings(tiny_data, "mmff94")], seconds=0)


@pytest.mark.slow
def test_a_prediction_holds_within_a_factor_of_two(tmp_path):
    from compcalc.pipeline import RunSettings

    asked = RunSettings("mmff94", "length", workers=2)
    (found,) = plan([asked], seconds=15)
    manifest = run(asked, tmp_path / "run")["manifest"]
    took = manifest["timings_s"]["loading"] + manifest["timings_s"]["units"]
    assert 0.5 < found.total.wall_seconds.value / took < 2
    assert 0.5 < found.total.cpu_seconds.value / manifest["cost"]["cpu_seconds"] < 2
    assert 0.5 < found.total.steps_per_s / manifest["cost"]["steps_per_s"] < 2
    assert 0.5 < found.memory_mib / manifest["cost"]["memory_mib"] < 2


@pytest.mark.parametrize("name", ["quick", "standard", "full"])
def test_the_shipped_presets_can_be_shortened_and_their_control_counts(name, tiny_data, tiny_task):
    for protocol in PRESETS[name].protocols:
        short = shortened(protocol, 16)
        assert total_steps(short) == 16 and short.control_ps == 0
    run = laid_out(tiny_data, batch_atoms=None).md_units()[0]
    with_control = replace(run.payload.protocol, control_ps=0.02)
    unit = replace(run, payload=replace(run.payload, protocol=with_control))
    assert _computed(unit) == run.payload.evaluations + 80
