"""What a leaderboard is made of. Symbols: K potentials."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compcalc.metrics.ranking import Ranking
from compcalc.metrics.statistics import Interval
from compcalc.report.comparison.pooling import Pool


@dataclass(frozen=True)
class Criterion:
    """What a column of the leaderboard ranks by.

    Attributes:
        key: `id`, `ood`, `own` or `stability`.
        label: a word or two.
        quantity: what is measured.
        unit: empty where there is none.
        larger_is_better: as for survival.
    """

    key: str
    label: str
    quantity: str
    unit: str
    larger_is_better: bool = False


ID = Criterion("id", "ID", "force MAE", "meV/Å")
OOD = Criterion("ood", "OOD", "force MAE", "meV/Å")
OWN = Criterion("own", "own molecules", "force MAE", "meV/Å")
STABILITY = Criterion("stability", "stability", "survived share", "", larger_is_better=True)


@dataclass(frozen=True)
class Place:
    """A potential in one column.

    Attributes:
        rank: 1 and the number of potentials that are better beyond noise.
        tied: whether another one has this rank.
        value: in the unit of the criterion; of several models their mean.
        low: lower limit of its interval.
        high: upper limit.
        n_models: models that it stands for, which differ in the seed of their training.
        spread: standard deviation over them; None for one.
    """

    rank: int
    tied: bool
    value: float
    low: float
    high: float
    n_models: int = 1
    spread: float | None = None


@dataclass(frozen=True)
class Column:
    """One ranking.

    Attributes:
        criterion: by what.
        labels: the K potentials that are ranked.
        ranking: of them, in this order.
        molecules: over which.
    """

    criterion: Criterion
    labels: tuple[str, ...]
    ranking: Ranking
    molecules: tuple[str, ...]

    def place(self, label: str) -> Place | None:
        """Of a potential; None where it is not ranked."""
        if label not in self.labels:
            return None
        k, found = self.labels.index(label), self.ranking
        numbers = (float(values[k]) for values in (found.values, found.low, found.high))
        spread = None if np.isnan(found.spread[k]) else float(found.spread[k])
        return Place(int(found.ranks[k]), bool(found.tied[k]), *numbers, int(found.n_models[k]), spread)


@dataclass(frozen=True)
class Agreement:
    """How far two rankings agree.

    Attributes:
        first: key of a criterion.
        second: key of the other.
        tau: Kendall's tau-b with its interval; None where it is not defined.
        why: where it is not, the reason.
        n: potentials in both.
    """

    first: str
    second: str
    tau: Interval | None
    why: str
    n: int


@dataclass(frozen=True)
class Line:
    """A potential with everything of it that the leaderboard shows.

    Attributes:
        label: of the row.
        pool: its runs; one, unless seeds are pooled.
        places: key of a criterion -> place; None where it was not measured.
        stable: MD runs that completed.
        physical: MD runs that say something about the potential.
        other: MD runs that ended otherwise.
        drift: median NVE drift, meV/atom/ps.
        front: whether no other potential is both faster and more accurate; None where speeds cannot be compared.
        over_id: OOD over ID force MAE, over what all potentials have; None where one of them is missing or 0.
    """

    label: str
    pool: Pool
    places: Mapping[str, Place | None]
    stable: int
    physical: int
    other: int
    drift: float | None
    front: bool | None
    over_id: Interval | None = None

    @property
    def ratio(self) -> float | None:
        """The value of `over_id`."""
        return None if self.over_id is None else self.over_id.value


@dataclass(frozen=True)
class Board:
    """The leaderboard of one task.

    Attributes:
        subject: task, or own molecules.
        columns: the rankings that could be made.
        lines: one a row, best error on unseen molecules first.
        agreements: between the rankings.
        notes: what a reader has to know, in sentences.
        same_hardware: whether speeds can be compared.
        level: confidence level of every interval.
    """

    subject: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    agreements: tuple[Agreement, ...]
    notes: tuple[str, ...]
    same_hardware: bool
    level: float

    @property
    def judged(self) -> Column | None:
        """The column by which the lines are ordered: errors on unseen or own molecules where there are some."""
        by_key = {column.criterion.key: column for column in self.columns}
        return next((by_key[key] for key in ("ood", "own", "id", "stability") if key in by_key), None)
