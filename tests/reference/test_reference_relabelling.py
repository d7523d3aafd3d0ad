"""Choosing frames to label again, files of new labels, and the shipped ones against the data that they come from."""

from itertools import pairwise

import numpy as np
import pytest

from compcalc.errors import DataError, UnknownNameError
from compcalc.records import Frames, Molecule
from compcalc.reference.dataset import DataSet
from compcalc.reference.relabelling import (
    SOURCE_FRAMES,
    Level,
    choose_frames,
    choose_molecules,
    level_of_record,
    read_level,
    shipped_levels,
)
from compcalc.reference.store import FrameFile, write_frames


def frames_of(name: str, index, energy=0.0, shift=0.0) -> Frames:
    """Frames of H2 whose bond is as long as its place says."""
    positions = np.zeros((len(index), 2, 3))
    positions[:, 1, 0] = 0.5 + 0.125 * np.array(index) + shift
    labels = np.full(len(index), energy), np.zeros((len(index), 2, 3))
    start = np.arange(len(index))
    more = {SOURCE_FRAMES: list(index)}
    return Frames(Molecule(name, "[H][H]"), np.array([1, 1]), positions, *labels, np.array([[0, 1]]), start, more)


def level(name: str, index, **options) -> Level:
    return Level(name, {"h/01": frames_of("h/01", index, **options)}, {"h/01": np.array(index)})


def test_frames_are_spread_over_the_starts():
    start = np.repeat(np.arange(10), 2)
    for count in (2, 3, 5, 10):
        chosen = choose_frames(start, count)
        assert len(set(start[chosen])) == count
        assert np.diff(start[chosen]).max() <= 2 * 10 / count
    assert choose_frames(start, 99).tolist() == list(range(20))


def test_fewer_frames_are_some_of_more():
    start = DataSet().file("B").read("alkane/08").start
    chosen = [set(choose_frames(start, count).tolist()) for count in range(1, 51)]
    assert [len(each) for each in chosen] == list(range(1, 51))
    assert all(few < many for few, many in pairwise(chosen))


def test_the_smallest_members_of_families_and_what_is_named():
    file = DataSet().file("B")
    chosen = choose_molecules(file)
    assert len(chosen) == 10
    assert {"alkane/02", "carboxylic_acid/02", "amine/04"} <= set(chosen)
    assert choose_molecules(file, ["alkane"], members=2) == ["alkane/02", "alkane/03"]
    assert choose_molecules(file, molecules=["alkane/05"]) == ["alkane/05"]
    assert choose_molecules(file, ["alkane"], ["alkane/02"]) == ["alkane/02"]


def test_unknown_names_are_refused():
    file = DataSet().file("B")
    with pytest.raises(UnknownNameError, match="Did you mean 'alkane'"):
        choose_molecules(file, ["alkanes"])
    with pytest.raises(UnknownNameError, match=r"molecule: got 'alkane/99'.*These are in test.h5"):
        choose_molecules(file, molecules=["alkane/99"])


def test_levels_are_compared_on_the_frames_that_both_have():
    (one, other), *rest = level("a", [0, 2, 4]).shared(level("b", [4, 1, 2]))
    assert not rest
    np.testing.assert_array_equal(one.positions, other.positions)
    assert one.positions[:, 1, 0].tolist() == [0.75, 1.0]
    assert level("a", [0]).shared(level("b", [1])) == []


def test_a_file_of_new_labels_is_read_with_its_places(tmp_path):
    write_frames(tmp_path / "new.h5", [frames_of("h/01", [1, 3], energy=2.5)], {"method": "mine"})
    read = read_level(tmp_path / "new.h5")
    assert (read.name, read.index["h/01"].tolist()) == ("mine", [1, 3])
    with pytest.raises(DataError, match="compcalc data relabel"):
        read_level(DataSet().file("B").path)


def test_labels_of_record_belong_to_the_same_geometries(tmp_path):
    write_frames(tmp_path / "old.h5", [frames_of("h/01", range(6), energy=1.0)], {"method": "old"})
    file = FrameFile(tmp_path / "old.h5")
    record = level_of_record(file, [level("a", [1, 3]), level("b", [3, 5])])
    assert (record.name, record.index["h/01"].tolist()) == ("old", [1, 3, 5])
    assert record.frames["h/01"].energy.tolist() == [1.0] * 3
    for foreign in (level("a", [1, 3], shift=1e-6), level("a", [6])):
        with pytest.raises(DataError, match="frames of h/01 under a are not those of .*old.h5"):
            level_of_record(file, [foreign])


@pytest.mark.parametrize("path", shipped_levels(), ids=lambda path: path.stem)
def test_shipped_labels_are_whole_and_of_the_shipped_geometries(path):
    file, source = FrameFile(path), DataSet().file("B")
    found = read_level(path)  # every group against its checksum
    assert path.stat().st_size < 500_000
    assert file.description["command"].startswith(f"compcalc data relabel '{found.name}' --out {path.name}")
    assert {"pyscf", "compcalc"} <= set(file.description["versions"])
    assert file.description["failures"] == {}
    assert {name.split("/")[0] for name in found.frames} == {name.split("/")[0] for name in source.names}
    for name, group in found.frames.items():
        theirs = source.read(name).select(found.index[name])
        np.testing.assert_array_equal(group.positions, theirs.positions)
        np.testing.assert_array_equal(group.numbers, theirs.numbers)
        assert group.attributes["source_sha256"] == source.checksum(name)
        assert np.abs(group.forces - theirs.forces).max() > 0.05
        assert np.abs(group.forces - theirs.forces).mean() < 0.6  # another unit or sign would be eV/angstrom off
        assert np.abs(group.forces.sum(axis=1)).max() < 1e-3


def test_the_levels_share_frames():
    levels = [read_level(path) for path in shipped_levels()]
    assert len(levels[0].shared(levels[1])) == 10
