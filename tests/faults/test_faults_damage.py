"""Files that are cut off, changed or exchanged: found by `compcalc verify`, mended by the same command."""

import json
import random
import shutil

import numpy as np
import pytest
from faults_runs import SEED, faulty, stored

from compcalc.execution import ResultStore, Unit
from compcalc.execution.log import read_log

ONE = ("--workers", 1)
SOUND = faulty()


@pytest.fixture(scope="module")
def whole(template, small, tmp_path_factory):
    """A finished run."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert template.run(*small.command(SOUND, out, *ONE)).code == 0
    return out


@pytest.fixture
def out(whole, tmp_path):
    """A copy of it, to be damaged."""
    return shutil.copytree(whole, tmp_path / "run")


def _one(out, part):
    (path,) = out.glob(f"units/*/{part}-*.npz")
    return path


def _cut(path, to):
    path.write_bytes(path.read_bytes()[:to])


def _flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


def test_damage_is_found_and_mended(out, template, small):
    """Of every kind, one a file."""
    expected = small.metrics(out)
    exported = out / "trajectories/alkane-04-nvt-0.extxyz"
    text, number_of_events = exported.read_text(), len(list(read_log(out / "log.jsonl")))
    damaged = [_one(out, part) for part in ("static/alkane-02", "static/alkane-03", "static/alkane-04")]
    damaged += [_one(out, f"md/alkane-04-{name}") for name in ("nve-0", "nve-1")]
    _cut(damaged[0], -40)
    _flip(damaged[1], 700)
    _cut(damaged[2], 0)
    shutil.copy(_one(out, "md/alkane-04-nvt-0"), damaged[3])  # whole, and of another unit
    _cut(damaged[4], 100)
    looked = template.run("verify", out)
    assert looked.code == 1 and "2 of 7 units" in looked.words and "Traceback" not in looked.words
    assert all(path.stem in "".join(looked.words.split()) for path in damaged)
    _cut(exported, -30)
    _cut(out / "log.jsonl", -30)
    assert template.run(*small.command(SOUND, out, *ONE)).code == 0
    assert small.metrics(out) == expected
    assert exported.read_text() == text
    assert template.run("verify", out).code == 0
    events = [event["event"] for event in read_log(out / "log.jsonl")]
    assert events[number_of_events - 1 :] == ["begin", *["done"] * 5, "end"], "the cut line swallowed the next"


@pytest.mark.slow
def test_a_trajectory_that_was_cut_off_is_found_and_written_again(out, template):
    """At the end of a frame, or within a number."""
    exported = out / "trajectories/alkane-04-nve-0.extxyz"
    text = exported.read_text()
    for part in (text[: text.rindex("14\n")], text[:-3]):
        exported.write_text(part)
        looked = template.run("verify", out)
        assert looked.code == 1 and "alkane-04-nve-0.extxyz" in looked.words
        assert template.run("verify", out, "--repair").code == 0
        assert exported.read_text() == text


@pytest.mark.slow
def test_outputs_that_were_cut_off_are_found_and_mended(out, template, small):
    before = small.metrics(out)
    outputs = ("metrics.json", "metrics.csv", "report.html", "trajectories/exported.json")
    for names in (outputs, ["run.json"]):
        for name in names:
            _cut(out / name, 20)
        looked = template.run("verify", out)
        assert looked.code == 1 and all(name.partition("/")[0] in looked.words for name in names), looked
        assert template.run(*small.command(SOUND, out, *ONE)).code == 0
        assert template.run("verify", out).code == 0 and small.metrics(out) == before


def test_an_index_that_cannot_be_read_is_refused(out, template, small):
    before = {path: path.read_bytes() for path in stored(out)}
    for content in ('{"format": 1, "ru', '{"format": 99, "runs": {}}'):
        (out / "runs.json").write_text(content)
        for arguments in (small.command(SOUND, out, *ONE), ["verify", out]):
            ended = template.run(*arguments)
            assert ended.code == 2 and ended.err.startswith("error: ") and ended.err.count("\n") == 1, ended
            assert f"{out}/runs.json" in ended.err and "Choose another" in ended.err
    assert {path: path.read_bytes() for path in stored(out)} == before


@pytest.mark.parametrize("part", ["static/alkane-02", "md/alkane-04-nvt-1"])
def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(part, out):
    """In the data, the checksums, the table of contents: a result is read as it was, or not at all."""
    path, chance, found = _one(out, part), random.Random(SEED), 0
    with np.load(path) as file:
        header = json.loads(file["__meta__"].tobytes())
    unit, content = Unit(header["unit"], None, header["hash"]), path.read_bytes()
    whole = _read(out, unit)
    for position in sorted(chance.sample(range(len(content)), 300)):
        path.write_bytes(content)
        _flip(path, position)
        read = _read(out, unit)
        assert read is None or read == whole, f"byte {position} of {len(content)}"
        found += read is None
    assert whole is not None and found > 200


def _read(out, unit):
    """What is read of a result, in a form that can be compared; None where nothing is."""
    read = ResultStore(out).read(unit)
    if read is None:
        return None
    arrays = {key: (array.dtype.str, array.shape, array.tobytes()) for key, array in read.arrays.items()}
    return arrays, read.meta, read.cost, read.lost
