"""The dynamic metrics of a run: one row an MD run, then survival and outcomes by protocol."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from ase.data import atomic_masses, chemical_symbols

from compcalc.metrics.distributions import histogram_mae, pair_distance_histogram
from compcalc.metrics.drift import energy_drift, kinetic_spread_mev_per_atom
from compcalc.metrics.survival import kaplan_meier
from compcalc.metrics.temperature import element_temperatures
from compcalc.records import Frames, OutcomeKind, Trajectory

H_R_BIN_ANGSTROM = 0.1


def run_row(trajectory: Trajectory, asked_ps: float, reference: Frames | None, split: str = "ood") -> dict:
    """Every dynamic metric of one MD run; None where nothing can be said.

    Args:
        trajectory: the run.
        asked_ps: length of production that was asked for, ps.
        reference: frames of the reference method, for the distance distribution; only compared with an NVT run that
            reached its end.
        split: which side of the task the molecule stands on.
    """
    n, outcome = len(trajectory.numbers), trajectory.outcome
    row = {
        "molecule": trajectory.molecule.name,
        "smiles": trajectory.molecule.smiles,
        "split": split,
        "n_atoms": n,
        "protocol": trajectory.protocol,
        "replica": trajectory.replica,
        "outcome": str(outcome.kind),
        "phase": outcome.phase,
        "time_ps": outcome.time_ps,
        "asked_ps": asked_ps,
        "cause": outcome.cause,
        "atoms": list(outcome.atoms),
        "drift_mev_per_atom_per_ps": None,
        "drift_standard_error_mev_per_atom_per_ps": None,
        "drift_resolved": None,
        "fluctuation_mev_per_atom": None,
        "kinetic_spread_mev_per_atom": None,
        "temperature_mean_k": _mean(trajectory.temperature),
        "temperature_by_element_k": _element_temperatures(trajectory),
        "distance_distribution_mae": None,
        "ms_per_step": 1000 * trajectory.seconds / trajectory.n_steps if trajectory.n_steps else None,
        "seconds": _number(trajectory.seconds),
    }
    if trajectory.ensemble == "nve":
        row.update(_drift(trajectory))
    if trajectory.ensemble == "nvt" and outcome.kind is OutcomeKind.COMPLETED and reference is not None:
        row["distance_distribution_mae"] = _distance_distribution_mae(trajectory, reference)
    return row


def summarise(rows: Sequence[dict]) -> dict[str, dict]:
    """Survival, outcomes and median drift by protocol.

    Only physical outcomes count for survival; a run that ended otherwise is counted apart. A break during
    equilibration is an event at time 0.
    """
    result = {}
    for protocol in sorted({row["protocol"] for row in rows}):
        mine = [row for row in rows if row["protocol"] == protocol]
        physical = [row for row in mine if OutcomeKind(row["outcome"]).physical]
        unstable = [OutcomeKind(row["outcome"]).unstable for row in physical]
        times = [0.0 if row["phase"] == "equilibration" else row["time_ps"] for row in physical]
        drifts = [row["drift_mev_per_atom_per_ps"] for row in mine if row["drift_mev_per_atom_per_ps"] is not None]
        result[protocol] = {
            "n_runs": len(mine),
            "n_physical": len(physical),
            "n_stable": len(physical) - sum(unstable),
            "n_other": len(mine) - len(physical),
            "median_drift_mev_per_atom_per_ps": float(np.median(drifts)) if drifts else None,
            "survival": _survival(times, unstable),
            "outcomes": dict(sorted(Counter(row["outcome"] for row in mine).items())),
        }
    return result


def _survival(times: list[float], events: list[bool]) -> dict | None:
    if not times:
        return None
    curve = kaplan_meier(np.array(times), np.array(events, dtype=bool))
    names = {"time_ps": curve.time_ps, "survival": curve.survival, "low": curve.low, "high": curve.high}
    result = {name: [_number(v) for v in values] for name, values in names.items()}
    if result["time_ps"][0] > 0:
        # The curve begins with every run alive, and there with the limits that hold until the first run ends.
        result["time_ps"].insert(0, 0.0)
        for name in ("survival", "high"):
            result[name].insert(0, 1.0)
        result["low"].insert(0, result["low"][0] if result["survival"][1] == 1 else 1.0)
    return result


def _drift(trajectory: Trajectory) -> dict:
    finite = np.isfinite(trajectory.potential_energy) & np.isfinite(trajectory.kinetic_energy)
    total = (trajectory.potential_energy + trajectory.kinetic_energy)[finite]
    n = len(trajectory.numbers)
    drift = energy_drift(trajectory.log_time_fs[finite], total, n)
    slope = _number(drift.drift)
    return {
        "drift_mev_per_atom_per_ps": slope,
        "drift_standard_error_mev_per_atom_per_ps": _number(drift.standard_error_mev_per_atom_per_ps),
        "drift_resolved": bool(drift.resolved) if slope is not None else None,
        "fluctuation_mev_per_atom": _number(drift.fluctuation_mev_per_atom),
        "kinetic_spread_mev_per_atom": _number(kinetic_spread_mev_per_atom(trajectory.kinetic_energy[finite], n)),
    }


def _element_temperatures(trajectory: Trajectory) -> dict[str, float | None]:
    if not len(trajectory.frame_time_fs) or not np.isfinite(trajectory.velocities).all():
        return {}
    numbers = trajectory.numbers
    values = element_temperatures(numbers, atomic_masses[numbers], trajectory.velocities)
    return {chemical_symbols[z]: _number(t) for z, t in values.items()}


def _distance_distribution_mae(trajectory: Trajectory, reference: Frames) -> float | None:
    if len(trajectory.numbers) < 2 or not (len(trajectory.positions) and len(reference)):
        return None
    span = max(float(np.ptp(p, axis=1).max()) for p in (trajectory.positions, reference.positions))
    r_max = np.ceil(np.sqrt(3) * span / H_R_BIN_ANGSTROM) * H_R_BIN_ANGSTROM
    mine, true = (
        pair_distance_histogram(p, r_max, H_R_BIN_ANGSTROM) for p in (trajectory.positions, reference.positions)
    )
    return _number(histogram_mae(mine, true, H_R_BIN_ANGSTROM))


def _mean(values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None


def _number(value) -> float | None:
    """A plain float for JSON; None for what is not finite."""
    return float(value) if np.isfinite(value) else None
