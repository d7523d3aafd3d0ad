"""Frames of a data set under labels of another method: which frames, and what a file of them says of itself.

A level of theory is a method with its labels on frames of a data set. The label of record, a file of new labels and the
predictions of a potential are all levels, so that any two can be compared on the frames that they share.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compcalc.errors import DataError, UnknownNameError
from compcalc.records import Frames
from compcalc.reference.dataset import shipped_directory
from compcalc.reference.store import FrameFile

SOURCE_FRAMES = "source_frames"
"""Attribute of a relabelled group: the indices of its frames in the group that they come from."""

SHIPPED = ("wb97x_6-31gd_cartesian.h5", "wb97m-d3bj_def2-tzvpd.h5")
"""The shipped files of new labels, from the cheaper level to the better one."""


@dataclass(frozen=True)
class Level:
    """Labels of one method.

    Attributes:
        name: of the method.
        frames: molecule name -> frames with the labels.
        index: molecule name -> place of each frame in the data set that it comes from, (T,).
    """

    name: str
    frames: Mapping[str, Frames]
    index: Mapping[str, np.ndarray]

    def shared(self, other: "Level") -> list[tuple[Frames, Frames]]:
        """The frames that both levels have, molecule by molecule, in one order: of this level, and of the other."""
        pairs = []
        for name in sorted(self.frames.keys() & other.frames.keys()):
            common = np.intersect1d(self.index[name], other.index[name])
            if len(common):
                pairs.append(tuple(level.frames[name].select(level._places(name, common)) for level in (self, other)))
        return pairs

    def _places(self, name: str, wanted: np.ndarray) -> np.ndarray:
        place = {frame: k for k, frame in enumerate(self.index[name].tolist())}
        return np.array([place[frame] for frame in wanted.tolist()], dtype=int)


def shipped_levels() -> list[Path]:
    """The shipped files of new labels."""
    return [shipped_directory() / name for name in SHIPPED]


def choose_molecules(
    file: FrameFile, families: Iterable[str] = (), molecules: Iterable[str] = (), members: int = 1
) -> list[str]:
    """Names of molecules of `file`: those named, and the `members` with the fewest atoms of each family.

    Without families and molecules, of every family.

    Raises:
        UnknownNameError: a family or a molecule that the file does not hold.
    """
    remedy = f"These are in {file.path.name}."
    chosen = list(molecules)
    for name in chosen:
        if name not in file.names:
            raise UnknownNameError("molecule", name, file.names, remedy)
    held = sorted({name.rpartition("/")[0] for name in file.names} - {""})
    families = list(families) or ([] if chosen else held)
    for family in families:
        if family not in held:
            raise UnknownNameError("family", family, held, remedy)
        sizes = {name: len(file.read(name).numbers) for name in file.names if name.rpartition("/")[0] == family}
        chosen += sorted(sizes, key=lambda name: (sizes[name], name))[:members]
    return list(dict.fromkeys(chosen))


def choose_frames(start: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` frames, ascending, spread over the starts; all where there are not so many.

    A smaller count gives some of the frames of a larger one, so that a dearer method shares the frames of a cheaper.

    Args:
        start: starting conformer of each frame, (T,).
        count: how many.
    """
    rank = np.array([np.sum(start[:k] == start[k]) for k in range(len(start))])
    # Round by round, one frame of each start.
    rounds = [np.flatnonzero(rank == k) for k in range(int(rank.max(initial=-1)) + 1)]
    ordered = [int(frames[k]) for frames in rounds for k in _halving(len(frames))]
    return np.array(sorted(ordered[:count]), dtype=int)


def _halving(n: int) -> list[int]:
    """0 to n - 1 in an order that halves gaps: any beginning of it is spread evenly."""
    bits = max(n - 1, 0).bit_length()
    mirrored = (int(f"{k:0{bits}b}"[::-1], 2) for k in range(2**bits))
    return list(dict.fromkeys(n * k // 2**bits for k in mirrored)) if n else []


def read_level(path: Path) -> Level:
    """The level in a file of new labels.

    Raises:
        DataError: the file is missing or damaged, or does not say where its frames come from.
    """
    file = FrameFile(path)
    frames = {name: file.read(name) for name in file.names}
    without = [name for name, group in frames.items() if len(group.attributes.get(SOURCE_FRAMES, ())) != len(group)]
    if without or not frames:
        raise DataError(
            f"{path} does not say which frames of a data set it holds. Make such a file with `compcalc data relabel`."
        )
    index = {name: np.array(group.attributes[SOURCE_FRAMES], dtype=int) for name, group in frames.items()}
    return Level(str(file.description.get("method", path.stem)), frames, index)


def level_of_record(file: FrameFile, levels: Iterable[Level]) -> Level:
    """The labels that `file` itself has, on every frame of `levels`.

    Raises:
        DataError: a level's geometries are not those of the file, bit for bit.
    """
    frames, index = {}, {}
    for level in levels:
        for name, group in level.frames.items():
            whole = file.read(name) if name in file.names else None
            places = level.index[name]
            if whole is None or places.max() >= len(whole) or not _same(whole.select(places), group):
                raise DataError(
                    f"the frames of {name} under {level.name} are not those of {file.path}. "
                    "Name the data set that they come from."
                )
            index[name] = np.union1d(index.get(name, np.empty(0, dtype=int)), places)
            frames[name] = whole.select(index[name])
    return Level(str(file.description.get("method", "label of record")), frames, index)


def _same(one: Frames, other: Frames) -> bool:
    return np.array_equal(one.numbers, other.numbers) and np.array_equal(one.positions, other.positions)
