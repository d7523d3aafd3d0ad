"""Units that run together: one call, results apart, and a bad member costs itself alone."""

import execution_work as work
import pytest

from compcalc.execution import Here, Limits, LocalPool, Result, ResultStore, Unit, run_units


def grouped(*payloads, group="g"):
    return [Unit(f"{group}/{k}", payload, "h", group) for k, payload in enumerate(payloads)]


def run(units, directory, workers=0, timeout_s=None):
    store, lost = ResultStore(directory), {}

    def keep(unit, reason):
        lost[unit.id] = reason
        return Result({}, {"lost": reason.kind})

    limits = Limits(timeout_s=timeout_s)
    with LocalPool(work.together, workers, limits) if workers else Here(work.together) as executor:
        run_units(units, executor, store, on_lost=keep)
    return store, lost


@pytest.mark.parametrize("workers", [0, 2])
def test_members_are_computed_together_and_stored_apart(tmp_path, workers):
    units = [*grouped(1, 2, 3), *grouped(4, 5, group="f")]
    store, _ = run(units, tmp_path, workers=workers)
    assert [store.read(unit).meta for unit in units] == [
        *({"x": x, "together": 3} for x in (1, 2, 3)),
        *({"x": x, "together": 2} for x in (4, 5)),
    ]


def test_a_group_with_a_missing_member_runs_again_as_a_whole(tmp_path):
    units = grouped(1, 2, 3)
    store, _ = run(units, tmp_path)
    store.path(units[1]).unlink()
    store.write(units[0], Result({}, {"x": "from before"}))
    run(units, tmp_path)
    assert [store.read(unit).meta["x"] for unit in units] == [1, 2, 3]
    store.write(units[0], Result({}, {"x": "from before"}))
    run(units, tmp_path)
    assert store.read(units[0]).meta["x"] == "from before"


@pytest.mark.parametrize(
    ("fault", "kind"), [("exit", "crashed"), pytest.param("sleep", "timeout", marks=pytest.mark.slow)]
)
def test_a_member_that_ends_the_process_costs_itself_alone(tmp_path, fault, kind):
    units = grouped(1, fault, 3)
    limit = {"timeout_s": 2.0} if fault == "sleep" else {}
    store, lost = run(units, tmp_path, workers=2, **limit)
    assert [store.read(unit).meta for unit in units] == [
        {"x": 1, "together": 1},
        {"lost": kind},
        {"x": 3, "together": 1},
    ]
    assert list(lost) == ["g/1"] and lost["g/1"].kind == kind
