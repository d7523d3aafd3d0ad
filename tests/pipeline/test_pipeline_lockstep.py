"""Runs of potentials that batch: groups in lockstep, the same numbers on any number of workers and after a fault."""

import json

import numpy as np
import pytest
from test_pipeline_run import settings, without_clocks

from compcalc.calculators.mmff94 import MMFF94Calculator
from compcalc.pipeline import PreparedRun, read_input, run
from compcalc.pipeline.groups import assign_groups
from compcalc.pipeline.potential import Potential
from compcalc.pipeline.prepared import in_order, stage_of


def laid_out(tiny_data, spec="mmff94", batch_atoms=2048, sha256=None, groups=(), **options):
    described = {"name": spec, "dtype": None, "sha256": sha256, "files": {}, "batch_atoms": batch_atoms}
    return PreparedRun(read_input(settings(tiny_data, spec, **options)), Potential(described, {}), groups)


pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


def test_units_of_a_protocol_form_groups_that_fit_a_batch(tiny_data):
    prepared = laid_out(tiny_data)
    nve, nvt = (unit.group for unit in prepared.md_units())
    assert nve and nvt and nve != nvt
    assert all(unit.group is None for unit in prepared.static_units())
    assert {unit.group for unit in laid_out(tiny_data, batch_atoms=None).md_units()} == {None}


def test_groups_are_filled_up_to_a_batch_and_kept_when_runs_are_added():
    sizes = [("a", 50), ("b", 20), ("c", 20), ("d", 20), ("e", 5)]
    groups = assign_groups([], sizes, 45)
    assert groups == [["a"], ["b", "c"], ["d", "e"]]
    assert assign_groups(groups, [("new", 5), *sizes, ("newer", 5)], 45) == [*groups, ["new", "newer"]]
    assert [len(g) for g in assign_groups([], [(str(k), 1) for k in range(17)], 10**6)] == [16, 1]
    assert assign_groups([], sizes, None) == []


def test_more_replicas_leave_the_units_that_there_are(tiny_data):
    one = laid_out(tiny_data)
    more = laid_out(tiny_data, groups=one.groups, replicas=3)
    kept = {unit.id: unit for unit in one.units()}
    assert len(more.md_units()) == 6 and kept.keys() < {unit.id for unit in more.units()}
    assert all(unit.hash == kept[unit.id].hash for unit in more.units() if unit.id in kept)
    fresh = laid_out(tiny_data, replicas=3)
    assert not {u.id for u in fresh.md_units()} & {u.id for u in one.md_units()}, "others beside it: other last digits"


def test_replicas_start_from_frames_that_do_not_depend_on_their_number(tiny_data):
    three, four = (laid_out(tiny_data, replicas=n).md_units() for n in (3, 4))
    starts = {unit.payload.replica: unit.payload.positions for unit in four}
    assert all((starts[unit.payload.replica] == unit.payload.positions).all() for unit in three)
    assert len({positions.tobytes() for positions in starts.values()}) == 4


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"spec": "tblite:GFN2-xTB"}, {"sha256": "of another file"}],
    ids=["seed", "potential", "model file"],
)
def test_what_determines_a_result_is_in_the_hash_of_its_unit(tiny_data, change):
    before, after = laid_out(tiny_data), laid_out(tiny_data, **change)
    md = {u.hash for u in before.md_units()} & {u.hash for u in after.md_units()}
    static = {u.hash for u in before.static_units()} & {u.hash for u in after.static_units()}
    assert not md and (len(static) == 3 if "seed" in change else not static)


def test_lockstep_and_one_by_one_agree(tiny_data, tmp_path, monkeypatch):
    together = run(settings(tiny_data, "mmff94"), tmp_path / "together")["metrics"]
    monkeypatch.setattr(MMFF94Calculator, "can_batch", False)
    alone = run(settings(tiny_data, "mmff94"), tmp_path / "alone")["metrics"]
    for one, other in zip(together["md"]["runs"], alone["md"]["runs"], strict=True):
        assert [one[key] for key in ("molecule", "protocol", "outcome")] == [
            other[key] for key in ("molecule", "protocol", "outcome")
        ]
        assert one["temperature_mean_k"] == pytest.approx(other["temperature_mean_k"], rel=1e-6)
    force = [m["static"]["summary"]["ood"]["force_mae_mev_per_angstrom"]["value"] for m in (together, alone)]
    assert force[0] == pytest.approx(force[1], rel=1e-9)
    assert together["static"]["batch_difference_mev_per_angstrom"] == pytest.approx(0, abs=1e-6)
    assert alone["static"]["batch_difference_mev_per_angstrom"] is None


