"""Fixtures: a run without failures, and one with failures of every sort."""

import pytest
from report_samples import end_run, make_manifest, make_metrics


@pytest.fixture
def manifest() -> dict:
    return make_manifest()


@pytest.fixture
def metrics() -> dict:
    return make_metrics()


@pytest.fixture
def failing_metrics() -> dict:
    """One broken, one crashed run; one molecule without any frame, one with some frames missing."""
    metrics = make_metrics()
    runs = metrics["md"]["runs"]
    end_run(runs[0], "bond_broken", "C3-C4 stretched to 2.9 angstrom (limit 2.1)")
    end_run(runs[3], "crashed", "the process died with signal 11")
    lost, partial = metrics["static"]["molecules"][-1], metrics["static"]["molecules"][-2]
    for key, value in lost.items():
        if isinstance(value, float):
            lost[key] = None
        elif isinstance(value, dict):
            lost[key] = {}
    lost.update(n_failed=50, failures={str(i): "out of memory in the neighbour list" for i in range(50)})
    partial.update(n_failed=3, failures={"3": "forces are NaN", "5": "forces are NaN", "6": "no convergence"})
    return metrics
