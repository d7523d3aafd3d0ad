"""Disks that are full, directories that cannot be written or are removed: a clear end, and on it goes later."""

import shutil

import pytest
from faults_runs import faulty, stored, times_done

SLOW = faulty(pause_s=0.004)
ONE = ("--workers", 1)


class Disk:
    """A real file system of its own, seen by the commands of a private mount namespace alone.

    Args:
        private: where it is mounted.
        folder: on what.
        size: of it, as `mount` has it.
    """

    def __init__(self, private, folder, size):
        self._private, self.folder = private, folder
        folder.mkdir()
        private.shell(f"mount -t tmpfs -o size={size} none {folder}")

    def remount(self, options):
        """Change its size, or whether it can be written."""
        self._private.shell(f"mount -o remount,{options} {self.folder}")

    def copy(self, to):
        """Copy what it holds to where the test can see it."""
        shutil.rmtree(to, ignore_errors=True)
        self._private.shell(f"cp -a {self.folder} {to}")
        return to


def _refused(ended, words):
    """Exit code 2 and one sentence."""
    assert ended.code == 2, ended
    assert ended.err.startswith("error: ") and words in ended.err, ended
    assert "Traceback" not in ended.words and ended.err.count("\n") == 1, ended


def _filled_again_and_again(sizes, private, small, undisturbed, folder):
    """The same command on a disk that grows; gives how many results there were each time."""
    disk, kept = Disk(private, folder / "disk", sizes[0]), []
    arguments = small.command("mmff94", disk.folder / "run", *ONE)
    for size in sizes:
        disk.remount(f"size={size}")
        _refused(private.run(*arguments), "No space left on device")
        kept.append(len(stored(disk.copy(folder / "copy") / "run")))
    disk.remount("size=8m")
    assert private.run(*arguments).code == 0
    out = disk.copy(folder / "copy") / "run"
    assert small.metrics(out) == undisturbed("mmff94")
    assert not list(out.rglob("*.partial"))
    assert len(times_done(out)) == 7 or min(kept) < 7, "what was finished was not kept"
    assert private.run("verify", disk.folder / "run").code == 0
    return kept


@pytest.mark.slow
def test_a_full_disk(private, small, undisturbed, tmp_path):
    """Full while units are stored, and while the report is written."""
    begun, reporting = _filled_again_and_again(("44k", "2m"), private, small, undisturbed, tmp_path)
    assert 0 < begun < reporting == 7


@pytest.mark.slow
def test_a_disk_that_is_full_at_every_size(private, small, undisturbed, tmp_path):
    sizes = [f"{size}k" for size in (4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 100, 120, 140, 160, 1000)]
    kept = _filled_again_and_again(sizes, private, small, undisturbed, tmp_path)
    assert kept == sorted(kept) and kept[0] == 0 and kept[-1] == 7


def test_a_directory_that_cannot_be_written_is_refused_before_anything_is_computed(private, small, tmp_path):
    disk = Disk(private, tmp_path / "disk", "8m")
    disk.remount("ro")
    marker = tmp_path / "called"
    for out in (disk.folder / "new", disk.folder):
        _refused(private.run(*small.command(faulty(marker=marker), out, *ONE)), "Read-only file system")
    assert not marker.exists()


@pytest.mark.slow
def test_a_finished_run_can_be_looked_at_where_it_cannot_be_written(private, small, tmp_path):
    disk = Disk(private, tmp_path / "disk", "8m")
    out, few = disk.folder / "run", ("--only", "static", *ONE)
    assert private.run(*small.command("mmff94", out, *few)).code == 0
    disk.remount("ro")
    assert private.run("verify", out).code == 0
    _refused(private.run(*small.command("mmff94", out, *few)), "Read-only file system")


def test_no_room_for_temporary_files(private, small, tmp_path):
    disk = Disk(private, tmp_path / "disk", "8k")
    arguments = small.command("mmff94", tmp_path / "run", *ONE)
    _refused(private.run(*arguments, environment={"TMPDIR": str(disk.folder)}), "No space left on device")
    assert not (tmp_path / "run").exists()
    assert private.shell(f"ls -A {disk.folder}") == ""


def test_a_directory_that_is_removed_meanwhile(template, small, tmp_path):
    out = tmp_path / "run"
    command = template.start(*small.command(SLOW, out, *ONE))
    assert command.until(lambda: stored(out))
    shutil.rmtree(out)
    ended = command.wait()
    assert command.left_behind() == []
    _refused(ended, f"{out} was removed while results were written to it")
    assert not out.exists()


@pytest.mark.slow
def test_results_that_are_removed_meanwhile(template, small, undisturbed, tmp_path):
    out = tmp_path / "run"
    arguments = small.command(SLOW, out, *ONE)
    command = template.start(*arguments)
    assert command.until(lambda: stored(out))
    stored(out)[0].unlink()
    ended = command.wait()
    _refused(ended, "is missing or damaged")
    assert template.run(*arguments).code == 0
    assert small.metrics(out) == undisturbed(SLOW)
