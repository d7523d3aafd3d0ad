"""Vibrational spectra of oscillators whose frequencies are known in closed form."""

import numpy as np
import pytest
from scipy.constants import speed_of_light

from compcalc.errors import InputError
from compcalc.metrics.spectra import centroid, highest_peak, spectral_overlap, vibrational_spectrum
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, PER_CM_PER_CYCLE_PER_FS

MASSES = np.array([15.999, 1.008])
REDUCED = MASSES.prod() / MASSES.sum()
SPACING_FS = 1.0


def _line(*wavenumbers: float, frames=4000, spacing_fs=SPACING_FS, seed=0, heights=None) -> np.ndarray:
    """Velocities of a diatomic whose relative motion has these lines, 1/cm, (F, 2, 3)."""
    rng, time = np.random.default_rng(seed), spacing_fs * np.arange(frames)
    heights = heights or [1.0] * len(wavenumbers)
    omega = [2 * np.pi * w / PER_CM_PER_CYCLE_PER_FS for w in wavenumbers]
    relative = sum(h * np.cos(o * time + rng.uniform(0, 6)) for h, o in zip(heights, omega, strict=True))
    shares = np.array([-MASSES[1], MASSES[0]]) / MASSES.sum()
    return 0.01 * relative[:, None, None] * shares[:, None] * np.array([0.6, 0.0, 0.8])


def _verlet_diatomic(stiffness: float, frames: int, timestep_fs: float) -> np.ndarray:
    """Velocities of a harmonic diatomic of the given stiffness (eV/angstrom^2), each step."""
    x, v = 0.05, 0.0
    found = np.empty(frames)
    scale = stiffness / (REDUCED * EV_PER_U_ANGSTROM2_PER_FS2)
    for k in range(frames):
        found[k] = v
        v -= 0.5 * timestep_fs * scale * x
        x += timestep_fs * v
        v -= 0.5 * timestep_fs * scale * x
    shares = np.array([-MASSES[1], MASSES[0]]) / MASSES.sum()
    return found[:, None, None] * shares[:, None] * np.array([0.0, 0.0, 1.0])


def test_the_conversion_is_one_over_the_speed_of_light():
    assert pytest.approx(1e15 / (100 * speed_of_light)) == PER_CM_PER_CYCLE_PER_FS


def test_a_diatomic_vibrates_at_the_root_of_stiffness_over_reduced_mass():
    stiffness = 48.0  # eV/angstrom^2, about that of O-H
    expected_hz = np.sqrt(stiffness * 1.602176634e-19 / 1e-20 / (REDUCED * 1.66053907e-27)) / (2 * np.pi)
    expected = expected_hz / (100 * speed_of_light)
    assert 3600 < expected < 3800
    spectrum = vibrational_spectrum([_verlet_diatomic(stiffness, 10_000, 0.2)], 0.2, MASSES, resolution_per_cm=20)
    assert highest_peak(spectrum, 100, 4200) == pytest.approx(expected, abs=0.5 * spectrum.resolution_per_cm)


def test_a_wrong_unit_of_time_puts_the_line_elsewhere():
    in_atomic_units = vibrational_spectrum([_line(1000)], SPACING_FS / 2.418884e-2 / 20, MASSES)
    assert highest_peak(in_atomic_units, 0, 8000) == pytest.approx(1000 * 20 * 2.418884e-2, rel=0.02)
    with pytest.raises(InputError, match="spacing_fs"):
        vibrational_spectrum([_line(1000)], SPACING_FS / 2.418884e-2, MASSES)


@pytest.mark.parametrize("wavenumber", [200.0, 1033.3, 1750.0, 3700.0])
@pytest.mark.parametrize("spacing_fs", [0.5, 1.0, 4.0])
def test_a_line_is_found_within_the_resolution_and_has_the_area_one(wavenumber, spacing_fs):
    spectrum = vibrational_spectrum([_line(wavenumber, spacing_fs=spacing_fs)], spacing_fs, MASSES)
    assert highest_peak(spectrum, 0, 4200) == pytest.approx(wavenumber, abs=0.3 * spectrum.resolution_per_cm)
    assert spectrum.density.sum() * spectrum.resolution_per_cm == pytest.approx(1)
    mean, share = centroid(spectrum, wavenumber - 100, wavenumber + 100)
    assert mean == pytest.approx(wavenumber, abs=2)
    assert share == pytest.approx(1, abs=0.01)


def test_frames_every_ten_femtoseconds_are_refused_since_they_fold_a_stretch():
    velocities = _line(3700, spacing_fs=10.0)
    with pytest.raises(InputError, match="spacing_fs: got 10.0.*up to 4.0 fs.*Store velocities more often"):
        vibrational_spectrum([velocities], 10.0, MASSES)
    relative = velocities[:, 1, 2]
    power = np.abs(np.fft.rfft(relative)) ** 2
    folded = np.argmax(power) / (len(relative) * 10.0) * PER_CM_PER_CYCLE_PER_FS
    assert folded == pytest.approx(3700 - PER_CM_PER_CYCLE_PER_FS / 10, abs=2)


