"""Force error along a model's own trajectory, frames of which the reference labelled afterwards.

Static frames show the errors where the reference goes. A model goes where its own forces lead: an error that grows in
time beyond the static one says that it leaves the region it knows.

Symbols in the shapes: K labelled frames, N atoms, B bins.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape, mean_or_nan
from compcalc.metrics.errors import force_mae_per_frame

BEFORE_FAILURE_PS = 0.05
"""Length of the last part of a failed run, ps: one or two periods of a C-C stretch, five of a C-H stretch."""


@dataclass(frozen=True)
class ForceErrorInTime:
    """Force MAE over the course of a run, meV/angstrom; NaN where no frame is.

    Attributes:
        edges_ps: limits of the bins, ps, (B + 1,).
        mae: of the frames of each bin, (B,).
        n_frames: labelled frames in each bin, (B,).
        whole: over all frames.
        before_failure: over the frames of the last part before the failure, or the last frame before it; NaN for a run
            that did not fail.
        static: the same model's MAE on the reference's frames of the same molecule; NaN where it is not known.
    """

    edges_ps: np.ndarray
    mae: np.ndarray
    n_frames: np.ndarray
    whole: float
    before_failure: float
    static: float

    @property
    def ratio(self) -> float:
        """Error on the own trajectory over the static one, without unit: above 1, the model leads itself astray."""
        return self.whole / self.static if self.static > 0 else float("nan")


def force_error_in_time(
    time_ps: ArrayLike,
    predicted: ArrayLike,
    reference: ArrayLike,
    *,
    n_bins: int = 5,
    failure_ps: float | None = None,
    before_ps: float = BEFORE_FAILURE_PS,
    static_mae: float = float("nan"),
) -> ForceErrorInTime:
    """Force MAE by time, and before the failure.

    Args:
        time_ps: of the labelled frames, ps, (K,), in any order, 0 or more.
        predicted: forces of the model that made the trajectory, eV/angstrom, (K, N, 3).
        reference: forces of the reference for the same frames, eV/angstrom, (K, N, 3); frames with a NaN in either,
            such as those that the reference could not label, do not count.
        n_bins: B, bins of equal length from 0 to the last frame.
        failure_ps: when the run failed, ps; None for one that did not.
        before_ps: length of the last part before the failure, ps.
        static_mae: force MAE of the model on reference frames of the molecule, meV/angstrom.

    Raises:
        InputError: shapes do not fit, a time is negative or not finite, or no bins.
    """
    time = as_shape("time_ps", time_ps, (None,), "(K,)")
    if not np.all(np.isfinite(time) & (time >= 0)):
        raise InputError("time_ps", time.tolist(), "finite times, 0 or more")
    if n_bins < 1:
        raise InputError("n_bins", n_bins, "at least 1")
    predicted = as_shape("predicted", predicted, (len(time), None, 3), f"({len(time)}, N, 3)")
    error = force_mae_per_frame(predicted, reference)
    time, error = time[np.isfinite(error)], error[np.isfinite(error)]
    edges = np.linspace(0, time.max(initial=0.0), n_bins + 1)
    bins = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, n_bins - 1)
    return ForceErrorInTime(
        edges_ps=edges,
        mae=np.array([mean_or_nan(error[bins == b]) for b in range(n_bins)]),
        n_frames=np.bincount(bins, minlength=n_bins),
        whole=mean_or_nan(error),
        before_failure=float("nan") if failure_ps is None else _before(time, error, failure_ps, before_ps),
        static=float(static_mae),
    )


def _before(time: np.ndarray, error: np.ndarray, failure_ps: float, before_ps: float) -> float:
    past = time <= failure_ps
    if not past.any():
        return float("nan")
    return mean_or_nan(error[past & (time >= min(failure_ps - before_ps, time[past].max()))])
