"""How many epochs fit into the time that a fit may take."""


def epochs_within(minutes: float | None, epoch_seconds: float, asked: int, spent_seconds: float = 0.0) -> int:
    """Number of epochs that end within `minutes`; at least one, and never more than `asked`.

    Args:
        minutes: wall time for all; None: without limit.
        epoch_seconds: wall time of one epoch, s.
        asked: epochs that the settings ask for.
        spent_seconds: wall time of what comes before the first epoch, s.
    """
    if minutes is None:
        return asked
    return max(1, min(asked, int((60.0 * minutes - spent_seconds) / max(epoch_seconds, 1e-9))))
