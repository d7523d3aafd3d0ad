"""Training and validation frames share no conformer, and come from trajectory A of the training molecules alone."""

import numpy as np
import pytest
from training_data import METHANE, TASK, random_data

from compcalc.errors import DataError
from compcalc.tasks import Task
from compcalc.training.split import training_split


def test_whole_starts_are_held_out(tmp_path):
    split = training_split(TASK, random_data(tmp_path), seed=0)
    assert split.count() == (2 * 27, 2 * 3)
    for train, valid in zip(split.train, split.valid, strict=True):
        assert train.molecule == valid.molecule
        assert not set(train.start) & set(valid.start)
        assert len(set(train.start) | set(valid.start)) == 10
        assert not np.intersect1d(train.energy, valid.energy).size


def test_every_frame_is_on_one_side(tmp_path):
    dataset = random_data(tmp_path)
    split = training_split(TASK, dataset, seed=0)
    for molecule, train, valid in zip(TASK.train, split.train, split.valid, strict=True):
        whole = dataset.frames(molecule, "A")
        assert sorted([*train.energy, *valid.energy]) == sorted(whole.energy)


def test_the_seed_decides(tmp_path):
    dataset = random_data(tmp_path)
    held = [tuple(tuple(sorted(set(f.start))) for f in training_split(TASK, dataset, s).valid) for s in (0, 0, 1, 2, 3)]
    assert held[0] == held[1]
    assert len(set(held)) > 1


@pytest.mark.parametrize(("share", "starts"), [(0.0, 1), (0.1, 1), (0.25, 2), (0.5, 5)])
def test_the_share_counts_starts_and_is_at_least_one(tmp_path, share, starts):
    split = training_split(TASK, random_data(tmp_path), 0, valid_share=share)
    assert [len(set(f.start)) for f in split.valid] == [starts, starts]


def test_test_data_and_unseen_molecules_are_never_read(tmp_path, monkeypatch):
    dataset = random_data(tmp_path)  # it has no trajectory B and no unseen molecule: reading either would fail
    asked = []
    frames = dataset.frames
    monkeypatch.setattr(dataset, "frames", lambda m, letter: asked.append((m.name, letter)) or frames(m, letter))
    training_split(TASK, dataset, seed=0)
    assert asked == [("alkane/01", "A"), ("alkane/02", "A")]


def test_a_single_start_leaves_nothing_to_validate_on(tmp_path):
    with pytest.raises(DataError, match="alkane/01: trajectory A has one start.*at least two"):
        training_split(TASK, random_data(tmp_path, starts=1), seed=0)


def test_two_starts_will_do(tmp_path):
    split = training_split(Task("t", "base", "?", (METHANE,), ()), random_data(tmp_path, starts=2), seed=0)
    assert split.count() == (3, 3)


def test_fewer_frames_are_spread_over_the_starts(tmp_path):
    dataset = random_data(tmp_path)
    split = training_split(TASK, dataset, 0, 10)
    assert split.count() == (18, 2)
    for train, valid in zip(split.train, split.valid, strict=True):
        assert len({*train.start, *valid.start}) == 10


def test_more_frames_than_there_are_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match="alkane/01: trajectory A has 30 frames, 31 were asked for.*--train-frames 31"):
        training_split(TASK, random_data(tmp_path), 0, 31)


def test_all_frames_asked_for_by_number_are_all_frames(tmp_path):
    dataset = random_data(tmp_path)
    one, other = training_split(TASK, dataset, 0, 30), training_split(TASK, dataset, 0)
    assert all((a.energy == b.energy).all() for a, b in zip(one.train, other.train, strict=True))
