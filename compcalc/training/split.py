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


def training_split(task: Task, dataset: DataSet, seed: int, valid_share: float = 0.1) -> TrainingSplit:
    """Split trajectory A of each training molecule by starting conformer.

    OOD molecules and trajectory B are not touched: model selection sees in-distribution data only.

    Raises:
        DataError: a molecule has a single start, which leaves nothing to validate on.
    """
    rng = np.random.default_rng(seed)
    train, valid = [], []
    for molecule in task.train:
        frames = dataset.frames(molecule, "A")
        starts = np.unique(frames.start)
        if len(starts) < 2:
            raise DataError(f"{molecule.name}: trajectory A has one start; training needs at least two.")
        held = rng.choice(starts, size=max(1, round(valid_share * len(starts))), replace=False)
        mask = np.isin(frames.start, held)
        train.append(frames.select(~mask))
        valid.append(frames.select(mask))
    return TrainingSplit(tuple(train), tuple(valid))
