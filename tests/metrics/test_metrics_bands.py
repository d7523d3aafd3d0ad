"""Bands of a molecule whose atoms each vibrate at a wavenumber that is known."""

import numpy as np
import pytest

from compcalc.metrics.bands import BANDS, band_atoms, band_centroids, band_shifts
from compcalc.units import PER_CM_PER_CYCLE_PER_FS

# Glycine: N, C, C, O (carbonyl), O (hydroxyl), H2 on N, H2 on C, H on O.
NUMBERS = np.array([7, 6, 6, 8, 8, 1, 1, 1, 1, 1])
BONDS = np.array([[0, 1], [1, 2], [2, 3], [2, 4], [0, 5], [0, 6], [1, 7], [1, 8], [4, 9]])
MASSES = np.where(NUMBERS == 1, 1.008, 14.0)
LINES = {3: 1750, 5: 3400, 6: 3400, 7: 2950, 8: 2950, 9: 3550, 0: 900, 1: 1100}


def _velocities(shift=None, frames=4000) -> np.ndarray:
    time, velocities = np.arange(float(frames)), np.zeros((frames, len(NUMBERS), 3))
    for atom, wavenumber in LINES.items():
        omega = 2 * np.pi * (wavenumber + (shift or {}).get(atom, 0)) / PER_CM_PER_CYCLE_PER_FS
        velocities[:, atom, atom % 3] = np.cos(omega * time + atom)
    return velocities


def _centroids(velocities):
    return band_centroids([velocities], 1.0, NUMBERS, MASSES, BONDS)


def test_atoms_of_each_band():
    found = {band.name: band_atoms(band, NUMBERS, BONDS).tolist() for band in BANDS}
    assert found == {
        "O-H stretch": [9],
        "N-H stretch": [5, 6],
        "C-H stretch": [7, 8],
        "C=O stretch": [3],
        "fingerprint": list(range(10)),
    }


def test_each_band_has_the_place_of_its_own_atoms():
    found = _centroids(_velocities())
    assert found["O-H stretch"] == pytest.approx(3550, abs=10)
    assert found["N-H stretch"] == pytest.approx(3400, abs=10)
    assert found["C-H stretch"] == pytest.approx(2950, abs=10)
    assert found["C=O stretch"] == pytest.approx(1750, abs=10)
    assert 900 < found["fingerprint"] < 1100


def test_a_known_shift_of_one_band_leaves_the_others():
    reference = _centroids(_velocities())
    shifts = band_shifts(_centroids(_velocities({9: -120, 3: 40})), reference)
    assert shifts["O-H stretch"] == pytest.approx(-120, abs=5)
    assert shifts["C=O stretch"] == pytest.approx(40, abs=5)
    assert shifts["N-H stretch"] == pytest.approx(0, abs=1)
    assert shifts["C-H stretch"] == pytest.approx(0, abs=1)


def test_a_band_that_left_its_window_has_no_place():
    assert "C=O stretch" not in _centroids(_velocities({3: -600}))
    assert set(band_shifts(_centroids(_velocities({3: -600})), _centroids(_velocities()))) == {
        "O-H stretch",
        "N-H stretch",
        "C-H stretch",
        "fingerprint",
    }


def test_a_molecule_without_a_group_lacks_its_band():
    methane = np.array([6, 1, 1, 1, 1]), np.array([[0, k] for k in range(1, 5)])
    velocities = np.zeros((1000, 5, 3))
    velocities[:, 1, 0] = np.cos(2 * np.pi * 3000 / PER_CM_PER_CYCLE_PER_FS * np.arange(1000.0))
    found = band_centroids([velocities], 1.0, methane[0], np.array([12.0, 1, 1, 1, 1]), methane[1])
    assert set(found) == {"C-H stretch"}
    assert found["C-H stretch"] == pytest.approx(3000, abs=15)
