"""Bands of the vibrational spectrum: where the stretches lie, and how far a potential moves them.

The windows follow the group frequencies of organic molecules (Socrates, Infrared and Raman Characteristic Group
Frequencies, 3rd ed., Wiley 2001), widened by what a semi-empirical or learned potential may be wrong. O-H, N-H and C-H
windows then overlap; each is therefore read from the spectrum of its own atoms alone, in which the others have no
weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.metrics._arrays import as_indices
from compcalc.metrics.spectra import RESOLUTION_PER_CM, VibrationalSpectrum, centroid, vibrational_spectrum

FEWEST_SHARE = 0.05
"""A band with less of its atoms' spectrum has no place: the window holds only what leaks or broadens into it."""


@dataclass(frozen=True)
class Band:
    """A window of wavenumbers and the atoms whose motion is read in it.

    Attributes:
        name: of the band.
        low_per_cm: lower limit, 1/cm.
        high_per_cm: upper limit, 1/cm.
        atom: atomic number of the atoms; 0 for all atoms.
        partner: atomic number of the one neighbour that they have; 0 for any neighbours.
    """

    name: str
    low_per_cm: float
    high_per_cm: float
    atom: int = 0
    partner: int = 0


BANDS = (
    Band("O-H stretch", 2700, 4100, 1, 8),
    Band("N-H stretch", 2700, 4000, 1, 7),
    Band("C-H stretch", 2500, 3500, 1, 6),
    Band("C=O stretch", 1500, 2100, 8, 6),
    Band("fingerprint", 500, 1500),
)
"""Usual places, 1/cm: O-H 3200-3700, N-H 3250-3550, C-H 2700-3150, C=O 1630-1850. C=O is read from oxygen atoms with
carbon as their one neighbour, the fingerprint from all atoms."""


def band_atoms(band: Band, numbers: ArrayLike, bonds: ArrayLike) -> np.ndarray:
    """Indices of the atoms that a band is read from, (X,) int.

    Args:
        band: one of `BANDS`.
        numbers: atomic numbers, (N,).
        bonds: atom index pairs, (B, 2).

    Raises:
        InputError: an index is out of range.
    """
    numbers = np.asarray(numbers, dtype=int)
    if not band.atom:
        return np.arange(len(numbers))
    bonds = as_indices("bonds", bonds, 2, len(numbers))
    degree = np.bincount(bonds.ravel(), minlength=len(numbers))
    both = np.concatenate([bonds, bonds[:, ::-1]])
    mine, other = both.T
    return np.unique(mine[(numbers[mine] == band.atom) & (numbers[other] == band.partner) & (degree[mine] == 1)])


def band_centroids(
    runs: Sequence[ArrayLike],
    spacing_fs: float,
    numbers: ArrayLike,
    masses: ArrayLike,
    bonds: ArrayLike,
    *,
    resolution_per_cm: float = RESOLUTION_PER_CM,
) -> dict[str, float]:
    """Band -> mean wavenumber of its atoms' motion within its window, 1/cm; only bands that the molecule has.

    The difference of two such means, model less reference, is the shift of the band. A band that leaves its window is
    missing from the result.

    Args:
        runs: velocities of each run, angstrom/fs, (F, N, 3) each.
        spacing_fs: time between frames, fs.
        numbers: atomic numbers, (N,).
        masses: u, (N,).
        bonds: atom index pairs, (B, 2).
        resolution_per_cm: width of a bin that is aimed at, 1/cm.

    Raises:
        InputError: as `vibrational_spectrum`.
    """
    result = {}
    for band in BANDS:
        atoms = band_atoms(band, numbers, bonds)
        if not len(atoms):
            continue
        spectrum: VibrationalSpectrum = vibrational_spectrum(
            runs, spacing_fs, masses, atoms=atoms, resolution_per_cm=resolution_per_cm
        )
        mean, share = centroid(spectrum, band.low_per_cm, band.high_per_cm)
        if share >= FEWEST_SHARE:
            result[band.name] = mean
    return result


def band_shifts(model: dict[str, float], reference: dict[str, float]) -> dict[str, float]:
    """Band -> mean wavenumber of the model less that of the reference, 1/cm, for the bands that both have.

    Args:
        model: from `band_centroids`.
        reference: the same of a run of the reference method.
    """
    return {name: model[name] - reference[name] for name in model if name in reference}