def test_equal_energy_in_each_mode_gives_each_the_same_area_whatever_its_mass():
    """Two atoms of unlike mass, each tied to its own place: weights by mass make the areas those of the energies."""
    rng, time = np.random.default_rng(1), np.arange(4000.0)
    masses = np.array([16.0, 1.0, 1e9])
    velocities = np.zeros((4000, 3, 3))
    for atom, wavenumber in ((0, 800), (1, 3000)):
        omega = 2 * np.pi * wavenumber / PER_CM_PER_CYCLE_PER_FS
        velocities[:, atom, 0] = np.cos(omega * time + rng.uniform(0, 6)) / np.sqrt(masses[atom])
    spectrum = vibrational_spectrum([velocities], 1.0, masses)
    assert centroid(spectrum, 600, 1000)[1] == pytest.approx(0.5, abs=0.01)
    assert centroid(spectrum, 2800, 3200)[1] == pytest.approx(0.5, abs=0.01)
    alone = vibrational_spectrum([velocities], 1.0, masses, atoms=[1])
    assert centroid(alone, 2800, 3200)[1] == pytest.approx(1, abs=0.01)


def test_motion_of_the_whole_molecule_is_no_vibration():
    drifting = _line(1500) + 0.05 * np.sin(2 * np.pi * 700 / PER_CM_PER_CYCLE_PER_FS * np.arange(4000))[:, None, None]
    assert centroid(vibrational_spectrum([drifting], 1.0, MASSES), 600, 800)[1] < 1e-6


def test_overlap_of_the_same_and_of_disjoint_spectra():
    a, b, c = (vibrational_spectrum([_line(w, seed=s)], 1.0, MASSES) for w, s in ((1000, 0), (1000, 1), (1500, 2)))
    assert spectral_overlap(a, a) == pytest.approx(1)
    assert spectral_overlap(a, b) == pytest.approx(1, abs=0.05)
    assert spectral_overlap(a, c) < 0.01
    assert spectral_overlap(a, c) == spectral_overlap(c, a)


def test_overlap_of_half_a_spectrum_is_a_half():
    both = vibrational_spectrum([_line(1000, 2000)], 1.0, MASSES)
    one = vibrational_spectrum([_line(1000)], 1.0, MASSES)
    assert spectral_overlap(both, one) == pytest.approx(0.5, abs=0.02)


def test_overlap_does_not_depend_on_spacing_or_length():
    long = vibrational_spectrum([_line(1010, 2990, frames=8000)], 1.0, MASSES, resolution_per_cm=40)
    sparse = vibrational_spectrum([_line(1010, 2990, frames=1700, spacing_fs=2.1)], 2.1, MASSES, resolution_per_cm=40)
    assert spectral_overlap(long, sparse) == pytest.approx(1, abs=0.07)


def test_overlap_of_unlike_resolutions_is_refused():
    fine, coarse = (vibrational_spectrum([_line(1010)], 1.0, MASSES, resolution_per_cm=r) for r in (20, 40))
    with pytest.raises(InputError, match="resolution_per_cm: got .*Compute both with resolution_per_cm=40"):
        spectral_overlap(fine, coarse)


def test_a_known_shift_is_recovered_below_the_resolution():
    before, after = (vibrational_spectrum([_line(w)], 1.0, MASSES) for w in (1700.0, 1703.0))
    assert before.resolution_per_cm > 9
    assert highest_peak(after, 1500, 1900) - highest_peak(before, 1500, 1900) == pytest.approx(3, abs=0.5)
    assert centroid(after, 1500, 1900)[0] - centroid(before, 1500, 1900)[0] == pytest.approx(3, abs=0.3)


def test_runs_are_weighted_by_their_length():
    long, short = _line(1000, frames=6000), _line(2000, frames=2000)
    spectrum = vibrational_spectrum([long, short, long[:3]], 1.0, MASSES, resolution_per_cm=40)
    assert centroid(spectrum, 500, 1500)[1] == pytest.approx(0.75, abs=0.01)


def test_nothing_moves():
    spectrum = vibrational_spectrum([np.zeros((100, 2, 3))], 1.0, MASSES)
    assert np.isnan(spectrum.density).all()
    assert np.isnan(highest_peak(spectrum, 0, 4000))
    assert np.isnan(centroid(spectrum, 0, 4000)[0])
    assert np.isnan(highest_peak(vibrational_spectrum([_line(1000)], 1.0, MASSES), 1e5, 2e5))


def test_wrong_inputs_are_refused():
    with pytest.raises(InputError, match="spacing_fs: got 0"):
        vibrational_spectrum([_line(1000)], 0.0, MASSES)
    with pytest.raises(InputError, match="runs: got .*16 frames"):
        vibrational_spectrum([_line(1000, frames=15)], 1.0, MASSES)
    with pytest.raises(InputError, match="runs: got .*all finite"):
        vibrational_spectrum([np.full((100, 2, 3), np.nan)], 1.0, MASSES)
    with pytest.raises(InputError, match="atoms: got"):
        vibrational_spectrum([_line(1000)], 1.0, MASSES, atoms=[2])
    with pytest.raises(InputError, match=r"runs\[0\]: got"):
        vibrational_spectrum([np.zeros((100, 3, 3))], 1.0, MASSES)
