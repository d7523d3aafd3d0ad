"""Ctrl-C, a closed terminal and a polite end: at any moment of a run, once or twice, nothing is lost or left behind."""

import random
import signal

import pytest
from faults_cli import HELD, HOLD
from faults_runs import SEED, faulty, stored

SLOW = faulty(pause_s=0.004)
FEW = ("--only", "static", "--workers", 1)


def _loading(out):
    return lambda: True


def _computing(out):
    return lambda: bool(stored(out))


def _end(template, arguments, moment, which, times=1, wait_s=0.0):
    """Start a run, and ask it to end at that moment; gives how it ended."""
    command = template.start(*arguments)
    assert command.after(wait_s)
    return _end_at(command, moment, which, times)


def _end_at(command, moment, which, times=1):
    assert command.until(moment)
    for _ in range(times):
        command.send(which)
        command.after(0.05)
    ended = command.wait(15)
    assert command.left_behind() == []
    return ended


def _says_how_to_go_on(ended, which):
    assert ended.code == 128 + which, ended
    assert ended.err.split("\n") == ["", f"stopped by {which.name}; give the same command again to go on.", ""]
    assert "Traceback" not in ended.out


def test_ends_at_every_stage_lose_nothing(template, small, undisturbed, tmp_path):
    out = tmp_path / "run"
    arguments = small.command(SLOW, out, "--workers", 1)
    for moment, which, times in (
        (_loading(out), signal.SIGINT, 1),
        (_loading(out), signal.SIGINT, 2),
        (_computing(out), signal.SIGINT, 2),
    ):
        _says_how_to_go_on(_end(template, arguments, moment, which, times, wait_s=0.3), which)
    kept = stored(out)
    writing = template.start(*arguments, environment={HOLD: "writing"})
    _says_how_to_go_on(_end_at(writing, lambda: HELD in writing.said()[0], signal.SIGINT), signal.SIGINT)
    assert len(stored(out)) == 7 and set(kept) < set(stored(out))
    ended = template.run(*arguments)
    assert ended.code == 0 and "Report: " in ended.words
    assert small.metrics(out) == undisturbed(SLOW)
    assert not list(out.rglob("*.partial"))


def test_the_end_of_a_run_that_was_announced_cannot_be_garbled(template, small, tmp_path):
    command = template.start(*small.command("mmff94", tmp_path / "run", *FEW), environment={HOLD: "announced"})
    for times in (1, 2):  # while threads are joined, and later
        assert command.until(lambda times=times: command.said()[0].count(HELD) == times)
        command.send(signal.SIGINT)
    ended = command.wait(15)
    assert ended.code == 0 and not ended.err and "Report: " in ended.words


@pytest.mark.parametrize("which", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGHUP])
def test_a_scheduler_or_a_closed_terminal_ends_all_processes(which, template, small, tmp_path):
    out = tmp_path / "run"
    _says_how_to_go_on(_end(template, small.command(SLOW, out, "--workers", 1), _computing(out), which), which)
    assert stored(out) and not (out / "metrics.json").exists()


def test_a_signal_that_is_ignored_ends_nothing(template, small, tmp_path):
    """As under nohup."""
    command = template.start(*small.command("mmff94", tmp_path / "run", *FEW), ignore=[signal.SIGHUP])
    assert command.until(lambda: command.workers())
    command.send(signal.SIGHUP)
    assert command.wait().code == 0


@pytest.mark.slow
def test_interrupted_at_random_moments(template, small, undisturbed, tmp_path):
    chance, out = random.Random(SEED), tmp_path / "run"
    arguments = small.command(SLOW, out)
    for _ in range(20):
        command = template.start(*arguments)
        if command.after(chance.uniform(0.02, 6.0)):
            for _ in range(chance.choice((1, 2, 3))):
                command.send(signal.SIGINT)
                command.after(chance.uniform(0.0, 0.2))
        ended = command.wait(15)
        assert command.left_behind() == [] and "Traceback" not in ended.words, ended
        assert ended.code in (0, 130), ended
    assert template.run(*arguments).code == 0
    assert small.metrics(out) == undisturbed(SLOW)
