"""What a leaderboard says in words, for the terminal and the page alike."""

from compcalc.metrics.statistics import Interval
from compcalc.report.comparison.pooling import Pool
from compcalc.report.comparison.records import ID, OOD, OWN, STABILITY, Agreement, Board, Column, Place
from compcalc.report.wording import MISSING, SMALLEST, plural, shown

LABELS = {criterion.key: criterion.label for criterion in (ID, OOD, OWN, STABILITY)}

HOW_RANKED = (
    "Rank: 1 and the number of potentials that are better beyond noise; = marks a tie. Better beyond noise: the 95% "
    "interval of the difference, from a bootstrap that draws the same molecules and frames for both, leaves out 0."
)


def rank_words(place: Place | None) -> str:
    """`1`, or `1=` for a tie; a dash where it is not ranked."""
    return MISSING if place is None else f"{place.rank}{'=' if place.tied else ''}"


def range_words(place: Place | Interval | None, digits: int = 3) -> str:
    """`110–119`; empty where there is none, or where every resample gives the same."""
    if place is None or place.low == place.high:
        return ""
    return f"{shown(place.low, digits)}–{shown(place.high, digits)}"


def spread_words(place: Place | None) -> str:
    """`±1.3`, the standard deviation over seeds of training, in the decimals of the mean; empty for one model."""
    if place is None or place.spread is None:
        return ""
    decimals = len(shown(place.value).partition(".")[2])
    text = f"{place.spread:.{decimals}f}"
    return f"±{text if float(text) else shown(place.spread, 1)}"


def seeds_words(pool: Pool) -> str:
    """`3`, `3, 2 MD` or `2 MD`: models of one training, and seeds of their dynamics; empty for a single run."""
    models, runs = len(pool.models), len(pool.run_seeds)
    return ", ".join(filter(None, (str(models) if models > 1 else "", f"{runs} MD" if runs > 1 else "")))


def pooling_words(board: Board) -> str:
    """What a row of several runs is; empty where there is none."""
    if not any(len(line.pool.runs) > 1 for line in board.lines):
        return ""
    return (
        "seeds: models that differ in the seed of their training alone, and seeds of the dynamics (MD). Numbers are "
        "means over the models, ± their standard deviation; the bootstrap draws models as well as molecules and frames."
    )


def has_trajectory_forces(board: Board) -> bool:
    """Whether the reference labelled frames of the dynamics of any row."""
    return any(line.pool.trajectory_forces for line in board.lines)


def over_words(column: Column) -> str:
    """`OOD: force MAE over 7 molecules`."""
    criterion = column.criterion
    return f"{criterion.label}: {criterion.quantity} over {plural(len(column.molecules), 'molecule')}"


def agreements_words(board: Board) -> list[str]:
    """Each of them, or one sentence where none could be had for the same reason."""
    found = board.agreements
    reasons = {one.why if one.tau is None else "" for one in found}
    if len(found) > 1 and len(reasons) == 1 and "" not in reasons:
        return [f"the rankings: {reasons.pop()}"]
    return [agreement_words(one) for one in found]


def agreement_words(found: Agreement) -> str:
    """`ID and OOD: 1.00 (95% CI 0.33 to 1.00)`."""
    pair = f"{LABELS[found.first]} and {LABELS[found.second]}"
    if found.tau is None:
        return f"{pair}: {found.why}"
    value, low, high = (f"{x:.2f}".replace("-", "−") for x in (found.tau.value, found.tau.low, found.tau.high))
    return f"{pair}: {value} ({found.tau.level:.0%} CI {low} to {high})"


def difference_words(column: Column, row: int, other: int) -> tuple[str, str]:
    """Difference of two potentials with its interval, `-9.8 (-11.2 to -8.4)`, and `better`, `worse` or `tie`."""
    found = column.ranking
    numbers = (values[row, other] for values in (found.difference, found.difference_low, found.difference_high))
    value, low, high = (_signed(float(x)) for x in numbers)
    verdict = "better" if found.better[row, other] else "worse" if found.better[other, row] else "tie"
    return (value if low == high else f"{value} ({low} to {high})"), verdict


def title(board: Board) -> str:
    """`length/base: 3 runs`, or `length/base: 6 runs in 2 rows` where seeds are pooled."""
    runs, rows = sum(len(line.pool.runs) for line in board.lines), len(board.lines)
    in_rows = "" if runs == rows else f" in {plural(rows, 'row')}"
    return f"{board.subject}: {plural(runs, 'run')}{in_rows}"


def _signed(x: float) -> str:
    return shown(0) if abs(x) < SMALLEST else f"{'+' if x > 0 else '−'}{shown(abs(x))}"
