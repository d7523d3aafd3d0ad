"""What a run took, in words."""

import pytest

from compcalc.report.costs import cost_words
from compcalc.report.provenance import provenance
from compcalc.report.wording import core_time, duration, duration_range, size

COST = {
    "frames_per_s": 1011.7,
    "steps_per_s": 843.2,
    "atom_steps_per_s": 20000.0,
    "ns_per_day": 843.2 * 0.5e-6 * 86400,
    "worker_seconds": 5000.0,
    "cpu_seconds": 4320.0,
    "memory_mib": 512.2,
}


def test_a_cost_in_one_line():
    assert cost_words({**COST, "cpu_seconds": 7200.0 * 1.2, "frames_per_s": None}) == (
        "2.4 core-hours, 843 steps/s a worker = 36 ns/day, at most 512 MiB a worker"
    )
    assert cost_words({**COST, "steps_per_s": None, "ns_per_day": None}) == (
        "72 core-minutes, 1012 frames/s a worker, at most 512 MiB a worker"
    )
    with_reference = cost_words({**COST, "reference_cpu_seconds": 7200.0})
    assert with_reference.startswith("72 core-minutes, 2.0 core-hours more for dynamics of the reference, ")


@pytest.mark.parametrize("nothing", [None, {}, "a word", dict.fromkeys(COST)])
def test_nothing_known_is_no_line(nothing):
    assert cost_words(nothing) is None


def test_the_cost_stands_among_what_was_run(manifest):
    assert dict(provenance({**manifest, "cost": COST}))["Cost"].endswith("= 36 ns/day, at most 512 MiB a worker")
    assert dict(provenance(manifest))["Cost"] == "–"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (42.4, "42 s"),
        (119, "119 s"),
        (120, "2.0 min"),
        (7199, "120 min"),
        (7200, "2.0 h"),
        (2e5, "2.3 days"),
    ],
)
def test_times_in_the_unit_that_suits(seconds, words):
    assert duration(seconds) == words
    assert core_time(seconds).split()[0] == words.split()[0]


def test_core_times_name_their_unit():
    assert [core_time(x) for x in (30, 600, 9000, 2e5)] == [
        "30 core-seconds",
        "10 core-minutes",
        "2.5 core-hours",
        "2.3 core-days",
    ]
    assert duration_range(90, 150) == "1.5–2.5 min"


def test_bytes():
    assert [size(x) for x in (512, 3 * 2**20, 1.5 * 2**30)] == ["0.50 KiB", "3.0 MiB", "1.5 GiB"]
    assert size(None) == "–"
