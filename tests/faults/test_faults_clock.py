"""Clocks that are wrong, or set while a run goes on."""

import json
import math
import os
import time
from pathlib import Path

import pytest
from faults_cli import CLOCK
from faults_runs import faulty, stored

YEAR_S = 3.15e7
SLOW = faulty(pause_s=0.004)


def _numbers(content, path=""):
    """Every number of a JSON file, with where it stands."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _numbers(value, f"{path}/{key}")
    elif isinstance(content, list):
        for value in content:
            yield from _numbers(value, path)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield path, content


def _durations(out: Path):
    contents = [json.loads((out / name).read_text()) for name in ("run.json", "metrics.json")]
    contents += [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    words = ("second", "timings_s", "ms_per", "per_s", "per_day")
    return [(p, x) for content in contents for p, x in _numbers(content) if any(word in p for word in words)]


def _shift(out: Path, seconds: float) -> None:
    """As if everything had been written at another time."""
    for path in out.rglob("*"):
        os.utime(path, (time.time() + seconds,) * 2)
    for path in (out / "runs.json", out / "run.json"):
        text = path.read_text()
        year = json.loads((out / "run.json").read_text())["started"][:4] if path.name == "run.json" else None
        year = year or next(iter(json.loads(text)["runs"].values()))["started"][:4]
        path.write_text(
            text.replace(f'"started": "{year}', f'"started": "{int(year) + int(math.copysign(1, seconds))}')
        )


@pytest.mark.slow
def test_a_clock_that_jumps_stops_nothing(template, small, undisturbed, tmp_path):
    out = tmp_path / "run"
    arguments = small.command(SLOW, out, "--timeout", 60, "--workers", 1)
    ended = template.run(*arguments, environment={CLOCK: "jumps"})
    assert ended.code == 0, ended
    assert small.metrics(out) == undisturbed(SLOW)
    durations = _durations(out)
    assert len(durations) > 20
    assert [(path, x) for path, x in durations if not 0 <= x < 1e6] == []


@pytest.mark.slow
def test_files_of_the_future_and_the_past_are_as_good_as_others(template, small, undisturbed, tmp_path):
    out = tmp_path / "run"
    arguments = small.command(SLOW, out, "--workers", 1)
    command = template.start(*arguments)
    assert command.until(lambda: len(stored(out)) >= 2)
    command.kill()
    command.wait()
    _shift(out, YEAR_S)
    assert template.run(*arguments).code == 0
    assert small.metrics(out) == undisturbed(SLOW)
    assert [(path, x) for path, x in _durations(out) if not 0 <= x < 1e6] == []
    _shift(out, -YEAR_S)
    assert template.run("verify", out).code == 0
