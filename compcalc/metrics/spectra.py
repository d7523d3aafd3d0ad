"""Vibrational density of states from the velocities of a run, and how two of them differ.

The density of states is the power spectrum of the mass-weighted velocities, the Fourier transform of their
autocorrelation (Wiener-Khinchin; Dickey and Paskin, Phys. Rev. 188, 1407 (1969); for molecules Thomas et al., Phys.
Chem. Chem. Phys. 15, 6608 (2013)). It is estimated with Welch's averaged periodograms (IEEE Trans. Audio Electroacoust.
15, 70 (1967)).

**Spacing of the frames.** A vibration of wavenumber w has the period 1/(c w): 9.0 fs for an O-H stretch at 3700 /cm.
Two frames a period are the least (Nyquist), so that frames every 10 fs do not suffice: they would show that stretch as
a peak at 367 /cm that does not exist. Velocities have to be stored every `LARGEST_SPACING_FS` or more often.

Symbols in the shapes: F frames, N atoms, K wavenumbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_indices, as_shape
from compcalc.units import PER_CM_PER_CYCLE_PER_FS

LARGEST_SPACING_FS = 4.0
"""Frames farther apart cannot tell stretches of hydrogen from slower motion; here the highest is 4170 /cm."""

RESOLUTION_PER_CM = 10.0
"""Width of a bin that is aimed at; a run shorter than 3.3 ps cannot give it."""

SEGMENTS = 4
"""Fewest segments, half overlapping, whose spectra are averaged where the run is too short for the resolution."""


@dataclass(frozen=True)
class VibrationalSpectrum:
    """Density of states of one run or several, with the area 1 over all wavenumbers.

    Attributes:
        wavenumber_per_cm: evenly spaced from 0, 1/cm, (K,).
        density: cm, (K,); NaN throughout where nothing moves.
        resolution_per_cm: distance of the wavenumbers, 1/cm; a sharp line is about 1.5 of it wide at half its height.
    """

    wavenumber_per_cm: np.ndarray
    density: np.ndarray
    resolution_per_cm: float


def vibrational_spectrum(
    runs: Sequence[ArrayLike],
    spacing_fs: float,
    masses: ArrayLike,
    *,
    atoms: ArrayLike | None = None,
    resolution_per_cm: float = RESOLUTION_PER_CM,
) -> VibrationalSpectrum:
    """Density of states of independent runs of one molecule, weighted by their length.

    The centre-of-mass velocity is taken out of each frame; rotation stays, below 100 /cm for all but the smallest.

    Args:
        runs: velocities of each run in the order of time, angstrom/fs, (F, N, 3) each; runs of fewer than 16 frames do
            not count.
        spacing_fs: time between frames, fs.
        masses: u, (N,).
        atoms: indices of the atoms whose motion counts; all by default.
        resolution_per_cm: width of a bin that is aimed at, 1/cm; a short run gives what it can.

    Raises:
        InputError: frames too far apart for a stretch of hydrogen, no run of 16 frames, velocities that are not finite,
            or shapes that do not fit.
    """
    if not 0 < spacing_fs <= LARGEST_SPACING_FS:
        remedy = "Store velocities more often: an O-H stretch takes 9 fs and is folded to a false place otherwise."
        raise InputError("spacing_fs", spacing_fs, f"above 0 and up to {LARGEST_SPACING_FS} fs", remedy)
    masses = as_shape("masses", masses, (None,), "(N,)")
    chosen = (
        np.arange(len(masses)) if atoms is None else as_indices("atoms", np.reshape(atoms, (-1, 1)), 1, len(masses))
    )
    shaped = [as_shape(f"runs[{r}]", v, (None, len(masses), 3), "(F, N, 3)") for r, v in enumerate(runs)]
    shaped = [v for v in shaped if len(v) >= 16]
    if not shaped or not all(np.isfinite(v).all() for v in shaped):
        raise InputError("runs", [np.shape(v) for v in runs], "at least one run of 16 frames or more, all finite")
    length = _segment_length(min(map(len, shaped)), spacing_fs, resolution_per_cm)
    powers = [_power(v, masses, np.ravel(chosen), length) * len(v) for v in shaped]
    step = PER_CM_PER_CYCLE_PER_FS / (length * spacing_fs)
    power = np.sum(powers, axis=0)
    area = power.sum() * step
    density = power / area if area > 0 else np.full(len(power), np.nan)
    return VibrationalSpectrum(step * np.arange(len(power)), density, step)


def spectral_overlap(first: VibrationalSpectrum, second: VibrationalSpectrum) -> float:
    """Integral of the smaller of two densities, without unit: 1 for equal spectra, 0 for spectra that share no line.

    Noise makes two runs of one system overlap less than 1: by how much says the overlap of two runs of the reference.

    Raises:
        InputError: resolutions that differ by more than a tenth: the coarser would be wider, and overlap less for that.
    """
    finer, coarser = sorted(s.resolution_per_cm for s in (first, second))
    if coarser > 1.1 * finer:
        remedy = f"Compute both with resolution_per_cm={coarser:.4g}."
        raise InputError("resolution_per_cm", (first.resolution_per_cm, second.resolution_per_cm), "the same", remedy)
    end = max(s.wavenumber_per_cm[-1] + s.resolution_per_cm for s in (first, second))
    edges = coarser * (np.arange(int(np.ceil(end / coarser)) + 2) - 0.5)
    return float(np.sum(np.minimum(*(np.diff(_cumulative(s, edges)) for s in (first, second)))))


def highest_peak(spectrum: VibrationalSpectrum, low_per_cm: float, high_per_cm: float) -> float:
    """Wavenumber of the highest point between the limits, 1/cm, by a parabola through the logarithms around it.

    NaN where the limits hold no point or nothing moves there.
    """
    inside = _inside(spectrum, low_per_cm, high_per_cm)
    if not len(inside) or not spectrum.density[inside].max() > 0:
        return float("nan")
    k = inside[np.argmax(spectrum.density[inside])]
    if k in (0, len(spectrum.density) - 1):
        return float(spectrum.wavenumber_per_cm[k])
    before, at, after = np.log(np.maximum(spectrum.density[k - 1 : k + 2], 1e-12 * spectrum.density[k]))
    curvature = before - 2 * at + after
    shift = np.clip((before - after) / (2 * curvature), -0.5, 0.5) if curvature < 0 else 0.0
    return float(spectrum.wavenumber_per_cm[k] + shift * spectrum.resolution_per_cm)


def centroid(spectrum: VibrationalSpectrum, low_per_cm: float, high_per_cm: float) -> tuple[float, float]:
    """Mean wavenumber between the limits, weighted by the density, 1/cm, and the share of the whole area there, 0 to 1.

    NaN for the mean where nothing moves there.
    """
    inside = _inside(spectrum, low_per_cm, high_per_cm)
    weight = spectrum.density[inside]
    total = float(weight.sum())
    mean = float(weight @ spectrum.wavenumber_per_cm[inside] / total) if total > 0 else float("nan")
    return mean, total * spectrum.resolution_per_cm


def _inside(spectrum: VibrationalSpectrum, low: float, high: float) -> np.ndarray:
    return np.flatnonzero((spectrum.wavenumber_per_cm >= low) & (spectrum.wavenumber_per_cm <= high))


def _segment_length(n_frames: int, spacing_fs: float, resolution_per_cm: float) -> int:
    """Frames of a segment: what the resolution needs, but short enough for `SEGMENTS` half-overlapping ones."""
    wanted = round(PER_CM_PER_CYCLE_PER_FS / (resolution_per_cm * spacing_fs))
    return max(8, min(wanted, 2 * n_frames // (SEGMENTS + 1)))


def _power(velocities: np.ndarray, masses: np.ndarray, atoms: np.ndarray, length: int) -> np.ndarray:
    from scipy.signal import welch  # takes a good part of a second to import

    centre = np.einsum("n,fnk->fk", masses, velocities) / masses.sum()
    moving = (velocities - centre[:, None])[:, atoms].reshape(len(velocities), -1)
    _, power = welch(moving, window="hann", nperseg=length, detrend="constant", axis=0)
    return power @ np.repeat(masses[atoms], 3)


def _cumulative(spectrum: VibrationalSpectrum, edges: np.ndarray) -> np.ndarray:
    """Area below each of `edges`, each wavenumber spread evenly over its bin."""
    step = spectrum.resolution_per_cm
    own = np.append(spectrum.wavenumber_per_cm - step / 2, spectrum.wavenumber_per_cm[-1] + step / 2)
    return np.interp(edges, own, np.append(0, np.cumsum(spectrum.density) * step))
