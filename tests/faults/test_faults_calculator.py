"""Calculators that crash, hang, take all memory, raise, print from C or end their process, on one molecule or all."""

import json
import re
import time

import pytest
from faults_potential import PRINTED
from faults_runs import BUTANE, ETHANE, faulty, without_clocks

LIMITS = ("--timeout", 60, "--memory", 0.7, "--workers", 1, "--replicas", 1)
SHORT_LIMITS = ("--timeout", 4, *LIMITS[2:])
"""Of faults that take as long as they may; too short for whatever else a busy machine has to do."""
slow = pytest.mark.slow

FAULTS = {
    "segfault": ("crashed", "the worker process was ended by SIGSEGV"),
    "exit0": ("crashed", r"the worker process ended by itself \(exit code 0\)"),
    "exit9": ("crashed", r"the worker process ended by itself \(exit code 9\)"),
    "sleep": ("timeout", "stopped at the time limit of 4 s"),
    "hang": ("timeout", "stopped at the time limit of 4 s"),
    "allocate": ("out_of_memory", r"stopped while using [\d.]+ GiB of memory; the limit is 0.7 GiB"),
    "raise": ("calculator_error", "RuntimeError: the licence server is down"),
}
SHORT = {name: ("--only", "static") for name in ("hang", "segfault")}
"""What is left out of the tests that run every time."""


def _limits(fault):
    return SHORT_LIMITS if FAULTS[fault][0] == "timeout" else LIMITS


def _cases(*often):
    return [pytest.param(name, marks=() if name in often else slow) for name in FAULTS]


@pytest.mark.parametrize("fault", _cases("raise"))
def test_a_fault_on_one_molecule_costs_that_molecule_alone(fault, template, small, undisturbed, tmp_path):
    kind, cause = FAULTS[fault]
    out, options = tmp_path / "run", (*_limits(fault), *SHORT.get(fault, ()))
    ended = template.run(*small.command(faulty(fault=fault, on=BUTANE), out, *options))
    assert ended.code == 3 and "Traceback" not in ended.words, ended
    metrics = json.loads((out / "metrics.json").read_text())
    *sound, butane = metrics["static"]["molecules"]
    right = undisturbed(faulty(), *LIMITS)["static"]["molecules"]
    # A shift that is fitted on the training molecules alone does not know of the fault.
    assert without_clocks(sound) == right[:2]
    assert butane["n_failed"] == butane["n_frames"] == 4
    assert all(re.search(cause, reason) for reason in butane["failures"].values())
    assert {run["outcome"] for run in (metrics["md"] or {"runs": []})["runs"]} == ({kind} if metrics["md"] else set())
    assert "alkane/04" in ended.words and re.search(cause, ended.words)
    report = " ".join((out / "report.html").read_text().split())
    assert "alkane/04" in report and re.search(cause, report)
    assert template.run("verify", out).code == 0


@pytest.mark.parametrize("fault", _cases())
def test_a_fault_on_every_molecule_is_refused(fault, template, small, tmp_path):
    kind, cause = FAULTS[fault]
    words = cause if kind == "calculator_error" else f"{kind}: {cause}"
    words = f"fails on all 3 molecules.*on alkane/02: {words}"
    _refused(template, small, faulty(fault=fault), words, tmp_path / "run", _limits(fault))


@pytest.mark.parametrize("fault", [case for case in _cases("segfault") if case.values != ("raise",)])
def test_a_fault_during_the_examination_is_refused(fault, template, small, tmp_path):
    words = f"cannot be examined on alkane/02: {': '.join(FAULTS[fault])}"
    _refused(template, small, faulty(fault=fault, on=ETHANE, late=True), words, tmp_path / "run", _limits(fault))


@pytest.mark.slow
def test_what_is_raised_during_the_examination_costs_its_molecule_alone(template, small, tmp_path):
    out = tmp_path / "run"
    ended = template.run(*small.command(faulty(fault="raise", on=ETHANE, late=True), out, *LIMITS))
    assert ended.code == 3 and "Traceback" not in ended.words, ended
    assert "alkane/02" in ended.words and "the licence server is down" in ended.words
    ethane, *others = json.loads((out / "metrics.json").read_text())["static"]["molecules"]
    assert ethane["n_failed"] == 4 and all(row["n_failed"] == 0 for row in others)


def _refused(template, small, potential, words, out, limits=LIMITS):
    begun = time.monotonic()
    ended = template.run(*small.command(potential, out, *limits))
    assert time.monotonic() - begun < 120
    assert ended.code == 2 and ended.err.startswith("error: ") and "Traceback" not in ended.words, ended
    assert re.search(words, ended.words), ended
    assert not out.exists()


def test_what_is_printed_from_c_does_not_reach_the_terminal(template, small, undisturbed, tmp_path):
    out = tmp_path / "run"
    ended = template.run(*small.command(faulty(fault="print"), out, *LIMITS))
    assert ended.code == 0 and PRINTED not in ended.words
    assert PRINTED in (out / "workers.txt").read_text()
    assert small.metrics(out) == undisturbed(faulty(), *LIMITS)
