"""Runs of potentials that batch: groups in lockstep, the same numbers on any number of workers and after a fault."""

import numpy as np
import pytest
from test_pipeline_run import settings, without_clocks

from compcalc.calculators.mmff94 import MMFF94Calculator
from compcalc.pipeline import PreparedRun, run

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


def test_units_of_a_protocol_form_groups_that_fit_a_batch(tiny_data):
    prepared = PreparedRun(settings(tiny_data, "mmff94"))
    assert {unit.group for unit in prepared.md_units()} == {"nve-0", "nvt-0"}
    assert all(unit.group is None for unit in prepared.static_units())
    assert prepared._groups([20, 20, 20, 20], "nve") == ["nve-0"] * 4
    prepared.potential["batch_atoms"] = 45
    assert prepared._groups([50, 20, 20, 20, 5], "nve") == ["nve-0", "nve-1", "nve-1", "nve-2", "nve-2"]
    prepared.potential["batch_atoms"] = 10**6
    assert prepared._groups([1] * 17, "nvt")[-2:] == ["nvt-0", "nvt-1"]
    prepared.potential["batch_atoms"] = None
    assert prepared._groups([1, 2], "nvt") == [None, None]


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
    (tmp_path / "one/trajectories/alkane-04-nvt-0.npz").unlink()
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
    prepared = PreparedRun(settings(tiny_data, "mmff94"))
    assert prepared.potential["batch_atoms"] is None
    assert {unit.group for unit in prepared.md_units()} == {None}
    done = run(settings(tiny_data, "mmff94", only="md"), tmp_path / "leaky")["metrics"]
    for one, other in zip(done["md"]["runs"], right["md"]["runs"], strict=True):
        assert one["temperature_mean_k"] == pytest.approx(other["temperature_mean_k"], rel=1e-6)


def test_trajectories_of_a_group_are_stored_one_by_one(tiny_data, tmp_path):
    run(settings(tiny_data, "mmff94", only="md"), tmp_path / "run")
    for protocol in ("nve", "nvt"):
        with np.load(tmp_path / f"run/trajectories/alkane-04-{protocol}-0.npz") as file:
            assert file["positions"].shape[1:] == (14, 3)
