"""The record of a benchmark: what of a run's metrics stands in it."""

from compcalc.benchmark import Matrix, parse_model
from compcalc.benchmark.record import make_record

WAY = "trajectory_force_mae_mev_per_angstrom"


def record_of(tmp_path, metrics):
    matrix = Matrix([parse_model("mmff94")], [("length", "base")], [0], tmp_path)
    (cell,) = matrix.cells()
    run = {"name": "mmff94", "manifest": {"task": "length/base"}, "metrics": metrics}
    (found,) = make_record(matrix, {}, {}, {cell: run}, "compcalc benchmark", {})["cells"]
    return found["test"]


def test_a_run_of_dynamics_has_its_outcome_and_its_errors_without_its_series(tmp_path):
    row = {"molecule": "alkane/07", "protocol": "nve", "replica": 0, "outcome": "completed", "time_ps": 1.0}
    row |= {"drift_mev_per_atom_per_ps": 0.02, WAY: 81.5, "bond_angle_wasserstein_degrees": {"C-C-C": 3.3}}
    row["ms_per_step"] = 9.0
    series = {"trajectory_force_mae_by_time": {"0-1 ps": 81.5}}
    test = record_of(tmp_path, {"static": None, "md": {"summary": {}, "runs": [row | series]}})
    assert test["md"]["runs"] == [row] and test["static"] is None


def test_runs_that_the_reference_labelled_nothing_of_have_no_error_on_the_way(tmp_path):
    broken = {"molecule": "alkane/07", "protocol": "nve", "replica": 0, "outcome": "bond_broken", "time_ps": 0.1}
    (row,) = record_of(tmp_path, {"md": {"summary": {}, "runs": [broken]}})["md"]["runs"]
    assert row[WAY] is None and row["outcome"] == "bond_broken"
