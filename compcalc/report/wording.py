"""Numbers, outcomes and lists as short text. Pure functions without markup."""

import math
from collections.abc import Iterable
from datetime import datetime

from compcalc.records import OutcomeKind

MISSING = "–"
"""Stands where a number was not computed."""

SMALLEST = 0.0001
"""Below it numbers for people have no digits."""

OUTCOME_WORDS = {
    OutcomeKind.COMPLETED: "ok",
    OutcomeKind.BOND_BROKEN: "bond broken",
    OutcomeKind.BOND_FORMED: "bond formed",
    OutcomeKind.PROTON_TRANSFER: "H moved",
    OutcomeKind.EXPLODED: "exploded",
    OutcomeKind.NON_FINITE: "NaN",
    OutcomeKind.CALCULATOR_ERROR: "calc error",
    OutcomeKind.CRASHED: "crashed",
    OutcomeKind.TIMEOUT: "timeout",
    OutcomeKind.OUT_OF_MEMORY: "no memory",
}


def number(value: object) -> float | None:
    """`value` as a finite float, None where it is absent, not a number, NaN or infinite."""
    if value is None or isinstance(value, bool):
        return None
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    return result if math.isfinite(result) else None


def shown(value: object, digits: int = 3) -> str:
    """A number with `digits` significant digits and without an exponent up to a million; integers whole.

    What is closer to 0 than `SMALLEST` is said to be so: nobody reads 6.1e-14 as nothing.
    """
    x = number(value)
    if x is None:
        return MISSING
    if x == 0 or isinstance(value, int):
        return f"{x:.0f}"
    if abs(x) < SMALLEST:
        return f"<{SMALLEST}" if x > 0 else f">−{SMALLEST}"
    if abs(x) >= 1e6:
        return f"{x:.{digits - 1}e}"
    rounded = float(f"{x:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{x:.{decimals}f}"


def interval(estimate: dict | None, digits: int = 2) -> str:
    """`low–high` of an estimate {"value", "low", "high"}, `-1.0 to 0.64` where it is negative; empty without one."""
    low, high = (number((estimate or {}).get(end)) for end in ("low", "high"))
    if low is None or high is None:
        return ""
    return f"{shown(low, digits)}{' to ' if low < 0 else '–'}{shown(high, digits)}"


def moment(text: object) -> str:
    """`2026-01-02 03:04 UTC` of a date and time in ISO 8601, which is UTC; anything else as it is."""
    try:
        return f"{datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return str(text)


def outcome_kind(name: object) -> OutcomeKind | None:
    """The outcome called `name`, None where compcalc knows no such outcome."""
    try:
        return OutcomeKind(str(name))
    except ValueError:
        return None


def outcome_words(name: object) -> str:
    """Two words at most for an outcome."""
    kind = outcome_kind(name)
    return OUTCOME_WORDS[kind] if kind else str(name)


def index_ranges(indices: Iterable[int]) -> str:
    """Sorted indices in short form: 3, 5–7."""
    runs: list[list[int]] = []
    for i in sorted(indices):
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)


def printable(text: object) -> str:
    """`text` with control characters, such as those that steer a terminal, replaced by blanks."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def clipped(text: str, most: int) -> str:
    """`text` on one line and no longer than `most` characters."""
    text = " ".join(printable(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def plural(count: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


_TIME_UNITS = (("days", 86400.0, 2.0), ("h", 3600.0, 2.0), ("min", 60.0, 2.0), ("s", 1.0, 0.0))
"""Unit, its seconds, and how many of it a time has at least for the unit to suit."""

_CORE_UNITS = {"days": "core-days", "h": "core-hours", "min": "core-minutes", "s": "core-seconds"}


def duration(seconds: object) -> str:
    """A time in the unit that suits: `42 s`, `12 min`, `3.5 h`, `2.1 days`."""
    x = number(seconds)
    if x is None:
        return MISSING
    unit, factor = _time_unit(x)
    return f"{shown(x / factor, 2)} {unit}"


def duration_range(low: float, high: float) -> str:
    """`40–70 s`: two times, s, in the unit that suits the later."""
    unit, factor = _time_unit(high)
    return f"{shown(low / factor, 2)}–{shown(high / factor, 2)} {unit}"


def core_time(seconds: float) -> str:
    """Processor time, s, in the unit that suits: `42 core-seconds`, `1.2 core-hours`."""
    unit, factor = _time_unit(seconds)
    return f"{shown(seconds / factor, 2)} {_CORE_UNITS[unit]}"


def _time_unit(seconds: float) -> tuple[str, float]:
    return next((unit, factor) for unit, factor, least in _TIME_UNITS if seconds >= least * factor or unit == "s")


def size(count: object) -> str:
    """Bytes in the unit that suits: `512 KiB`, `2.8 MiB`, `1.4 GiB`."""
    x = number(count)
    if x is None:
        return MISSING
    for power, name in ((30, "GiB"), (20, "MiB")):
        if x >= 2**power:
            return f"{shown(x / 2**power, 2)} {name}"
    return f"{shown(x / 2**10, 2)} KiB"
