"""How many epochs fit into a budget."""

import pytest

from compcalc.training.budget import SLACK, epochs_within


@pytest.mark.parametrize(
    ("minutes", "epoch", "asked", "spent", "epochs"),
    [
        (None, 10.0, 60, 0.0, 60),
        (10.0, 10.0, 100, 0.0, int(SLACK * 60)),
        (10.0, 10.0, 50, 0.0, 50),
        (10.0, 10.0, 100, 300.0, int(SLACK * 30)),
        (1.0, 1000.0, 60, 0.0, 1),
        (1.0, 1.0, 60, 1e6, 1),
    ],
)
def test_what_fits_is_at_most_what_was_asked_for_and_at_least_one(minutes, epoch, asked, spent, epochs):
    assert epochs_within(minutes, epoch, asked, spent) == epochs
