"""Causes of books and of logs that were made up to have them."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.attribution import EnergyBooks, EnergyCause, attribute, attribute_run

TIME = np.arange(0, 1001.0)
PS = TIME / 1000
WAVE = 0.01 * np.cos(2 * np.pi * TIME / 11)
N = 3


@pytest.mark.parametrize(
    ("books", "cause"),
    [
        ((0.3, 0.29, 0.3, 0.0), EnergyCause.NOT_GRADIENT),
        ((-0.3, -0.29, -0.3, 0.0), EnergyCause.NOT_GRADIENT),
        ((0.3, 0.29, 0.3, 0.2), EnergyCause.JUMPS),
        ((0.3, 0.29, 1.2, 0.0), EnergyCause.TIME_STEP),
        ((0.3, 0.29, 1.2, 0.29), EnergyCause.TIME_STEP),
        ((0.3, 0.0, 0.0, 0.0), EnergyCause.TIME_STEP),
        ((0.3, float("nan"), 0.0, 0.0), EnergyCause.UNKNOWN),
    ],
)
def test_causes_of_a_gain(books, cause):
    assert attribute(EnergyBooks(*books)) is cause


def log(gain=0.0, imbalance=0.0, coarse=0.0, jumps=0.0, heat=0.0):
    """A log in which each argument, an array or a number in eV, is part of the energies; kinetic energy 0.2 eV."""
    potential = -10.0 + WAVE + jumps
    return {
        "time_fs": TIME,
        "potential_energy": potential,
        "kinetic_energy": 0.2 - WAVE + gain + imbalance + heat,
        "work": -(potential - potential[0]) + imbalance + jumps,
        "coarse_work": -(potential - potential[0]) + coarse + jumps,
        "heat": heat + np.zeros(len(TIME)),
        "n_atoms": N,
    }


STAIRS = 0.02 * (TIME // 100)
TELEGRAPH = 0.02 * ((TIME // 90) % 2)


@pytest.mark.parametrize(
    ("parts", "cause"),
    [
        ({}, EnergyCause.CONSERVED),
        ({"heat": 0.4 * PS}, EnergyCause.CONSERVED),
        ({"imbalance": 0.2 * PS, "coarse": 0.2 * PS}, EnergyCause.NOT_GRADIENT),
        ({"imbalance": -0.2 * PS, "coarse": -0.2 * PS}, EnergyCause.NOT_GRADIENT),
        ({"imbalance": 0.1 * np.expm1(3 * PS), "coarse": 0.1 * np.expm1(3 * PS)}, EnergyCause.NOT_GRADIENT),
        ({"jumps": STAIRS}, EnergyCause.JUMPS),
        ({"jumps": -STAIRS}, EnergyCause.JUMPS),
        ({"jumps": TELEGRAPH}, EnergyCause.JUMPS),
        ({"gain": 0.2 * PS}, EnergyCause.TIME_STEP),
        ({"imbalance": 0.2 * PS, "coarse": 0.8 * PS}, EnergyCause.TIME_STEP),
        ({"imbalance": 3.0 * (TIME > 998), "coarse": 12.0 * (TIME > 998)}, EnergyCause.TIME_STEP),
        ({"jumps": 3.0 * (TIME > 997)}, EnergyCause.JUMPS),
    ],
    ids=lambda v: "-".join(v) if isinstance(v, dict) else v,
)
def test_causes_of_a_log(parts, cause):
    assert attribute_run(**log(**parts)).cause is cause


def test_slopes_and_jumps_are_told_with_sign_and_unit():
    found = attribute_run(**log(imbalance=-0.3 * PS, coarse=-0.3 * PS))
    assert found.drift_mev_per_atom_per_ps == pytest.approx(-100, rel=1e-3)
    assert found.imbalance_mev_per_atom_per_ps == pytest.approx(-100, rel=1e-3)
    assert (found.jumps, found.largest_jump_ev) == (0, 0.0)
    jumped = attribute_run(**log(jumps=-STAIRS))
    assert jumped.jumps == 9  # the tenth is in the last interval
    assert jumped.largest_jump_ev == pytest.approx(-0.02, abs=1e-6)


def test_a_negligible_slope_is_not_attributed():
    assert attribute_run(**log(imbalance=0.001 * PS, coarse=0.001 * PS)).cause is EnergyCause.CONSERVED
    assert attribute_run(**log(imbalance=0.002 * PS, coarse=0.002 * PS)).cause is EnergyCause.NOT_GRADIENT


def test_the_share_of_the_heat_that_velocities_miss_is_not_attributed():
    """Of 400 meV/ps of heat 2% go missing at the end of the steps, or 10%, which is no longer what it should be."""
    assert attribute_run(**log(heat=0.4 * PS, gain=-0.008 * PS)).cause is EnergyCause.CONSERVED
    assert attribute_run(**log(heat=0.4 * PS, gain=-0.04 * PS)).cause is EnergyCause.TIME_STEP


def test_steps_that_are_not_finite_are_left_out():
    made = log(imbalance=0.2 * PS, coarse=0.2 * PS)
    made["potential_energy"][-1] = np.nan
    assert attribute_run(**made).cause is EnergyCause.NOT_GRADIENT
    unknown = {**made, "work": np.full(len(TIME), np.nan)}
    assert attribute_run(**unknown).cause is EnergyCause.UNKNOWN


def test_too_little_to_tell():
    short = {name: value if name == "n_atoms" else value[:2] for name, value in log().items()}
    assert attribute_run(**short).cause is EnergyCause.UNKNOWN
    empty = {name: value if name == "n_atoms" else value[:0] for name, value in log().items()}
    assert attribute_run(**empty).cause is EnergyCause.UNKNOWN


@pytest.mark.parametrize(
    ("change", "match"),
    [({"work": TIME[:-1]}, "work: got"), ({"time_fs": TIME[::-1]}, "times that go back"), ({"n_atoms": 0}, "n_atoms")],
)
def test_what_cannot_be_used(change, match):
    with pytest.raises(InputError, match=match):
        attribute_run(**{**log(), **change})


def test_every_cause_has_words():
    assert len({cause.words for cause in EnergyCause}) == len(EnergyCause)
