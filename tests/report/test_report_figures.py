"""The figures: their numbers against the metrics that they are made of."""

import pytest
from report_samples import make_metrics, make_seen

from compcalc.report.energy import energy_metric
from compcalc.report.figures import all_figures
from compcalc.report.glossary import METRICS
from compcalc.report.md_figures import own_way_figure, scatter_figure
from compcalc.report.pictures import count_carbons
from compcalc.report.plot_parts import is_wide
from compcalc.report.rows import FORCE, molecule_rows
from compcalc.report.trajectories import Seen, look


def figures(metrics, seen=None):
    return all_figures(metrics, molecule_rows(metrics), energy_metric(metrics)[0], seen or Seen())


def named(figure, name):
    return next(trace for trace in figure.data if trace.get("name") == name)


def test_every_figure_brings_its_numbers(metrics):
    add_stability(metrics)
    found = figures(metrics, look([make_seen("alkane/08", outcome="completed")]))
    assert {"split", "chain-length", "force", "element", "distance", "chain", "survival", "drift", "distances"} <= set(
        found
    )
    for figure in found.values():
        assert figure.lines or figure.choices
        assert all(len(line) == len(figure.columns) for line in figure.lines)


def test_id_against_ood_has_the_means_with_their_intervals(metrics):
    figure = figures(metrics)["split"]
    for split, y in (("id", 0), ("ood", 1)):
        estimate = metrics["static"]["summary"][split][FORCE]
        mean = next(t for t in figure.data if t["y"] == [y])
        assert mean["x"] == [estimate["value"]]
        ends = mean["error_x"]
        assert mean["x"][0] + ends["array"][0] == pytest.approx(estimate["high"])
        assert mean["x"][0] - ends["arrayminus"][0] == pytest.approx(estimate["low"])
    assert len(figure.lines) == 2 + len(metrics["static"]["molecules"])


def test_error_along_the_chain_counts_carbons(metrics):
    figure = figures(metrics)["chain-length"]
    assert named(figure, "alkane, ID")["x"] == [2, 3, 4, 5, 6]
    assert named(figure, "alkane, OOD (unseen)")["x"] == list(range(7, 14))
    assert named(figure, "alkane, ID")["y"] == [m[FORCE] for m in metrics["static"]["molecules"] if m["split"] == "id"]


@pytest.mark.parametrize(("smiles", "carbons"), [("OCCC=O", 3), ("c1ccccc1Cl", 6), ("O", 0), ("", None), ("no", None)])
def test_carbons_of_a_smiles(smiles, carbons):
    assert count_carbons(smiles) == carbons


def test_families_differ_by_symbol_and_splits_by_colour(metrics):
    for entry in metrics["static"]["molecules"][::2]:
        entry["molecule"] = entry["molecule"].replace("alkane", "alcohol")
    traces = figures(metrics)["chain-length"].data
    assert len({t["marker"]["symbol"].removesuffix("-open") for t in traces}) == 2
    assert len({t["marker"]["color"] for t in traces}) == 2 and len({t["marker"]["symbol"] for t in traces}) == 4
    assert len({t["line"]["dash"] for t in traces}) == 2 and len(traces) == 4


def test_error_by_distance_is_the_mean_over_molecules(metrics):
    figure = figures(metrics)["distance"]
    mine = [m["force_mae_by_environment"] for m in metrics["static"]["molecules"] if m["split"] == "ood"]
    trace = named(figure, "alcohol, OOD (unseen)")
    assert trace["x"] == ["0", "2", "10"]
    for x, y in zip(trace["x"], trace["y"], strict=True):
        assert y == pytest.approx(sum(m[f"alcohol+{x}"] for m in mine) / len(mine))


def test_the_band_of_survival_resamples_molecules_where_that_is_known(metrics):
    curve = metrics["md"]["summary"]["nve"]["survival"]
    curve.update(clustered_low=[0.9, 0.4, 0.4], clustered_high=[1.0, 0.99, 0.99])
    figure = figures(metrics)["survival"]
    assert [t["y"] for t in figure.data[:2]] == [curve["clustered_low"], curve["clustered_high"]]
    assert figure.data[3]["y"] == metrics["md"]["summary"]["nvt"]["survival"]["low"]
    assert figure.lines[1] == ("NVE", 0.312, 0.86, 0.4, 0.99)


