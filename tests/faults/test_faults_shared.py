"""Two commands that work on one directory, a third that looks at it, and a directory that is moved in between."""

import shutil
import signal

import pytest
from faults_runs import faulty, stored, times_done

SLOW = faulty(pause_s=0.008)


@pytest.mark.slow
def test_two_commands_share_the_work_and_one_is_killed(template, small, undisturbed, tmp_path):
    out = tmp_path / "run"
    arguments = small.command(SLOW, out, "--workers", 1)
    first, second = (template.start(*arguments) for _ in range(2))
    assert second.until(lambda: len(stored(out)) >= 2)
    looked = template.run("verify", out)
    if second.running:  # and so it was when a third looked
        assert looked.code == 1 and "not whole" in looked.words
    assert looked.code in (0, 1) and "Traceback" not in looked.words
    first.kill()
    assert second.wait().code == 0
    assert first.wait().code in (-signal.SIGKILL, 0)
    assert first.left_behind() == second.left_behind() == []
    assert small.metrics(out) == undisturbed(SLOW)
    assert set(times_done(out).values()) == {1} and len(times_done(out)) == len(stored(out)) == 7
    assert template.run("verify", out).code == 0


@pytest.mark.slow
def test_two_commands_at_once_both_end_well(template, small, undisturbed, tmp_path):
    out = tmp_path / "run"
    arguments = small.command(SLOW, out, "--workers", 1)
    both = [template.start(*arguments) for _ in range(2)]
    assert [command.wait().code for command in both] == [0, 0]
    assert small.metrics(out) == undisturbed(SLOW)
    assert set(times_done(out).values()) == {1} and len(times_done(out)) == 7
    assert template.run("verify", out).code == 0


@pytest.mark.slow
def test_a_directory_that_is_moved_half_done_goes_on(template, small, undisturbed, tmp_path):
    out, moved = tmp_path / "run", tmp_path / "elsewhere" / "moved"
    command = template.start(*small.command(SLOW, out, "--workers", 1))
    assert command.until(lambda: stored(out))
    command.kill()
    command.wait()
    assert command.left_behind() == []
    kept = {path.name: path.stat().st_mtime_ns for path in stored(out)}
    moved.parent.mkdir()
    shutil.move(out, moved)
    assert template.run(*small.command(SLOW, moved, "--workers", 1)).code == 0
    assert kept.items() < {path.name: path.stat().st_mtime_ns for path in stored(moved)}.items()
    assert small.metrics(moved) == undisturbed(SLOW)
    assert not out.exists()
    assert template.run("verify", moved).code == 0
