"""Training and validation frames of a task, from trajectory A alone."""

from dataclasses import dataclass

import numpy as np

from compcalc.errors import DataError
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.tasks import Task


@dataclass(frozen=True)
class TrainingSplit:
    """Frames to fit, and frames that choose the model.

    Attributes:
        train: one entry a molecule.
        valid: one entry a molecule; whole starts, so that no conformer stands on both sides.
    """

    train: tuple[Frames, ...]
    valid: tuple[Frames, ...]

    def count(self) -> tuple[int, int]:
        """Numbers of training and validation frames."""
        return sum(map(len, self.train)), sum(map(len, self.valid))


def training_split(
    task: Task, dataset: DataSet, seed: int, frames_each: int | None = None, valid_share: float = 0.1
) -> TrainingSplit:
    """Split trajectory A of each training molecule by starting conformer.

    OOD molecules and trajectory B are not touched: model selection sees in-distribution data only.

    Args:
        task: whose training molecules.
        dataset: with their frames.
        seed: decides which starts are held out.
        frames_each: of each molecule, evenly out of all, so that as many conformers as possible are among them; None:
            all frames.
        valid_share: of the starts.

    Raises:
        DataError: a molecule has a single start, which leaves nothing to validate on, or fewer than `frames_each`.
    """
    rng = np.random.default_rng(seed)
    train, valid = [], []
    for molecule in task.train:
        frames = _evenly(dataset.frames(molecule, "A"), frames_each)
        starts = np.unique(frames.start)
        if len(starts) < 2:
            raise DataError(f"{molecule.name}: trajectory A has one start; training needs at least two.")
        held = rng.choice(starts, size=max(1, round(valid_share * len(starts))), replace=False)
        mask = np.isin(frames.start, held)
        train.append(frames.select(~mask))
        valid.append(frames.select(mask))
    return TrainingSplit(tuple(train), tuple(valid))


def _evenly(frames: Frames, count: int | None) -> Frames:
    if count is None:
        return frames
    if count > len(frames):
        raise DataError(
            f"{frames.molecule.name}: trajectory A has {len(frames)} frames, {count} were asked for. Ask for fewer, or "
            f"build a data set with --train-frames {count}."
        )
    chosen = np.zeros(len(frames), dtype=bool)
    chosen[(np.arange(count) * len(frames)) // count] = True
    return frames.select(chosen)
