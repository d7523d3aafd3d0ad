"""kill -9 of the run and of its workers at random moments: the same command again ends with the same numbers."""

import random
import signal
from contextlib import suppress

import psutil
import pytest
from faults_runs import SEED, faulty, stored, times_done

LONGEST_S = 6.0
LONGER = {"FAULTS_PRODUCTION_PS": "0.3"}
CASES = [
    pytest.param("mmff94", LONGER, id="batches"),
    pytest.param(faulty(pause_s=0.004), {}, id="one by one"),
]


def _kill_a_worker(command, chance):
    workers = command.workers()
    if workers:
        with suppress(psutil.Error):
            chance.choice(workers).send_signal(signal.SIGKILL)


def _disturbed(template, arguments, environment, chance):
    """One command with up to two workers killed, which must not cost a unit, before it is killed; gives how it ended.

    A third one in a row that dies while it is built is held against the potential.
    """
    command = template.start(*arguments, environment=environment)
    for _ in range(chance.choice((0, 0, 1, 2))):
        if command.after(chance.uniform(0.05, LONGEST_S)):
            _kill_a_worker(command, chance)
    if command.after(chance.uniform(0.05, LONGEST_S)):
        command.kill()
    ended = command.wait()
    assert command.left_behind(5.0) == []
    return ended


@pytest.mark.slow
@pytest.mark.parametrize(("potential", "environment"), CASES)
def test_a_run_killed_ten_times(potential, environment, template, small, undisturbed, tmp_path):
    chance, out, killed = random.Random(SEED), tmp_path / "run", 0
    arguments = small.command(potential, out)
    expected = undisturbed(potential, **environment)
    for _ in range(10):
        ended = _disturbed(template, arguments, environment, chance)
        killed += ended.code == -signal.SIGKILL
        assert ended.code in (0, -signal.SIGKILL), ended
    assert killed, "every command ended before it was killed: the run is too short for this test"
    assert template.run(*arguments, environment=environment).code == 0
    assert small.metrics(out) == expected
    assert len(stored(out)) == 7
    for unit, times in times_done(out).items():
        # Units that advance together are done again together where the kill came between their files.
        assert times == 1 or (potential == "mmff94" and "/md/" in unit and times <= 1 + killed), unit
    assert template.run("verify", out, environment=environment).code == 0
