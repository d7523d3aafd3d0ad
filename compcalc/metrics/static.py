"""The static metrics of a run: one row a molecule, then means and the OOD/ID ratio with intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from ase.data import chemical_symbols

from compcalc.metrics import errors
from compcalc.metrics.statistics import bootstrap_mean, bootstrap_ratio
from compcalc.records import Frames, Prediction

FRAME_METRICS = ("force_mae_mev_per_angstrom", "energy_mae_mev_per_atom")
"""Metrics that are means over frames, whose intervals resample molecules and frames."""
MOLECULE_METRICS = (
    "force_vector_mae_mev_per_angstrom",
    "force_rmse_mev_per_angstrom",
    "force_cosine",
    "relative_force_mae",
    "energy_mae_mev",
    "relative_energy_mae_mev_per_atom",
    "shifted_energy_mae_mev_per_atom",
    "energy_spread_mev_per_atom",
)
"""Metrics with one value a molecule, whose intervals resample molecules."""


def molecule_row(
    frames: Frames,
    prediction: Prediction,
    split: str,
    *,
    environments: Sequence[str],
    chain_end: Sequence[int],
    shift: Mapping[int, float],
) -> dict:
    """Every static metric of one molecule over the frames that did not fail; None where nothing can be said.

    Args:
        frames: the reference.
        prediction: of the same frames.
        split: `id` or `ood`.
        environments: bonded environment of each atom, (N,).
        chain_end: distance of each atom from the chain's end in bonds, (N,).
        shift: atomic number -> energy shift in eV that `shifted_energy_mae` removes.
    """
    good = prediction.good
    energy, reference = prediction.energy[good], frames.energy[good]
    forces, true_forces = prediction.forces[good], frames.forces[good]
    n = len(frames.numbers)
    symbols = [chemical_symbols[z] for z in frames.numbers]
    values = {
        "force_mae_mev_per_angstrom": errors.force_mae(forces, true_forces),
        "force_vector_mae_mev_per_angstrom": errors.force_vector_mae(forces, true_forces),
        "force_rmse_mev_per_angstrom": errors.force_rmse(forces, true_forces),
        "force_cosine": errors.force_cosine(forces, true_forces),
        "relative_force_mae": errors.relative_force_mae(forces, true_forces),
        "energy_mae_mev": errors.energy_mae(energy, reference),
        "energy_mae_mev_per_atom": errors.energy_mae_per_atom(energy, reference, n),
        "relative_energy_mae_mev_per_atom": errors.relative_energy_mae_per_atom(energy, reference, n),
        "shifted_energy_mae_mev_per_atom": errors.shifted_energy_mae_per_atom(energy, reference, frames.numbers, shift),
        "energy_spread_mev_per_atom": _mean_spread(prediction) / n,
        "ms_per_frame": 1000 * prediction.seconds / max(1, len(frames)),
    }
    return {
        "molecule": frames.molecule.name,
        "smiles": frames.molecule.smiles,
        "split": split,
        "n_atoms": n,
        "n_frames": len(frames),
        "n_failed": len(prediction.failures),
        "failures": {str(k): v for k, v in sorted(prediction.failures.items())},
        **{name: _number(value) for name, value in values.items()},
        "force_mae_by_element": _by_label(forces, true_forces, symbols),
        "force_mae_by_environment": _by_label(forces, true_forces, list(environments)),
        "force_mae_by_chain_end": _by_label(forces, true_forces, [str(d) for d in chain_end]),
    }


def element_shift(pairs: Sequence[tuple[Frames, Prediction]]) -> dict[int, float]:
    """Per-element energy shift in eV, fitted to the mean energy errors of the ID training molecules."""
    usable = [(f, p) for f, p in pairs if p.good.any()]
    if not usable:
        return {}
    means = [float(np.mean(p.energy[p.good] - f.energy[p.good])) for f, p in usable]
    return errors.fit_element_shift([f.numbers for f, _ in usable], means)


def summarise(rows: Sequence[dict], pairs: Sequence[tuple[Frames, Prediction]], seed: int) -> dict:
    """Means over molecules with confidence intervals for each split, and the OOD/ID ratio of the force MAE.

    Args:
        rows: from `molecule_row`.
        pairs: frames and prediction of each row, in the same order.
        seed: of the bootstrap.
    """
    per_frame = [_per_frame(frames, prediction) for frames, prediction in pairs]
    result = {"level": 0.95, "n_resamples": 2000, "ratio": None}
    for split in ("id", "ood"):
        chosen = [k for k, row in enumerate(rows) if row["split"] == split and row["n_failed"] < row["n_frames"]]
        result[split] = _split_summary([rows[k] for k in chosen], [per_frame[k] for k in chosen], seed)
    forces = {
        split: [
            frame["force_mae_mev_per_angstrom"]
            for row, frame in zip(rows, per_frame, strict=True)
            if row["split"] == split and row["n_failed"] < row["n_frames"]
        ]
        for split in ("id", "ood")
    }
    if forces["id"] and forces["ood"] and np.concatenate(forces["id"]).mean() > 0:
        result["ratio"] = _interval(bootstrap_ratio(forces["ood"], forces["id"], seed=seed))
    return result


def _mean_spread(prediction: Prediction) -> float:
    """Mean over frames of the ensemble's standard deviation, meV; NaN for what is no ensemble."""
    if prediction.spread is None or not np.isfinite(prediction.spread[prediction.good]).any():
        return float("nan")
    return 1000 * float(np.nanmean(prediction.spread[prediction.good]))


def _per_frame(frames: Frames, prediction: Prediction) -> dict[str, np.ndarray]:
    good = prediction.good
    difference = np.abs(prediction.energy[good] - frames.energy[good])
    return {
        "force_mae_mev_per_angstrom": errors.force_mae_per_frame(prediction.forces[good], frames.forces[good]),
        "energy_mae_mev_per_atom": 1000 * difference / len(frames.numbers),
    }


def _split_summary(rows: Sequence[dict], per_frame: Sequence[dict], seed: int) -> dict:
    if not rows:
        return {}
    summary = {
        name: _interval(bootstrap_mean([frame[name] for frame in per_frame], seed=seed)) for name in FRAME_METRICS
    }
    for name in MOLECULE_METRICS:
        values = [np.array([row[name]]) for row in rows if row[name] is not None]
        if values:
            summary[name] = _interval(bootstrap_mean(values, seed=seed))
    return summary


def _interval(interval) -> dict:
    return {"value": _number(interval.value), "low": _number(interval.low), "high": _number(interval.high)}


def _by_label(predicted: np.ndarray, reference: np.ndarray, labels: list[str]) -> dict[str, float | None]:
    values = errors.force_mae_by_label(predicted, reference, labels)
    return {label: _number(values[label]) for label in sorted(values)}


def _number(value) -> float | None:
    """A plain float for JSON; None for what is not finite."""
    return float(value) if np.isfinite(value) else None
