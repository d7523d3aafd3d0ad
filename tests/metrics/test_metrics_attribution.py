"""Causes of books and of logs that were made up to have them."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.attribution import EnergyBooks, EnergyCause, attribute, attribute_run, noise_suffices
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

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


def test_noise_suffices_for_what_random_kicks_do_and_for_no_more():
    """Free particles that are kicked anew at each step, from thermal velocities."""
    rng, masses, sigma, h, kelvin, steps = np.random.default_rng(0), np.array([12.0, 1.0, 1.0]), 0.3, 0.5, 300.0, 400
    thermal = np.sqrt(KB_EV_PER_K * kelvin / (masses * EV_PER_U_ANGSTROM2_PER_FS2))[:, None]
    begin = thermal * rng.normal(size=(2000, 3, 3))
    kicks = rng.normal(size=(2000, 3, 3)) * np.sqrt(steps) * sigma * h / (masses * EV_PER_U_ANGSTROM2_PER_FS2)[:, None]
    energy = 0.5 * EV_PER_U_ANGSTROM2_PER_FS2 * masses[:, None]
    gains = (energy * ((begin + kicks) ** 2 - begin**2)).sum(axis=(1, 2))
    settings = {"timestep_fs": h, "temperature_k": kelvin}
    explained = [noise_suffices(gain, steps * h, masses, sigma, **settings) for gain in gains]
    assert 0.93 < np.mean(explained) < 0.995
    assert not any(
        noise_suffices(10 * gains.std() + gains.mean(), steps * h, masses, s, **settings) for s in (0.0, 0.3)
    )
    assert not noise_suffices(gains.mean() + gains.std(), steps * h / 1000, masses, sigma, **settings), "ps for fs"
    with pytest.raises(InputError, match="force_noise_ev_per_angstrom"):
        noise_suffices(0.1, 100.0, masses, -0.3)
