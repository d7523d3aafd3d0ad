"""mace-torch's own training program, in a process of its own: started, followed, stopped where it learns no more."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compcalc.training.architecture import TrainingError
from compcalc.training.process import command, end_of_log, environment


@dataclass
class History:
    """Losses on the validation frames, of the epochs since the program was last started.

    Attributes:
        losses: one an epoch.
        first: number of the first of them, from 1.
        sessions: how often the program began to train, this time included.
        cut_off: whether it was stopped because its time was over.
    """

    losses: list[float] = field(default_factory=list)
    first: int = 1
    sessions: int = 1
    cut_off: bool = False

    def add(self, entry: Mapping) -> None:
        """Take note of a line of the program's results."""
        if entry["epoch"] is None:  # before the first epoch
            return
        if not self.losses:
            self.first = int(entry["epoch"]) + 1
        self.losses.append(float(entry["loss"]))

    @property
    def best(self) -> int:
        """Number of the epoch with the lowest loss, from 1; the program keeps the model of that epoch."""
        return self.first + min(range(len(self.losses)), key=self.losses.__getitem__)

    @property
    def last(self) -> int:
        """Number of the last epoch, from 1."""
        return self.first + len(self.losses) - 1

    def exhausted(self, patience: int) -> bool:
        """Whether the loss has not fallen for `patience` epochs."""
        return bool(self.losses) and self.last - self.best >= patience


class Program:
    """The training program in one directory.

    Args:
        directory: that it runs in, with the frames.
        seed: that it is given, which is in the names of its files.
    """

    def __init__(self, directory: Path, seed: int):
        self.directory = directory
        self._log = directory / "training.log"
        self._results = directory / "results" / f"model_run-{seed}_train.txt"
        self._code: int | None = None

    def run(
        self,
        arguments: list[str],
        on_epoch: Callable[[int, dict], None],
        patience: float = float("inf"),
        deadline: float = float("inf"),
    ) -> History:
        """Run it to its end, or until the loss on the validation frames has not fallen for `patience` epochs.

        Args:
            arguments: of the command line.
            on_epoch: told of each epoch, and its entry in the program's results.
            patience: epochs.
            deadline: on `time.monotonic`, s; the program is stopped there.
        """
        begun = self._results.read_text() if self._results.exists() else ""
        before = sum(entry["epoch"] is None for entry in filter(None, map(_entry, begun.splitlines())) if _tells(entry))
        history = History(sessions=1 + before)

        def enough(entry: dict) -> bool:
            if not _tells(entry):
                return False
            history.add(entry)
            if entry["epoch"] is not None:
                on_epoch(int(entry["epoch"]) + 1, entry)
            return history.exhausted(patience)

        history.cut_off = self._follow(arguments, len(begun.encode()), enough, deadline)
        return history

    def epoch_seconds(self, arguments: list[str], steps_an_epoch: int, measured: int = 20) -> float:
        """Wall time of an epoch, from the first steps of one, s; nothing but them is done.

        Args:
            arguments: of the command line.
            steps_an_epoch: optimisation steps of an epoch.
            measured: steps to measure, at most all of an epoch.
        """
        steps, evaluations = [], []

        def enough(entry: dict) -> bool:
            (steps if entry.get("mode") == "opt" else evaluations).append(float(entry.get("time", 0.0)))
            return len(steps) >= min(measured, steps_an_epoch)

        self._follow(arguments, 0, enough)
        if not steps:
            self.refuse_failure(self.directory / "model.model")
        settled = steps[len(steps) // 4 :]  # the first ones allocate and compile
        return steps_an_epoch * sum(settled) / max(1, len(settled)) + max(evaluations, default=0.0)

    def refuse_failure(self, model: Path) -> None:
        """Refuse what the program has left if it ended with an error, or without `model`.

        Raises:
            TrainingError: the message has the end of the log.
        """
        if self._code or not model.exists():
            tail = end_of_log(self._log)
            raise TrainingError(f"mace-torch ended with code {self._code} and no model. End of {self._log}:\n{tail}")

    def has_checkpoint(self) -> bool:
        """Whether an epoch has been kept."""
        return any((self.directory / "checkpoints").glob("*_epoch-*.pt"))

    def keep_checkpoints_until(self, epoch: int) -> None:
        """Drop the checkpoints of later epochs (from 1), which were made while the program was being stopped."""
        for path in (self.directory / "checkpoints").glob("*_epoch-*.pt"):
            if int(path.stem.rpartition("-")[2]) > epoch - 1:
                path.unlink()

    def _follow(
        self,
        arguments: list[str],
        position: int,
        enough: Callable[[dict], bool],
        deadline: float = float("inf"),
    ) -> bool:
        """Run the program and tell `enough` each entry of its results from `position` on; it is stopped where that
        says so, and at the deadline, which is returned."""
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                command("mace.cli.run_train", arguments),
                cwd=self.directory,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
            )
            try:
                return self._told(process, position, enough, deadline)
            finally:
                process.kill()
                self._code = process.wait()  # nothing may write into the directory once this function has ended

    def _told(self, process: subprocess.Popen, position: int, enough: Callable[[dict], bool], deadline: float) -> bool:
        while True:
            ended = process.poll() is not None
            if self._results.exists():
                with self._results.open() as file:
                    file.seek(position)
                    while (line := file.readline()).endswith("\n"):
                        position = file.tell()
                        entry = _entry(line)
                        if entry is not None and enough(entry):
                            return False
            if ended:
                return False
            if time.monotonic() > deadline:
                return True
            time.sleep(0.5)


def _entry(line: str) -> dict | None:
    """A line of the results; None for what a kill has left of one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _tells(entry: dict) -> bool:
    """Whether it is of the validation frames."""
    return entry.get("mode") == "eval" and "epoch" in entry
