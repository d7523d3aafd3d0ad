"""Speed and time left of a stage, against motion that is known in closed form."""

import pytest
from test_pipeline_lockstep import laid_out

from compcalc.pipeline.pace import Pace

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def md(tiny_data):
    """Eight runs of butane, 14 atoms, 120 steps each."""
    return laid_out(tiny_data, replicas=4, only="md").md_units()


def test_nothing_is_known_before_something_is_done(md, clock):
    pace = Pace(md, clock)
    assert (pace.seconds_left, pace.evaluations_per_s, pace.share) == (None, None, 0)
    pace.under_way({md[0].id: 0.0})
    clock.now += 50
    assert pace.seconds_left is None


def test_units_that_were_there_are_no_speed(md, clock):
    pace = Pace(md, clock)
    for unit in md[:4]:
        pace.done(unit.id)
    clock.now += 1.0
    pace.under_way({md[4].id: 0.0, md[5].id: 0.0})
    clock.now += 10.0
    pace.done(md[4].id)
    pace.done(md[5].id)
    # Two units in ten seconds, two to go.
    assert pace.evaluations_per_s == pytest.approx(2 * 120 / 10)
    assert pace.seconds_left == pytest.approx(10.0)
    assert (pace.n_done, pace.share) == (6, pytest.approx(0.75))


def test_fractions_count_and_time_runs_on_between_them(md, clock):
    pace = Pace(md, clock)
    pace.under_way({unit.id: 0.0 for unit in md})
    clock.now += 5.0
    pace.under_way({unit.id: 0.25 for unit in md})
    assert pace.share == pytest.approx(0.25)
    assert pace.seconds_left == pytest.approx(15.0)
    clock.now += 4.0
    pace.under_way({unit.id: 0.25 for unit in md})
    assert pace.seconds_left == pytest.approx(11.0), "the same speed as before, though nothing showed since"
    clock.now += 100.0
    assert pace.seconds_left == 0.0


def test_speed_of_a_molecule_is_that_of_all_shared_by_those_under_way(md, clock):
    pace = Pace(md, clock)
    pace.under_way({unit.id: 0.0 for unit in md[:4]})
    clock.now += 2.0
    pace.under_way({unit.id: 0.5 for unit in md[:4]})
    # 4 runs of 60 steps in 2 s; each alone makes 30 steps of 0.5 fs a second.
    assert pace.evaluations_per_s == pytest.approx(120)
    assert pace.ns_per_day == pytest.approx(30 * 0.5e-6 * 86400)


def test_units_weigh_by_their_atoms(tiny_data, clock):
    static = laid_out(tiny_data, only="static").static_units()
    pace = Pace(static, clock)  # ethane, propane and butane, four frames each: 8, 11 and 14 atoms
    pace.under_way({static[2].id: 0.0, "somebody else's": 0.9})
    clock.now += 7.0
    pace.done(static[2].id)
    assert pace.share == pytest.approx(14 / 33)
    assert pace.seconds_left == pytest.approx(7.0 * 19 / 14)
    assert pace.evaluations_per_s == pytest.approx(4 / 7)
    assert pace.ns_per_day is None
    for unit in static:
        pace.done(unit.id)
        pace.done(unit.id)
    assert (pace.seconds_left, pace.share, pace.n_done) == (0.0, 1.0, 3)
