"""Exceptions of compcalc. Each message names the argument, the value got, the values allowed and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class CompcalcError(Exception):
    """Base of every error that compcalc raises on purpose; the command line prints it without a traceback."""


class InputError(CompcalcError, ValueError):
    """An argument has a value that cannot be used.

    Args:
        argument: name of the argument as the user wrote it.
        got: the value received.
        allowed: the values that would have been accepted, in words.
        remedy: what to do next.
    """

    def __init__(self, argument: str, got: object, allowed: str, remedy: str = ""):
        self.argument, self.got, self.allowed, self.remedy = argument, got, allowed, remedy
        super().__init__(argument, got, allowed, remedy)

    def __str__(self) -> str:
        text = f"{self.argument}: got {self.got!r}; allowed: {self.allowed}."
        return f"{text} {self.remedy}" if self.remedy else text


class UnknownNameError(InputError):
    """A name that is not in a table; the message lists the table and the nearest name."""

    def __init__(self, argument: str, got: object, known: Iterable[str], remedy: str = ""):
        known = sorted(known)
        near = get_close_matches(str(got), known, n=1)
        hint = f"Did you mean {near[0]!r}? {remedy}".strip() if near else remedy
        super().__init__(argument, got, _listed(known), hint)


class MissingDependencyError(CompcalcError, ImportError):
    """An optional package is needed and not installed; the message says what to install."""

    def __init__(self, what: str, package: str, install: str):
        self.what, self.package, self.install = what, package, install
        super().__init__(what, package, install)

    def __str__(self) -> str:
        return (
            f"{self.what} needs the package {self.package!r}, which is not installed. Install it with: {self.install}"
        )


class MoleculeError(CompcalcError):
    """A molecule cannot be built or read; `reason` is a short phrase for tables."""

    def __init__(self, molecule: str, reason: str, remedy: str = ""):
        self.molecule, self.reason, self.remedy = molecule, reason, remedy
        super().__init__(molecule, reason, remedy)

    def __str__(self) -> str:
        text = f"molecule {self.molecule!r}: {self.reason}."
        return f"{text} {self.remedy}" if self.remedy else text


class DataError(CompcalcError):
    """A data or model file is missing, damaged or not what it says it is."""


class LeakageError(CompcalcError):
    """A molecule stands in both the training and the out-of-distribution set of a task."""


class UnsupportedElementError(CompcalcError, ValueError):
    """A potential does not know an element of the molecule."""

    def __init__(self, potential: str, unknown: Iterable[str], known: Iterable[str]):
        self.potential, self.unknown, self.known = potential, sorted(set(unknown)), sorted(set(known))
        super().__init__(potential, self.unknown, self.known)

    def __str__(self) -> str:
        return (
            f"{self.potential} does not know the element(s) {', '.join(self.unknown)}; "
            f"it knows {', '.join(self.known)}. Leave the molecule out or use a potential that covers it."
        )


class RunDirectoryError(CompcalcError):
    """A run directory cannot be written or belongs to another run."""


class IncomparableError(CompcalcError):
    """Runs were not measured alike, so that a comparison would compare something else than the potentials.

    Args:
        subject: what the runs are on.
        differences: what differs -> value against value, each with its runs, in words.
        remedies: what to do next, one a sentence.
    """

    def __init__(self, subject: str, differences: dict[str, str], remedies: Iterable[str]):
        self.subject, self.differences, self.remedies = subject, differences, list(remedies)
        super().__init__(subject, differences, self.remedies)

    def __str__(self) -> str:
        lines = [f"  {name}: {words}" for name, words in self.differences.items()]
        return "\n".join([f"the runs on {self.subject} were not measured alike:", *lines, *self.remedies])


class Unstable(CompcalcError):
    """A watched MD run met an event: a bond broke, the molecule exploded, a number became NaN.

    Args:
        outcome: an `Outcome` that says what happened, when and to which atoms.
    """

    def __init__(self, outcome):
        self.outcome = outcome
        super().__init__(outcome)

    def __str__(self) -> str:
        return f"{self.outcome.kind} at {self.outcome.time_ps:.4f} ps: {self.outcome.cause}"


class ChildError(CompcalcError):
    """The process in which an isolated potential runs cannot be used.

    Args:
        potential: what was run.
        interpreter: the Python interpreter that ran it.
        reason: what happened, in words, with the exit code or signal where there is one.
        output: the end of what the process printed.
        remedy: what to do next.

    Attributes:
        outcome_kind: the value of `OutcomeKind` of a run that ends by it.
    """

    outcome_kind = "calculator_error"

    def __init__(self, potential: str, interpreter: str, reason: str, output: str = "", remedy: str = ""):
        self.potential, self.interpreter, self.reason = potential, interpreter, reason
        self.output, self.remedy = output, remedy
        super().__init__(potential, interpreter, reason, output, remedy)

    def __str__(self) -> str:
        text = f"{self.potential} in {self.interpreter}: {self.reason}."
        text = f"{text} {self.remedy}" if self.remedy else text
        return f"{text} The last that it printed:\n{self.output}" if self.output else f"{text} It printed nothing."


class ChildDiedError(ChildError):
    """The process of an isolated potential ended by itself, by a crash or by a signal."""

    outcome_kind = "crashed"


class ChildSilentError(ChildError):
    """The process of an isolated potential did not answer in time and was stopped."""

    outcome_kind = "timeout"


class ChildGarbageError(ChildError):
    """The process of an isolated potential sent what is not the protocol, and was stopped."""


_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")
"""How torch, on GPU and CPU, and the operating system say it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran short, in whatever words."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in _OUT_OF_MEMORY)


def _listed(names: list[str], most: int = 40) -> str:
    if not names:
        return "nothing (the table is empty)"
    more = f", ... ({len(names) - most} more)" if len(names) > most else ""
    return ", ".join(names[:most]) + more
