"""A stored result is there whole or not at all."""

import numpy as np
import pytest

from compcalc.execution import Result, ResultStore, Unit, content_hash

UNIT = Unit("md/alkane-07/nve/0", None, "abc")
RESULT = Result({"x": np.arange(200.0).reshape(2, 100), "none": np.empty((0, 3))}, {"n": 3, "name": "ä", "nan": None})


def _stored(tmp_path) -> ResultStore:
    store = ResultStore(tmp_path)
    store.write(UNIT, RESULT)
    return store


def _files(tmp_path) -> list[str]:
    return sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())


def test_round_trip(tmp_path):
    found = _stored(tmp_path).read(UNIT)
    np.testing.assert_array_equal(found.arrays["x"], RESULT.arrays["x"])
    assert found.arrays["none"].shape == (0, 3)
    assert found.meta == RESULT.meta
    assert set(found.arrays) == {"x", "none"}
    assert _files(tmp_path) == ["md/alkane-07/nve/0.npz"]


def test_what_is_missing_reads_as_none(tmp_path):
    assert ResultStore(tmp_path / "nowhere").read(UNIT) is None


def test_another_hash_reads_as_none(tmp_path):
    store = _stored(tmp_path)
    assert store.read(Unit(UNIT.id, None, "abd")) is None


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_a_write_that_fails_midway_leaves_nothing(tmp_path, monkeypatch, error):
    def half(file, **arrays):
        file.write(b"PK half a file")
        raise error

    monkeypatch.setattr(np, "savez_compressed", half)
    store = ResultStore(tmp_path)
    with pytest.raises(type(error)):
        store.write(UNIT, RESULT)
    assert _files(tmp_path) == []
    assert store.read(UNIT) is None


def test_a_write_that_fails_midway_keeps_the_result_before_it(tmp_path, monkeypatch):
    store = _stored(tmp_path)

    def fail(file, **arrays):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError):
        store.write(UNIT, Result({}, {"n": 4}))
    assert store.read(UNIT).meta["n"] == 3
    assert _files(tmp_path) == ["md/alkane-07/nve/0.npz"]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_reads_as_none(tmp_path, share):
    store = _stored(tmp_path)
    whole = store.path(UNIT).read_bytes()
    store.path(UNIT).write_bytes(whole[: int(share * len(whole))])
    assert store.read(UNIT) is None


def test_a_flipped_byte_never_gives_other_data(tmp_path):
    store = _stored(tmp_path)
    whole = store.path(UNIT).read_bytes()
    lost = 0
    for k in range(0, len(whole), 4):
        damaged = bytearray(whole)
        damaged[k] ^= 0xFF
        store.path(UNIT).write_bytes(damaged)
        found = store.read(UNIT)
        if found is None:
            lost += 1
        else:  # bytes that carry no data, such as a date
            np.testing.assert_array_equal(found.arrays["x"], RESULT.arrays["x"])
            assert found.meta == RESULT.meta
    assert lost > len(whole) / 16


@pytest.mark.parametrize("content", [b"", b"no result", b"\x93NUMPY\x01\x00"])
def test_a_foreign_file_reads_as_none(tmp_path, content):
    store = _stored(tmp_path)
    store.path(UNIT).write_bytes(content)
    assert store.read(UNIT) is None


def test_foreign_numpy_files_read_as_none(tmp_path):
    store = _stored(tmp_path)
    with store.path(UNIT).open("wb") as file:
        np.save(file, np.zeros(3))
    assert store.read(UNIT) is None
    np.savez(store.path(UNIT), x=np.zeros(3))
    assert store.read(UNIT) is None
    np.savez(store.path(UNIT), __meta__=np.frombuffer(b"[]", dtype=np.uint8))
    assert store.read(UNIT) is None


def test_a_second_write_replaces_the_first(tmp_path):
    store = _stored(tmp_path)
    store.write(UNIT, Result({}, {"n": 4}))
    assert store.read(UNIT).meta == {"n": 4}
    assert store.read(UNIT).arrays == {}


def test_a_content_hash_depends_on_content_alone():
    assert content_hash({"a": 1, "b": [2, 3]}) == content_hash({"b": [2, 3], "a": 1})
    different = [
        content_hash({"a": 1}),
        content_hash({"a": 1.5}),
        content_hash({"a": "1"}),
        content_hash({"a": 1}, {}),
        content_hash([1, 2]),
        content_hash([2, 1]),
        content_hash(1, 2),
    ]
    assert len(set(different)) == len(different)
    assert all(len(h) == 64 for h in different)
