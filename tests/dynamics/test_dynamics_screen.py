"""The screen against one guard a run, over trajectories that end in each way."""

import numpy as np
import pytest
from ase.data import covalent_radii

from compcalc.dynamics.guard import Guard, Limits
from compcalc.dynamics.screen import Screen
from compcalc.records import OutcomeKind

C, H, O, N = 6, 1, 8, 7  # noqa: E741
STEP_FS = 0.5
NONE, PAIR = np.empty((0, 2), dtype=int), np.array([[0, 1]])


def reduced(a, b):
    return covalent_radii[a] + covalent_radii[b]


def cc(ratio):
    return [[0, 0, 0], [0, 0, ratio * reduced(C, C)]]


def hydrogen_bond(oh, on):
    h = oh * reduced(O, H)
    return [[0, 0, 0], [0, 0, h], [0, 0, h + on * reduced(N, H)]]


def quiet(numbers, geometry):
    return {"numbers": numbers, "geometry": geometry, "bonds": PAIR if len(numbers) > 1 else NONE}


def late(value, at=25.5):
    """A change of one value from `at` on, applied to an array."""

    def change(time_fs, array):
        if time_fs >= at:
            array.flat[-1] = value

    return change


STORIES = {
    # First, and while others are stretched: what is known of those must stay with them.
    "ends early": {**quiet([C, C], lambda t: cc(1.0)), "forces": late(300.0, at=10.5)},
    "quiet": quiet([C, C], lambda t: cc(1.0)),
    "one atom": quiet([H], lambda t: [[0, 0, 0]]),
    "breaks": quiet([C, C], lambda t: cc(1.0 if t < 20 else 1.6)),
    "vibrates": quiet([C, C], lambda t: cc(1.6 if 20 <= t < 28 else 1.2)),
    "dips": quiet([C, C], lambda t: cc(1.6 if (t // 6) % 2 else 1.3)),
    "breaks between checks": quiet([C, C], lambda t: cc(1.0 if t < 20.5 else 1.6)),
    "torn": quiet([C, C], lambda t: cc(2.1 if t >= 20.5 else 1.0)),
    "stretched, then torn": quiet([C, C], lambda t: cc(1.0 if t < 20 else 1.6 if t < 26 else 2.1)),
    "returns, then breaks": quiet([C, C], lambda t: cc(1.6 if 10 <= t < 16 or t > 21 else 1.2)),
    "forms": {**quiet([C, C], lambda t: cc(2.0 if t < 20 else 1.1)), "bonds": NONE},
    "proton": quiet([O, H, N], lambda t: hydrogen_bond(1.0, 1.8) if t < 20 else hydrogen_bond(1.4, 1.1)),
    "proton leaves": quiet([O, H, N], lambda t: hydrogen_bond(1.0, 1.8) if t < 20 else hydrogen_bond(1.6, 1.25)),
    "hydrogen": quiet([O, H, N], lambda t: hydrogen_bond(1.0, 2.5) if t < 20 else hydrogen_bond(1.8, 1.5)),
    **{
        f"{value} {name}": {**quiet([C, C], lambda t: cc(1.0)), name: late(value)}
        for name in ("positions", "velocities", "energy", "forces")
        for value in (np.nan, np.inf)
    },
    "force": {**quiet([C, C], lambda t: cc(1.0)), "forces": late(200.1)},
    "huge force": {**quiet([C, C], lambda t: cc(1.0)), "forces": late(1e200)},
    "force at the limit": {**quiet([C, C], lambda t: cc(1.6 if t > 26 else 1.0)), "forces": late(200.0)},
    "temperature": {**quiet([C, C], lambda t: cc(1.0)), "temperature": late(5001.0)},
    "no temperature": {**quiet([C, C], lambda t: cc(1.6 if t > 30 else 1.0)), "temperature": late(np.nan)},
    "heats": {**quiet([C, C], lambda t: cc(1.0)), "rise": late(501.0, at=5.5)},
    "heats for a while": {
        **quiet([C, C], lambda t: cc(1.6 if t > 48 else 1.0)),
        "rise": lambda t, array: array.fill(600.0 if 6 <= t < 26 or t > 30 else 0.0),
    },
    "force while stretched": {**quiet([C, C], lambda t: cc(1.6 if t > 20 else 1.0)), "forces": late(300.0)},
}


def state(story, time_fs):
    positions = np.array(story["geometry"](time_fs), dtype=float)
    values = {
        "positions": positions,
        "velocities": np.zeros_like(positions),
        "energy": np.array([-1.0]),
        "forces": np.zeros_like(positions),
        "temperature": np.array([300.0]),
        "rise": np.array([0.0]),
    }
    for name, array in values.items():
        story.get(name, lambda time_fs, array: None)(time_fs, array)
    return {name: value[0] if value.ndim == 1 else value for name, value in values.items()}


def with_guards(stories, times, limits):
    """Story -> (time at which it was called, outcome)."""
    found = {}
    for place, story in enumerate(stories):
        guard = Guard(story["numbers"], story["bonds"], limits)
        for time_fs in times:
            outcome = guard.check(time_fs, *state(story, time_fs).values())
            if outcome is not None:
                found[place] = (time_fs, outcome)
                break
    return found


def with_screen(stories, times, limits):
    """The same, all stories together; those that end leave."""
    numbers = [np.array(story["numbers"]) for story in stories]
    screen = Screen(numbers, [story["bonds"] for story in stories], limits)
    running, found = np.arange(len(stories)), {}
    for time_fs in times:
        states = [state(stories[place], time_fs) for place in running]
        columns = [[one[name] for one in states] for name in states[0]]
        positions, velocities, energies, forces, *scalars = columns
        batch = (np.concatenate(positions), np.concatenate(velocities), np.array(energies), np.concatenate(forces))
        outcomes = screen.check(time_fs, *batch, *(np.array(scalar) for scalar in scalars))
        if not outcomes:
            continue
        found |= {int(running[place]): (time_fs, outcome) for place, outcome in outcomes.items()}
        runs = np.array([place not in outcomes for place in range(len(running))])
        if not runs.any():
            break
        sizes = [len(numbers[place]) for place in running]
        screen.keep(runs, np.repeat(runs, sizes))
        running = running[runs]
    return found


@pytest.mark.parametrize("limits", [Limits(), Limits(check_every_fs=0.5), Limits(torn=1.45), Limits(patience_fs=3.0)])
def test_outcomes_are_those_of_the_guards(limits):
    times = np.arange(0, 60, STEP_FS)
    stories = list(STORIES.values())
    with np.errstate(over="ignore", invalid="ignore"):
        expected = with_guards(stories, times, limits)
        assert with_screen(stories, times, limits) == expected
    physical = {OutcomeKind.BOND_BROKEN, OutcomeKind.BOND_FORMED, OutcomeKind.PROTON_TRANSFER}
    assert {outcome.kind for _, outcome in expected.values()} >= physical | {
        OutcomeKind.EXPLODED,
        OutcomeKind.NON_FINITE,
    }


def wandering(seed):
    """Five atoms on springs to a bent chain, shaken so that pairs hover about the limits."""
    rng = np.random.default_rng(seed)
    numbers = np.array([C, H, O, C, H])
    chain = np.array([[0, 0, 0], [-1.0, 0.4, 0], [1.4, 0.2, 0], [2.2, 1.3, 0.2], [3.2, 1.2, 0.5]])
    amplitude, rate = 0.7 * rng.random((2, 5, 3)), rng.uniform(0.05, 0.4, (2, 5, 3))
    phase = 2 * np.pi * rng.random((2, 5, 3))

    def geometry(t):
        return chain + (amplitude * np.sin(rate * t + phase)).sum(axis=0) * min(1.0, t / 20)

    bonds = np.array([[0, 1], [0, 2], [3, 2], [3, 4]])
    return {"numbers": numbers, "geometry": geometry, "bonds": bonds}


def test_of_many_molecules_that_shake_each_ends_as_its_guard_says():
    stories, times = [wandering(seed) for seed in range(60)], np.arange(0, 100, STEP_FS)
    expected = with_guards(stories, times, Limits())
    assert with_screen(stories, times, Limits()) == expected
    assert 20 < len(expected) < 60
    assert len({outcome.kind for _, outcome in expected.values()}) >= 2
