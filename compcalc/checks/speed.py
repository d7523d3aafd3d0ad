"""What an evaluation costs. A number only: what is fast enough depends on the use."""

import time

import numpy as np

from compcalc.checks.check import check
from compcalc.checks.finding import Finding, passed
from compcalc.checks.subject import Subject

REPEATS = 5


@check("time a call", evaluations=REPEATS)
def speed(subject: Subject) -> Finding:
    """Median wall time of energy and forces over slightly different geometries, as in dynamics."""
    rng = np.random.default_rng(5)
    milliseconds = []
    for _ in range(REPEATS):
        positions = subject.atoms.positions + rng.normal(scale=1e-3, size=(len(subject.atoms), 3))
        started = time.perf_counter()
        subject.at(positions, forget=False)
        milliseconds.append(1e3 * (time.perf_counter() - started))
    # One that failed took no time worth telling.
    first = 1e3 * subject.first_call.seconds if subject.first_call.error is None else None
    beside = "" if first is None else f"; the first call took {first:.3g} ms"
    return passed(
        f"{len(subject.atoms)} atoms{beside}.",
        float(np.median(milliseconds)),
        "ms",
        first_call_ms=first,
        fastest_ms=min(milliseconds),
        n_atoms=len(subject.atoms),
    )
