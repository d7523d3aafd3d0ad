"""What an exception of a calculator says about the run that it ended."""

from compcalc.errors import ChildError, is_out_of_memory
from compcalc.records import Outcome, OutcomeKind


def failure(error: Exception, time_fs: float, phase: str) -> Outcome:
    """The outcome of a run whose calculator raised `error` at `time_fs` of `phase`."""
    return Outcome(_kind_of(error), time_fs / 1000, f"{type(error).__name__}: {error}", phase=phase)


def _kind_of(error: Exception) -> OutcomeKind:
    # Before the words are searched: the message quotes what the process printed, whatever that was about.
    if isinstance(error, ChildError):
        return OutcomeKind(error.outcome_kind)
    return OutcomeKind.OUT_OF_MEMORY if is_out_of_memory(error) else OutcomeKind.CALCULATOR_ERROR
