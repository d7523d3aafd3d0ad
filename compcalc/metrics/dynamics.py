"""The dynamic metrics of a run: one row an MD run, then survival and outcomes by protocol."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from compcalc.metrics.attribution import EnergyCause
from compcalc.metrics.breaking import (
    HeatedRuns,
    breaking_temperature_difference,
    mean_breaking_temperature,
    median_breaking_temperature,
)
from compcalc.metrics.clustered import clustered_curve, clustered_restricted_mean
from compcalc.metrics.equipartition import ElementTemperature, combine_elements
from compcalc.metrics.run_parts import (
    NoiseLike,
    ProtocolLike,
    conservation,
    element_temperatures,
    energy_books,
    explained_by_noise,
    heating,
    number,
    structure,
    truth,
    vibrations,
)
from compcalc.metrics.statistics import Interval
from compcalc.metrics.survival import kaplan_meier
from compcalc.metrics.temperature import start_temperature
from compcalc.records import Frames, OutcomeKind, Trajectory

NVT_TEMPERATURE_K = 300.0
"""What the thermostat of a run without a known protocol was set to."""

WORDS = ("energy_cause", "step_control_verdict")
"""Metrics of a row in words; None where nothing can be said."""

NUMBERS = (
    "drift_mev_per_atom_per_ps",
    "drift_standard_error_mev_per_atom_per_ps",
    "drift_noise_floor_mev_per_atom_per_ps",
    "drift_resolved",
    "fluctuation_mev_per_atom",
    "kinetic_spread_mev_per_atom",
    "energy_jumps",
    "largest_energy_jump_mev_per_atom",
    "largest_energy_jump_at_ps",
    "visible_energy_jump_mev_per_atom",
    "energy_imbalance_mev_per_atom_per_ps",
    "step_control_ratio",
    "temperature_mean_k",
    "temperature_target_k",
    "temperature_asked_k",
    "distance_distribution_mae",
    "vibrational_overlap",
    "vibrational_resolution_per_cm",
    "ramp_start_k",
    "ramp_end_k",
    "ended_at_temperature_k",
    "breaking_temperature_k",
    "trajectory_force_mae_mev_per_angstrom",
    "trajectory_force_mae_before_failure_mev_per_angstrom",
    "trajectory_force_mae_ratio",
)
"""Metrics of a row that are one number; None where nothing can be said."""

GROUPS = (
    "temperature_by_element_k",
    "temperature_by_element_error_k",
    "temperature_by_element_z",
    *(f"bond_length_{part}_angstrom" for part in ("mean_difference", "deviation_difference", "wasserstein", "chance")),
    *(f"bond_angle_{part}_degrees" for part in ("mean_difference", "deviation_difference", "wasserstein", "chance")),
    "band_per_cm",
    "band_shift_per_cm",
    "trajectory_force_mae_by_time",
)
"""Metrics of a row by element, bond type, band or time; empty where nothing can be said."""


def run_row(
    trajectory: Trajectory,
    asked_ps: float,
    reference: Frames | None,
    split: str = "ood",
    *,
    protocol: ProtocolLike | None = None,
    noise: NoiseLike | None = None,
    bonds: np.ndarray | None = None,
    reference_run: Trajectory | None = None,
    labelled: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    static_force_mae: float | None = None,
) -> dict:
    """Every dynamic metric of one MD run; None or empty where nothing can be said.

    Args:
        trajectory: the run.
        asked_ps: length of production that was asked for, ps.
        reference: frames of the reference method, for the distributions of distances, bond lengths and angles; only
            compared with an NVT run that reached its end.
        split: which side of the task the molecule stands on.
        protocol: what the run followed; its `temperature_k` is the target of an NVT run and the start of a ramp to
            `end_temperature_k`, which lasts `production_ps`.
        noise: scatter of the potential; without it, the floor of the drift is that of the rounding of its energies.
        bonds: bonded pairs, (B, 2), for the bands; those of `reference` where they are not given.
        reference_run: a finished run of the reference method of the same protocol, for the vibrational spectrum.
        labelled: time (K,) in ps and predicted and reference forces (K, N, 3) in eV/angstrom of frames of this run.
        static_force_mae: the model's force MAE on the reference frames of the molecule, meV/angstrom.
    """
    outcome = trajectory.outcome
    row = {
        "molecule": trajectory.molecule.name,
        "smiles": trajectory.molecule.smiles,
        "split": split,
        "n_atoms": len(trajectory.numbers),
        "degrees_of_freedom": trajectory.degrees_of_freedom,
        "protocol": trajectory.protocol,
        "ensemble": trajectory.ensemble,
        "replica": trajectory.replica,
        "outcome": str(outcome.kind),
        "phase": outcome.phase,
        "time_ps": outcome.time_ps,
        "asked_ps": asked_ps,
        "cause": outcome.cause,
        "atoms": list(outcome.atoms),
        **dict.fromkeys((*WORDS, *NUMBERS)),
        **{key: {} for key in GROUPS},
        "ms_per_step": 1000 * trajectory.seconds / trajectory.n_steps if trajectory.n_steps else None,
        "seconds": number(trajectory.seconds),
    }
    row["temperature_mean_k"] = _mean(trajectory.temperature)
    finished = outcome.kind is OutcomeKind.COMPLETED
    if trajectory.ensemble == "nvt" and finished and len(trajectory.frame_time_fs):
        row["temperature_target_k"] = protocol.temperature_k if protocol else NVT_TEMPERATURE_K
    row.update(element_temperatures(trajectory, row["temperature_target_k"]))
    row["cause"] = _cause(trajectory, protocol, noise)
    if trajectory.ensemble == "nve":
        asked_k = protocol.temperature_k if protocol else NVT_TEMPERATURE_K
        row["temperature_asked_k"] = None if row["temperature_mean_k"] is None else asked_k
        row.update(conservation(trajectory, protocol, noise))
        row.update(energy_books(trajectory, protocol, noise))
        bonds = reference.bonds if bonds is None and reference is not None else bonds
        if finished and bonds is not None:
            row.update(vibrations(trajectory, bonds, reference_run))
    if trajectory.ensemble == "nvt" and finished and reference is not None:
        row.update(structure(trajectory, reference))
    if trajectory.ensemble == "heat":
        row.update(heating(trajectory, protocol))
    if labelled is not None:
        row.update(truth(trajectory, *labelled, static_force_mae))
    return row


def _cause(trajectory: Trajectory, protocol: ProtocolLike | None, noise: NoiseLike | None) -> str:
    """The cause of the end, which a run cannot know where it is noise that the examination before it measured."""
    cause = trajectory.outcome.cause
    what, colon, why = cause.rpartition(": ")
    guessed = why in (EnergyCause.TIME_STEP.words, EnergyCause.NOT_GRADIENT.words)
    if colon and guessed and explained_by_noise(trajectory, protocol, noise):
        return f"{what}: {EnergyCause.NOISE.words}"
    return cause


def summarise(rows: Sequence[dict], seed: int = 0, reference_rows: Sequence[dict] = ()) -> dict[str, dict]:
    """Survival, outcomes, drift, temperatures and breaking temperatures by protocol.

    Only physical outcomes count for survival; a run that ended otherwise is counted apart. A break during
    equilibration is an event at time 0.

    Args:
        rows: from `run_row`.
        seed: of the bootstrap over molecules and replicas.
        reference_rows: the same of the reference method, for the difference of the breaking temperatures by protocol.
    """
    result = {}
    for protocol in sorted({row["protocol"] for row in rows}):
        mine, beside = ([row for row in some if row["protocol"] == protocol] for some in (rows, reference_rows))
        physical = [row for row in mine if OutcomeKind(row["outcome"]).physical]
        unstable = [OutcomeKind(row["outcome"]).unstable for row in physical]
        drifts = _known(mine, "drift_mev_per_atom_per_ps")
        jumps = _known(mine, "energy_jumps")
        result[protocol] = {
            "n_runs": len(mine),
            "n_physical": len(physical),
            "n_stable": len(physical) - sum(unstable),
            "n_other": len(mine) - len(physical),
            "median_drift_mev_per_atom_per_ps": float(np.median(drifts)) if drifts else None,
            "n_drift_resolved": sum(_known(mine, "drift_resolved")) if drifts else None,
            "energy_jumps": sum(jumps) if jumps else None,
            "n_runs_with_jumps": sum(count > 0 for count in jumps) if jumps else None,
            "survival": _survival(physical, unstable, seed),
            "restricted_mean_survival_ps": _restricted_mean(physical, unstable, seed),
            "equipartition": _equipartition(mine),
            "start_temperature": _start_temperature(mine),
            "breaking_temperature_k": _breaking(mine, beside, seed),
            "vibrational_overlap": _mean(np.array(_known(mine, "vibrational_overlap"), dtype=float)),
            "band_shift_per_cm": _mean_shifts(mine),
            "outcomes": dict(sorted(Counter(row["outcome"] for row in mine).items())),
        }
    return result


def _times(physical: Sequence[dict]) -> np.ndarray:
    return np.array([0.0 if row["phase"] == "equilibration" else row["time_ps"] for row in physical])


def _survival(physical: Sequence[dict], unstable: list[bool], seed: int) -> dict | None:
    if not physical:
        return None
    times, molecules = _times(physical), [row["molecule"] for row in physical]
    curve, clustered = kaplan_meier(times, unstable), clustered_curve(times, unstable, molecules, seed)
    result = {
        "time_ps": curve.time_ps.tolist(),
        "survival": curve.survival.tolist(),
        "low": curve.low.tolist(),
        "high": curve.high.tolist(),
        "clustered_low": clustered.low.tolist(),
        "clustered_high": clustered.high.tolist(),
    }
    if result["time_ps"][0] > 0:
        # The curve begins with every run alive, and there with the limits that hold until the first run ends.
        unbroken = result["survival"][0] == 1
        for name, values in result.items():
            start = values[0] if name.endswith("low") and unbroken else 1.0
            values.insert(0, 0.0 if name == "time_ps" else start)
    return result


def _restricted_mean(physical: Sequence[dict], unstable: list[bool], seed: int) -> dict | None:
    """Over the shortest length that was asked for, with the interval over molecules and replicas."""
    until = min((row["asked_ps"] for row in physical), default=0)
    if not until > 0:
        return None
    molecules = [row["molecule"] for row in physical]
    found = clustered_restricted_mean(_times(physical), unstable, molecules, until, seed)
    return _interval(found) | {"until_ps": until}


def _mean_shifts(rows: Sequence[dict]) -> dict[str, float]:
    """Band -> mean over the runs that have it of its shift from the reference method, 1/cm."""
    shifts: dict[str, list[float]] = {}
    for row in rows:
        for band, shift in row["band_shift_per_cm"].items():
            shifts.setdefault(band, []).append(shift)
    return {band: float(np.mean(values)) for band, values in shifts.items()}


def _equipartition(rows: Sequence[dict]) -> dict[str, dict]:
    """Element -> temperature over the runs at one target, each run counting alike."""
    items = [
        {
            symbol: ElementTemperature(
                kelvin, row["temperature_by_element_error_k"][symbol], row["temperature_target_k"]
            )
            for symbol, kelvin in row["temperature_by_element_k"].items()
            if row["temperature_by_element_error_k"].get(symbol) is not None
        }
        for row in rows
    ]
    return {
        symbol: {
            "temperature_k": item.temperature_k,
            "standard_error_k": item.standard_error_k,
            "expected_k": item.expected_k,
            "z": number(item.z),
            "off": bool(item.off),
        }
        for symbol, item in combine_elements(items).items()
    }


def _start_temperature(rows: Sequence[dict]) -> dict | None:
    """Of the finished NVE runs that keep their energy: one that gains some has a temperature of its own making."""
    keeps = [
        row
        for row in rows
        if row["outcome"] == OutcomeKind.COMPLETED and row["energy_cause"] == EnergyCause.CONSERVED
        if row["temperature_mean_k"] is not None and row["degrees_of_freedom"]
    ]
    keys = ("temperature_mean_k", "temperature_asked_k", "degrees_of_freedom")
    found = start_temperature(*(np.array([row[key] for row in keeps], dtype=float) for key in keys))
    if not found.n_runs:
        return None
    return {
        "ratio": found.ratio,
        "standard_error": found.standard_error,
        "n_runs": found.n_runs,
        "verdict": found.verdict,
    }


def _breaking(rows: Sequence[dict], reference_rows: Sequence[dict], seed: int) -> dict | None:
    """Median and mean breaking temperature of the runs on a ramp, and the mean less that of the reference method."""
    runs, reference = _heated(rows), _heated(reference_rows)
    if runs is None:
        return None
    same_ramp = reference is not None and (reference.start_k, reference.end_k) == (runs.start_k, runs.end_k)
    difference = _interval(breaking_temperature_difference(runs, reference, seed)) if same_ramp else None
    return {
        "median": _interval(median_breaking_temperature(runs, seed)),
        "mean": number(mean_breaking_temperature(runs)),
        "n_runs": len(runs.broke),
        "n_broke": int(runs.broke.sum()),
        "n_censored": int((~runs.broke).sum()),
        "difference": difference,
    }


def _heated(rows: Sequence[dict]) -> HeatedRuns | None:
    """The runs on a ramp, those that were cut off censored there; None without any or where the ramps differ."""
    heated = [row for row in rows if row["ended_at_temperature_k"] is not None]
    ramps = {(row["ramp_start_k"], row["ramp_end_k"]) for row in heated}
    if len(ramps) != 1:
        return None
    temperatures = np.array([row["ended_at_temperature_k"] for row in heated])
    broke = np.array([row["breaking_temperature_k"] is not None for row in heated])
    return HeatedRuns(temperatures, broke, [row["molecule"] for row in heated], *ramps.pop())


def _interval(interval: Interval) -> dict:
    return {"value": number(interval.value), "low": number(interval.low), "high": number(interval.high)}


def _known(rows: Sequence[dict], key: str) -> list:
    return [row[key] for row in rows if row[key] is not None]


def _mean(values: np.ndarray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
