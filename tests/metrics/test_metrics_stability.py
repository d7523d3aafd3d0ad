"""Static and dynamic results side by side, from rows made by hand."""

import json

import pytest

from compcalc.metrics.stability import DYNAMIC, STATIC, correlations, model_row, stability_table, survived_share


def _static(name, mae, split="ood"):
    return {"molecule": name, "split": split, STATIC: mae}


def _run(name, protocol="nve", outcome="completed", time_ps=1.0, **values):
    return {
        "molecule": name,
        "smiles": name.upper(),
        "split": "ood",
        "n_atoms": 5,
        "protocol": protocol,
        "outcome": outcome,
        "phase": "production",
        "time_ps": time_ps,
        "asked_ps": 1.0,
        **values,
    }


def test_replicas_and_protocols_of_a_molecule_come_together():
    runs = [
        _run("a", drift_mev_per_atom_per_ps=1.0, drift_resolved=False, energy_jumps=0),
        _run("a", drift_mev_per_atom_per_ps=3.0, drift_resolved=True, energy_jumps=2),
        _run("a", drift_mev_per_atom_per_ps=20.0, drift_resolved=False, energy_jumps=1),
        _run("a", "nvt", distance_distribution_mae=0.2),
        _run("a", "nvt", "exploded", 0.5, distance_distribution_mae=None),
        _run("a", "nvt", "timeout", 0.1),
        _run("a", "heat", "bond_broken", 0.5, ended_at_temperature_k=900.0),
        _run("a", "heat", ended_at_temperature_k=1500.0),
        _run("a", "heat", "crashed", 0.1, ended_at_temperature_k=400.0),
    ]
    (row,) = stability_table([_static("a", 40.0), _static("a", 10.0, "id")], runs, seed=0)["molecules"]
    assert (row["molecule"], row["smiles"], row["split"], row["n_atoms"]) == ("a", "A", "ood", 5)
    assert row[STATIC] == 40.0
    assert (row["drift_mev_per_atom_per_ps"], row["drift_resolved"], row["energy_jumps"]) == (3.0, True, 3)
    assert (row["n_runs"], row["n_stable"]) == (5, 4), "ramps are made to break"
    assert row["survived_share"] == pytest.approx((4 + 0.5) / 5)
    assert row["distance_distribution_mae"] == 0.2
    assert row["breaking_temperature_k"] == 1200.0
    assert row["trajectory_force_mae_mev_per_angstrom"] is None


def test_the_reference_method_stands_beside_its_molecule():
    runs = [_run("a", drift_mev_per_atom_per_ps=1.0, vibrational_overlap=0.7), _run("b", "nvt", "exploded", 0.5)]
    true = [
        _run("a", drift_mev_per_atom_per_ps=0.1, drift_resolved=False, vibrational_overlap=0.9),
        _run("a", "nvt", "bond_broken", 0.25),
        _run("a", "nvt", "crashed", 0.1),
        _run("a", "heat", ended_at_temperature_k=1100.0),
        _run("c"),
    ]
    first, second = stability_table([], runs, 0, true)["molecules"]
    assert (first["drift_mev_per_atom_per_ps"], first["reference_drift_mev_per_atom_per_ps"]) == (1.0, 0.1)
    assert (first["vibrational_overlap"], first["reference_vibrational_overlap"]) == (0.7, 0.9)
    assert first["survived_share"] == 1 and first["reference_survived_share"] == pytest.approx((1 + 0.25) / 2)
    counts = ("reference_n_runs", "reference_n_stable", "reference_n_other")
    assert [first[key] for key in counts] == [2, 1, 1]
    assert first["reference_breaking_temperature_k"] == 1100.0
    assert {second[key] for key in second if key.startswith("reference_")} == {None}
    alone = stability_table([], runs, 0)["molecules"][0]
    assert list(alone) == list(first) and alone["reference_n_runs"] is None


def test_molecules_keep_their_order_and_those_without_static_frames_their_place():
    table = stability_table([_static("b", 5.0)], [_run("c"), _run("b"), _run("c")], seed=0)
    assert [(row["molecule"], row[STATIC]) for row in table["molecules"]] == [("c", None), ("b", 5.0)]


def test_correlation_has_the_sign_of_the_trend():
    names = "abcdef"
    static = [_static(name, 10.0 + k) for k, name in enumerate(names)]
    runs = [_run(name, drift_mev_per_atom_per_ps=0.1 * k) for k, name in enumerate(names)]
    runs += [_run(name, "nvt", "exploded", 0.9 - 0.1 * k) for k, name in enumerate(names)]
    found = stability_table(static, runs, seed=0)["correlations"]
    assert found["drift_mev_per_atom_per_ps"]["tau"] == pytest.approx(1)
    assert found["survived_share"]["tau"] == pytest.approx(-1)
    assert found["survived_share"]["n"] == 6
    assert found["breaking_temperature_k"] is None


def test_pairs_stay_together_when_some_values_are_missing():
    rows = [
        {STATIC: m, **dict.fromkeys(DYNAMIC), "survived_share": s}
        for m, s in [(1, 1), (2, None), (3, 3), (None, 2), (4, 4)]
    ]
    found = correlations(rows, seed=0)["survived_share"]
    assert (found["tau"], found["n"]) == (1, 3)
    assert correlations(rows[:3], seed=0)["survived_share"] is None


def test_models_correlate_as_molecules_do():
    tables = []
    for mae in (10.0, 20.0, 40.0):
        runs = [_run(n, "nvt", distance_distribution_mae=0.01 * mae + 0.1 * k) for k, n in enumerate("ab")]
        tables.append(stability_table([_static("a", mae), _static("b", 3 * mae)], runs, seed=0))
    models = [model_row(str(k), table) for k, table in enumerate(tables)]
    assert models[1] == {
        "model": "1",
        "n_molecules": 2,
        STATIC: 40.0,
        "drift_mev_per_atom_per_ps": None,
        "survived_share": 1.0,
        "distance_distribution_mae": pytest.approx(0.25),
        "breaking_temperature_k": None,
        "trajectory_force_mae_mev_per_angstrom": None,
    }
    found = correlations(models, seed=0)
    assert found["distance_distribution_mae"]["tau"] == pytest.approx(1)
    # All models survive alike: there is no ranking.
    assert found["survived_share"] is None


def test_survived_share_by_hand():
    early = _run("a", outcome="exploded", time_ps=0.4) | {"phase": "equilibration"}
    late = _run("a", outcome="bond_broken", time_ps=2.0) | {"asked_ps": 10.0}
    assert survived_share([early, _run("a")]) == 0.5
    assert survived_share([late]) == pytest.approx(0.2)
    assert survived_share([_run("a"), _run("a")]) == 1
    assert survived_share([]) is None


def test_no_runs_is_an_empty_table_and_everything_is_json():
    empty = stability_table([_static("a", 1.0)], [], seed=0)
    assert empty["molecules"] == []
    assert set(empty["correlations"].values()) == {None}
    json.dumps([empty, stability_table([], [_run("a")], seed=0)], allow_nan=False)
