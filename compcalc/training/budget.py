"""How many epochs fit into a time."""

import math

from compcalc.units import SECONDS_PER_MINUTE


def epochs_within(minutes: float | None, epoch_seconds: float, asked: int, spent_seconds: float = 0.0) -> int:
    """Number of epochs that end within a wall time: at least 1, at most those asked for.

    Args:
        minutes: wall time; None: all epochs fit.
        epoch_seconds: that one epoch takes, s; 0 where it is too short to tell.
        asked: epochs that there would be without a limit.
        spent_seconds: gone before the first of the epochs that are counted, s.
    """
    if minutes is None or epoch_seconds <= 0:
        return asked
    left = SECONDS_PER_MINUTE * minutes - spent_seconds
    # A hair above, so that 10 epochs of 0.1 s fit into 1 s whatever the rounding of the division.
    return min(asked, max(1, math.floor(left / epoch_seconds + 1e-9)))