def test_the_same_numbers_on_any_number_of_workers_and_after_a_lost_result(tiny_data, tmp_path):
    first = run(settings(tiny_data, "mmff94"), tmp_path / "one")
    second = run(settings(tiny_data, "mmff94", workers=2), tmp_path / "two")
    assert without_clocks(second["metrics"]) == without_clocks(first["metrics"])
    next((tmp_path / "one").glob("units/mmff94/md/alkane-04-nvt-0-*.npz")).unlink()
    again = run(settings(tiny_data, "mmff94"), tmp_path / "one")
    assert without_clocks(again["metrics"]) == without_clocks(first["metrics"])


def test_a_batch_that_differs_from_single_evaluations_is_not_scored(tiny_data, tmp_path, monkeypatch):
    right = run(settings(tiny_data, "mmff94", only="static"), tmp_path / "right")["metrics"]
    evaluate_batch = MMFF94Calculator.evaluate_batch

    def shifted(self, batch):
        result = evaluate_batch(self, batch)
        result.forces[:] += 0.1
        return result

    monkeypatch.setattr(MMFF94Calculator, "evaluate_batch", shifted)
    wrong = run(settings(tiny_data, "mmff94", only="static"), tmp_path / "wrong")["metrics"]
    value = [m["static"]["summary"]["ood"]["force_mae_mev_per_angstrom"]["value"] for m in (wrong, right)]
    assert value[0] == pytest.approx(value[1], rel=1e-9)
    assert wrong["static"]["batch_difference_mev_per_angstrom"] == pytest.approx(100, rel=1e-6)
    report = (tmp_path / "wrong/report.html").read_text()
    assert "one molecule at a time" in report and "In a batch, a system differs from the same system alone" in report


def test_dynamics_do_not_batch_where_a_batch_differs_from_single_evaluations(tiny_data, tmp_path, monkeypatch):
    right = run(settings(tiny_data, "mmff94", only="md"), tmp_path / "right")["metrics"]
    evaluate_batch = MMFF94Calculator.evaluate_batch

    def leaky(self, batch):
        result = evaluate_batch(self, batch)
        result.forces[-1] += 0.05 * (len(batch) - 1)  # right for one, wrong for several
        return result

    monkeypatch.setattr(MMFF94Calculator, "evaluate_batch", leaky)
    done = run(settings(tiny_data, "mmff94", only="md"), tmp_path / "leaky")["metrics"]
    assert json.loads((tmp_path / "leaky/run.json").read_text())["potential"]["batch_atoms"] is None
    for one, other in zip(done["md"]["runs"], right["md"]["runs"], strict=True):
        assert one["temperature_mean_k"] == pytest.approx(other["temperature_mean_k"], rel=1e-6)


def test_trajectories_of_a_group_are_stored_one_by_one(tiny_data, tmp_path):
    run(settings(tiny_data, "mmff94", only="md"), tmp_path / "run")
    for protocol in ("nve", "nvt"):
        with np.load(next((tmp_path / "run").glob(f"units/mmff94/md/alkane-04-{protocol}-0-*.npz"))) as file:
            assert file["positions"].shape[1:] == (14, 3)


def test_what_takes_long_is_begun_first(tiny_data):
    runs = [laid_out(tiny_data, batch_atoms=limit, replicas=3) for limit in (14, 30)]
    units = list(in_order(runs).values())
    assert [stage_of(unit) for unit in units] == ["md"] * 12 + ["static"] * 6
    groups = {}
    for unit in units[:12]:
        groups[unit.group] = groups.get(unit.group, 0) + unit.payload.evaluations * len(unit.payload.numbers)
    assert list(groups.values()) == sorted(groups.values(), reverse=True) and len(set(groups.values())) > 1
    sizes = [len(unit.payload.numbers) for unit in units[12:]]
    assert sizes == sorted(sizes, reverse=True)
