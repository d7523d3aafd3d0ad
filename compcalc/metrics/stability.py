"""Static accuracy beside dynamic stability: one row a molecule or model, and the rank correlations between them.

A small force error does not make stable dynamics, nor a large one unstable (Fu et al., Forces are not Enough,
arXiv:2210.07237). How far the ranking by force error carries over is what these correlations say.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from compcalc.metrics.statistics import rank_correlation
from compcalc.metrics.survival import kaplan_meier, restricted_mean
from compcalc.records import OutcomeKind

STATIC = "force_mae_mev_per_angstrom"
DYNAMIC = (
    "drift_mev_per_atom_per_ps",
    "survived_share",
    "distance_distribution_mae",
    "breaking_temperature_k",
    "trajectory_force_mae_mev_per_angstrom",
)
"""Columns that the force MAE is correlated with."""


def stability_table(
    static_rows: Sequence[Mapping], md_rows: Sequence[Mapping], seed: int, reference_rows: Sequence[Mapping] = ()
) -> dict:
    """Static and dynamic results side by side for each molecule with MD runs, and their rank correlations.

    Columns: `molecule`, `smiles`, `split`, `n_atoms`; `force_mae_mev_per_angstrom` of the static frames of the same
    split, else of any; the median over NVE runs of the drift and whether any is resolved; `energy_jumps` over all NVE
    runs; ramps apart, `n_runs` with a physical outcome, `n_stable` of them, and `survived_share`, mean survival over
    the length that was asked for, 0 to 1; the means over runs of the distance distribution's error, the breaking
    temperature (a run that survives counts as the end of its ramp), the force MAE on the own trajectory and the
    overlap of the vibrational spectrum with the reference's. `reference_` stands before the same of the runs of the
    reference method, and `reference_n_other` of them ended for other than physical reasons. None where nothing is
    known.

    Args:
        static_rows: from `static.molecule_row`; may be empty.
        md_rows: from `dynamics.run_row`.
        seed: of the bootstrap.
        reference_rows: the same of the reference method's own dynamics.

    Returns:
        `molecules`, the rows in the order of `md_rows`, and `correlations`, from `correlations`.
    """
    keys = dict.fromkeys((row["molecule"], row["split"]) for row in md_rows)
    rows = [
        _molecule(_static_row(static_rows, *key), [row for row in md_rows if (row["molecule"], row["split"]) == key])
        | _beside([row for row in reference_rows if row["molecule"] == key[0]])
        for key in keys
    ]
    return {"molecules": rows, "correlations": correlations(rows, seed)}


def correlations(rows: Sequence[Mapping], seed: int) -> dict[str, dict | None]:
    """Column of `DYNAMIC` -> Kendall's tau-b of the force MAE with it over the rows, with its interval.

    Positive for drift and errors, negative for survival and breaking temperature: the more accurate potential is also
    the more stable. None where fewer than 3 rows have both or one of them is constant.

    Args:
        rows: molecules of one model, from `stability_table`, or models, from `model_row`.
        seed: of the bootstrap.
    """
    result: dict[str, dict | None] = {}
    for column in DYNAMIC:
        pairs = [
            (row[STATIC], row[column]) for row in rows if row.get(STATIC) is not None and row.get(column) is not None
        ]
        found = rank_correlation(*np.reshape(pairs, (-1, 2)).T, seed=seed)
        result[column] = found and {"tau": found.value, "low": found.low, "high": found.high, "n": len(pairs)}
    return result


def model_row(name: str, table: Mapping) -> dict:
    """One model as the means over its molecules of the columns of a stability table.

    Args:
        name: of the model.
        table: from `stability_table`.
    """
    means = {column: _mean([row[column] for row in table["molecules"]]) for column in (STATIC, *DYNAMIC)}
    return {"model": name, "n_molecules": len(table["molecules"]), **means}


def _static_row(rows: Sequence[Mapping], molecule: str, split: str) -> Mapping:
    mine = [row for row in rows if row["molecule"] == molecule]
    return next((row for row in mine if row["split"] == split), mine[0] if mine else {})


def _molecule(static: Mapping, runs: Sequence[Mapping]) -> dict:
    jumps = [run.get("energy_jumps") for run in runs if _ensemble(run) == "nve"]
    return {
        **{key: runs[0][key] for key in ("molecule", "smiles", "split", "n_atoms")},
        STATIC: static.get(STATIC),
        "energy_jumps": sum(j for j in jumps if j is not None) if any(j is not None for j in jumps) else None,
        **_dynamic(runs),
        **{
            key: _mean([run.get(key) for run in runs])
            for key in ("distance_distribution_mae", "trajectory_force_mae_mev_per_angstrom")
        },
    }


def _dynamic(runs: Sequence[Mapping]) -> dict:
    """What is said of a potential and of the reference method alike."""
    nve = [run for run in runs if _ensemble(run) == "nve"]
    physical = [run for run in runs if OutcomeKind(run["outcome"]).physical]
    held = [run for run in physical if _ensemble(run) != "heat"]
    drifts = [run["drift_mev_per_atom_per_ps"] for run in nve if run.get("drift_mev_per_atom_per_ps") is not None]
    resolved = [run["drift_resolved"] for run in nve if run.get("drift_resolved") is not None]
    return {
        "drift_mev_per_atom_per_ps": float(np.median(drifts)) if drifts else None,
        "drift_resolved": any(resolved) if resolved else None,
        "n_runs": len(held),
        "n_stable": sum(not OutcomeKind(run["outcome"]).unstable for run in held),
        "survived_share": survived_share(held),
        "breaking_temperature_k": _mean([run.get("ended_at_temperature_k") for run in physical]),
        "vibrational_overlap": _mean([run.get("vibrational_overlap") for run in nve]),
    }


def _beside(runs: Sequence[Mapping]) -> dict:
    """The same of the runs of the reference method, which may be none."""
    other = sum(not OutcomeKind(run["outcome"]).physical for run in runs)
    found = {**_dynamic(runs), "n_other": other}
    return {f"reference_{key}": value if runs else None for key, value in found.items()}


def _ensemble(run: Mapping) -> str:
    """Kind of a run's protocol, which has a name of its own where a user gave it one."""
    return run.get("ensemble") or run["protocol"]


def survived_share(runs: Sequence[Mapping]) -> float | None:
    """Restricted mean survival over the length that was asked for, 0 to 1; None without runs.

    Args:
        runs: rows with a physical outcome; lengths count as parts of their own `asked_ps`.
    """
    runs = [run for run in runs if run["asked_ps"]]
    if not runs:
        return None
    lived = [0.0 if run["phase"] == "equilibration" else min(run["time_ps"] / run["asked_ps"], 1.0) for run in runs]
    broke = [OutcomeKind(run["outcome"]).unstable for run in runs]
    return float(
        restricted_mean(kaplan_meier([t if b else 1.0 for t, b in zip(lived, broke, strict=True)], broke), 1.0).value
    )


def _mean(values: Sequence) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