def test_the_way_of_the_runs_and_their_median():
    runs = [
        {"molecule": f"m{k}", "protocol": "nvt", "replica": 0, "trajectory_force_mae_by_time": by_time}
        for k, by_time in enumerate(
            [
                {"0-0.5 ps": 10.0, "0.5-1 ps": 20.0},
                {"0-0.5 ps": 30.0, "0.5-1 ps": 60.0},
                {"0-0.5 ps": 20.0, "0.5-1 ps": 30.0},
                {"0-1e-05 ps": 900.0, "1e-05-2e-05 ps": None},
            ]
        )
    ]
    figure = own_way_figure({"md": {"runs": runs}})
    middle = named(figure, "median of the runs")
    assert (middle["x"], middle["y"]) == ([0.25, 0.75], [20.0, 30.0])
    assert figure.lines[-1] == ("m3", "nvt", 0, 0.0, 1e-05, 900.0)
    assert own_way_figure({"md": {"runs": runs[:0]}}) is None


def add_stability(metrics):
    rows = [
        {"molecule": m["molecule"], FORCE: m[FORCE], "survived_share": 1 - 0.1 * k, "drift_mev_per_atom_per_ps": None}
        for k, m in enumerate(metrics["static"]["molecules"][:4])
    ]
    metrics["md"]["stability"] = {"molecules": rows, "correlations": {}}


def test_accuracy_against_stability_has_one_point_a_molecule(metrics):
    add_stability(metrics)
    figure = scatter_figure(metrics, "survived_share", "survival")
    assert figure.data[0]["x"] == [m[FORCE] for m in metrics["static"]["molecules"][:4]]
    assert figure.data[0]["y"] == pytest.approx([1, 0.9, 0.8, 0.7])
    assert figure.layout["annotations"] == []
    assert scatter_figure(metrics, "drift_mev_per_atom_per_ps", "drift") is None
    metrics["md"]["stability"]["correlations"]["survived_share"] = {"tau": -0.4, "low": -0.7, "high": 0.1, "n": 4}
    (note,) = scatter_figure(metrics, "survived_share", "survival").layout["annotations"]
    assert note["text"] == "Kendall τ = -0.40 (95% CI -0.70 to 0.10)"
    metrics["md"]["stability"]["molecules"][1:] = []
    assert scatter_figure(metrics, "survived_share", "survival") is None


def test_bond_lengths_say_what_chance_would_do(metrics):
    for run in metrics["md"]["runs"]:
        if run["protocol"] == "nvt":
            run["bond_length_mean_difference_angstrom"] = {"C-C": 0.02, "C-H": -0.001, "C=O": None}
            run["bond_length_wasserstein_angstrom"] = {"C-C": 0.02, "C-H": 0.002}
            run["bond_length_chance_angstrom"] = {"C-C": 0.01, "C-H": 0.01}
    figure = figures(metrics)["bonds"]
    assert set(named(figure, "beyond chance")["x"]) == {0.02} and set(named(figure, "beyond chance")["y"]) == {0}
    assert set(named(figure, "within chance")["x"]) == {-0.001}
    assert named(figure, "within chance")["marker"]["symbol"].endswith("-open")


def test_temperatures_are_shown_by_what_they_lack(metrics):
    item = {"temperature_k": 270.0, "standard_error_k": 4.0, "expected_k": 300.0, "z": -7.5, "off": True}
    hydrogen = {**item, "temperature_k": 303.0, "off": False}
    metrics["md"]["summary"]["nvt"]["equipartition"] = {"C": item, "H": hydrogen}
    figure = figures(metrics)["temperature"]
    off, expected = named(figure, "off"), named(figure, "as expected")
    assert (off["x"], off["y"], off["error_x"]["array"]) == ([-30.0], [0], [8.0])
    assert (expected["x"], expected["y"]) == ([3.0], [1]) and expected["marker"]["symbol"].endswith("-open")


def test_the_reader_chooses_one_molecule_of_the_distances():
    seen = look([make_seen(name, outcome="completed") for name in ("a", "b", "c")])
    figure = figures(make_metrics(md=False), seen)["distances"]
    assert [trace["visible"] for trace in figure.data] == [True, True, False, False, False, False]
    assert [traces for _, traces in figure.choices] == [[0, 1], [2, 3], [4, 5]]
    assert len({label for label, _ in figure.choices}) == 3


def test_own_molecules_are_not_called_unseen(metrics):
    metrics["own_molecules"] = True
    names = {trace.get("name") for figure in figures(metrics).values() for trace in figure.data}
    assert not any("OOD" in str(name) for name in names) and "own molecules" in names


def test_wide_values_need_a_logarithmic_axis():
    assert is_wide([1, 30, None]) and not is_wide([1, 10]) and not is_wide([0, 100]) and not is_wide([])
    assert METRICS[FORCE].header == "Force MAE (meV/Å)"
