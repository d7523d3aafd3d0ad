"""What the control says of energies whose error is known."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.step_control import step_control

TIME = np.arange(401.0)
PART = TIME[:201]


def wave(time_fs, mev, period_fs=17.0, slope_mev_per_ps=0.0):
    """Total energy of a molecule in eV: a cosine and a line."""
    return -40.0 + (mev * np.cos(2 * np.pi * time_fs / period_fs) + slope_mev_per_ps * time_fs / 1000) / 1000


def test_the_fluctuation_of_an_integrator_falls_by_four():
    control = step_control(TIME, wave(TIME, 4.0), PART, wave(PART, 1.0), 2)
    assert control.ratio == pytest.approx(4.0, rel=1e-6)
    assert control.whole.fluctuation_mev_per_atom == pytest.approx(4.0 / np.sqrt(2) / 2, rel=0.02)
    assert control.part_ps == pytest.approx(0.2)
    assert "falls by 4.0" in control.verdict and "it is the integrator's" in control.verdict


@pytest.mark.parametrize(
    ("half", "words"), [(4.0, "the potential's"), (3.0, "the potential's"), (0.2, "the time step is too large")]
)
def test_other_ratios_are_called_what_they_are(half, words):
    assert words in step_control(TIME, wave(TIME, 4.0), PART, wave(PART, half), 2).verdict


def test_only_the_first_part_of_the_run_counts():
    energy = wave(TIME, 4.0)
    energy[210:] += 5.0
    assert step_control(TIME, energy, PART, wave(PART, 1.0), 2).ratio == pytest.approx(4.0)


def test_slopes_stand_beside_each_other():
    control = step_control(TIME, wave(TIME, 0.1, slope_mev_per_ps=50), PART, wave(PART, 0.1, slope_mev_per_ps=50), 2)
    for drift in (control.whole, control.half):
        assert drift.slope_mev_per_atom_per_ps == pytest.approx(25, rel=0.05)


def test_what_cannot_be_told():
    assert step_control(TIME, wave(TIME, 1.0), [], [], 2) is None
    assert step_control(TIME, wave(TIME, 1.0), [0.0, 1.0], [0.0, 0.0], 2).verdict == "too short to tell"
    flat = step_control(TIME, wave(TIME, 0.0), PART, wave(PART, 0.0), 2)
    assert flat.verdict.startswith("the total energy is constant") and np.isnan(flat.ratio)
    with pytest.raises(InputError, match="n_atoms"):
        step_control(TIME, wave(TIME, 1.0), PART, wave(PART, 1.0), 0)
