"""How many epochs fit into a time."""

import pytest

from compcalc.training.budget import epochs_within


@pytest.mark.parametrize(
    ("minutes", "epoch_seconds", "asked", "spent", "expected"),
    [
        (None, 1000.0, 60, 1e6, 60),  # no limit
        (5.0, 10.0, 60, 0.0, 30),  # 300 s
        (5.0, 10.0, 20, 0.0, 20),  # fewer asked for
        (5.0, 10.0, 60, 95.0, 20),  # 205 s are left: 20 whole ones
        (1.0, 6.0, 60, 0.0, 10),  # the last one ends with the time
        (1.0, 0.1, 1000, 0.0, 600),  # whatever 60 / 0.1 is rounded to
        (1.0, 61.0, 60, 0.0, 1),  # not even one
        (1.0, 5.0, 60, 400.0, 1),  # the time is over
        (1.0, 0.0, 60, 0.0, 60),  # too short to tell
    ],
)
def test_epochs_end_within_the_time(minutes, epoch_seconds, asked, spent, expected):
    assert epochs_within(minutes, epoch_seconds, asked, spent) == expected


@pytest.mark.parametrize("epoch_seconds", [0.37, 1.9, 7.0, 31.3])
def test_as_many_as_fit_and_not_one_more(epoch_seconds):
    n = epochs_within(7.0, epoch_seconds, 10**6, spent_seconds=50.0)
    assert 50.0 + n * epoch_seconds <= 7.0 * 60.0 < 50.0 + (n + 1) * epoch_seconds
