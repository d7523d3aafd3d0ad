"""How fast the units of a stage are computed, and how long the rest takes."""

import time
from collections.abc import Callable, Mapping, Sequence

from compcalc.execution import Unit
from compcalc.pipeline.calibration import atoms_of, evaluations_of
from compcalc.pipeline.work import MDRun
from compcalc.units import FS_PER_NS, SECONDS_PER_DAY


class Pace:
    """Follows the units of one stage while they are computed.

    A unit weighs its frames or time steps times its atoms, so that many small molecules do not promise a quick end.
    Speed is counted from the moment at which the first of them is under way: what was there before is no speed.

    Args:
        units: of the stage, all of them.
        clock: gives the time, s.

    Attributes:
        n_units: how many there are.
    """

    def __init__(self, units: Sequence[Unit], clock: Callable[[], float] = time.monotonic):
        self.n_units, self._clock = len(units), clock
        # Frames or steps, and the same times the atoms.
        self._amounts = {u.id: (evaluations_of(u), evaluations_of(u) * atoms_of([u])) for u in units}
        self._total = sum(work for _, work in self._amounts.values())
        md = [unit for unit in units if isinstance(unit.payload, MDRun)]
        self._timestep_fs = md[0].payload.protocol.timestep_fs if md else None
        self._open = set(self._amounts)
        self._finished = (0, 0)
        self._fractions: dict[str, float] = {}
        self._begun: tuple[float, float, float] | None = None
        self._moved: tuple[float, float, float] | None = None

    @property
    def n_done(self) -> int:
        """How many units are done."""
        return self.n_units - len(self._open)

    @property
    def n_under_way(self) -> int:
        """How many units are being computed."""
        return len(self._fractions)

    @property
    def share(self) -> float:
        """How much of the work is done, 0 to 1, units under way included."""
        return self._state()[2] / self._total if self._total else 1.0

    @property
    def evaluations_per_s(self) -> float | None:
        """Frames, or time steps of one molecule, over all workers, 1/s; None before anything is known."""
        return self._speed(1)

    @property
    def ns_per_day(self) -> float | None:
        """How far a molecule that is under way gets in a day, ns; None where there is none, or nothing is known."""
        speed = self.evaluations_per_s
        if speed is None or self._timestep_fs is None or not self._fractions:
            return None
        return speed / self.n_under_way * self._timestep_fs * SECONDS_PER_DAY / FS_PER_NS

    @property
    def seconds_left(self) -> float | None:
        """Until the last unit is done, s, if the rest goes as what went before; None before anything is known."""
        if not self._open:
            return 0.0
        speed = self._speed(2)
        if speed is None:
            return None
        # Since work last showed, more has been done that does not show yet.
        left = self._total - self._moved[2]
        return max(0.0, left / speed - (self._clock() - self._moved[0]))

    def done(self, unit_id: str) -> None:
        """A unit is done, now or by an earlier call."""
        if unit_id not in self._open:
            return
        self._open.remove(unit_id)
        self._fractions.pop(unit_id, None)
        self._finished = tuple(sum(pair) for pair in zip(self._finished, self._amounts[unit_id], strict=True))
        self._look()

    def under_way(self, fractions: Mapping[str, float]) -> None:
        """Units that are being computed, of any stage, and how much of each is done, 0 to 1."""
        self._fractions = {name: fraction for name, fraction in fractions.items() if name in self._open}
        if self._begun is None and self._fractions:
            self._begun = self._state()
        self._look()

    def _look(self) -> None:
        state = self._state()
        if self._begun is not None and state[2] > (self._moved or self._begun)[2]:
            self._moved = state

    def _state(self) -> tuple[float, float, float]:
        """Time, evaluations and work that are done by now."""
        parts = [(f * self._amounts[name][0], f * self._amounts[name][1]) for name, f in self._fractions.items()]
        evaluations, work = (sum(column) for column in zip(self._finished, *parts, strict=True))
        return self._clock(), evaluations, work

    def _speed(self, column: int) -> float | None:
        if self._begun is None or self._moved is None or self._moved[0] <= self._begun[0]:
            return None
        return (self._moved[column] - self._begun[column]) / (self._moved[0] - self._begun[0])
