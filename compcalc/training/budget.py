"""How much of a training fits into the time that it may take."""

SLACK = 0.95
"""Share of the time that is planned with: later steps may be slower than the first, and the model has to be written."""


def epochs_within(minutes: float | None, epoch_seconds: float, asked: int, spent_seconds: float = 0.0) -> int:
    """Epochs that fit into a budget: `asked` where it allows them, at least 1.

    Args:
        minutes: wall time that the whole training may take; None: no limit.
        epoch_seconds: wall time of one epoch, s.
        asked: epochs of the settings.
        spent_seconds: wall time that is gone already, s.
    """
    if minutes is None:
        return asked
    left = SLACK * (60.0 * minutes - spent_seconds)
    if epoch_seconds <= 0.0:
        return asked
    return max(1, min(asked, int(left / epoch_seconds)))
