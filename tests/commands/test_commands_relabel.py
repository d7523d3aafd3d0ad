"""`compcalc data relabel` with cheap potentials: what is written, killing and going on, and frames that fail."""

import os
import shutil
import signal
import subprocess
import sys
import time
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from compcalc import get_calculator
from compcalc.commands.relabel import Wanted, _alone, relabel
from compcalc.errors import CompcalcError, DataError, InputError, RunDirectoryError, UnknownNameError
from compcalc.reference.dataset import DataSet
from compcalc.reference.relabelling import SOURCE_FRAMES
from compcalc.reference.store import FrameFile

POTENTIAL = """
import os, time
import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Toy(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        with open(os.environ["TOY_LOG"], "a") as log:
            log.write(f"{atoms.positions[0, 0]!r}\\n")
        time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
        if repr(float(atoms.positions[0, 0])) == os.environ.get("TOY_FAILS"):
            raise RuntimeError("no solution for this one")
        self.results = {"energy": float((atoms.positions**2).sum()), "forces": -2 * atoms.positions}


def toy():
    return Toy()
"""
MOLECULES = ("alkane/02", "alcohol/02")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Spec of a potential that logs what it is asked for."""
    (tmp_path / "toy.py").write_text(POTENTIAL)
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    return f"file:{tmp_path / 'toy.py'}:toy"


def label(wanted, out, workers=0) -> tuple[int, str]:
    console = Console(file=StringIO(), width=300)
    code = relabel(wanted, out, workers, "compcalc data relabel", console)
    return code, console.file.getvalue()


def test_labels_are_those_of_the_method_at_the_stored_geometries(tmp_path):
    code, text = label(Wanted("mmff94", molecules=MOLECULES, frames=3), tmp_path / "new.h5")
    assert (code, "6 frames of 2 molecules" in text) == (0, True)
    file = FrameFile(tmp_path / "new.h5")
    assert file.names == sorted(MOLECULES)
    assert file.description["method"] == "mmff94"
    assert file.description["source"]["file"] == "test.h5"
    assert {"compcalc", "ase", "numpy"} <= set(file.description["versions"])
    source = DataSet().file("B").read("alkane/02")
    frames = file.read("alkane/02")
    index = frames.attributes[SOURCE_FRAMES]
    np.testing.assert_array_equal(frames.positions, source.positions[index])
    energies, forces = get_calculator("mmff94").evaluate(
        [_atoms(frames.numbers, positions) for positions in frames.positions]
    )
    np.testing.assert_allclose(frames.energy, energies, atol=1e-9)
    np.testing.assert_allclose(frames.forces, forces, atol=1e-5)
    assert not (tmp_path / "new.h5.parts").exists()


def _atoms(numbers, positions):
    from ase import Atoms

    return Atoms(numbers, positions)


def test_every_family_by_default_and_workers(tmp_path):
    code, text = label(Wanted("mmff94", frames=1), tmp_path / "new.h5", workers=1)
    assert (code, "10 frames of 10 molecules" in text) == (0, True)
    with pytest.raises(InputError, match="a path that does not exist yet"):
        label(Wanted("mmff94", frames=1), tmp_path / "new.h5")


def test_a_killed_call_goes_on_frame_by_frame(toy, tmp_path, monkeypatch):
    log, parts = tmp_path / "log", tmp_path / "new.h5.parts"
    words = ["data", "relabel", toy, "--out", str(tmp_path / "new.h5"), "--frames", "5", "--workers", "1"]
    words += ["--molecule", "alkane/02", "--molecule", "alcohol/02"]
    environment = {**os.environ, "TOY_SLEEP": "0.2"}
    process = subprocess.Popen([sys.executable, "-m", "compcalc", *words], env=environment)
    deadline = time.monotonic() + 60
    while len(list(parts.rglob("*.npz"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(list(parts.rglob("*.npz")))
    assert 3 <= done < 10
    assert not (tmp_path / "new.h5").exists()
    time.sleep(0.5)  # the worker dies with its parent
    log.write_text("")
    code, text = label(Wanted(toy, molecules=MOLECULES, frames=5), tmp_path / "new.h5")
    assert (code, "10 frames of 2 molecules" in text) == (0, True)
    assert len(log.read_text().split()) == 10 - done
    whole = FrameFile(tmp_path / "new.h5")
    label(Wanted(toy, molecules=MOLECULES, frames=5), tmp_path / "again.h5")
    again = FrameFile(tmp_path / "again.h5")
    assert [whole.checksum(name) for name in whole.names] == [again.checksum(name) for name in again.names]


def test_a_second_call_at_the_same_time_is_refused(tmp_path):
    with _alone(tmp_path / "new.h5"), pytest.raises(RunDirectoryError, match="being made by another process"):
        label(Wanted("mmff94", molecules=MOLECULES, frames=1), tmp_path / "new.h5")
    assert label(Wanted("mmff94", molecules=MOLECULES, frames=1), tmp_path / "new.h5")[0] == 0


def test_another_method_takes_no_results_of_the_first(toy, tmp_path):
    shutil.copytree(_parts_of(toy, tmp_path), tmp_path / "new.h5.parts")
    label(Wanted("mmff94", molecules=MOLECULES[:1], frames=2), tmp_path / "new.h5")
    frames = FrameFile(tmp_path / "new.h5").read("alkane/02")
    expected = get_calculator("mmff94").get_potential_energy(_atoms(frames.numbers, frames.positions[0]))
    assert frames.energy[0] == pytest.approx(expected)


def _parts_of(toy, tmp_path):
    """The parts that a call with another method left."""
    from compcalc.commands import relabel as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.shutil, "rmtree", lambda *_, **__: None)
        label(Wanted(toy, molecules=MOLECULES[:1], frames=2), tmp_path / "toy.h5")
    return tmp_path / "toy.h5.parts"


def test_a_frame_that_fails_is_named_and_costs_itself(toy, tmp_path, monkeypatch):
    source = DataSet().file("B").read("alkane/02")
    monkeypatch.setenv("TOY_FAILS", repr(float(source.positions[12, 0, 0])))
    code, text = label(Wanted(toy, molecules=MOLECULES, frames=3), tmp_path / "new.h5")
    assert code == 1
    assert "failed: alkane/02 frame 12: RuntimeError: no solution for this one" in text
    file = FrameFile(tmp_path / "new.h5")
    assert list(file.description["failures"]) == ["alkane/02 frame 12"]
    frames = file.read("alkane/02")
    assert frames.attributes[SOURCE_FRAMES] == [0, 6]
    np.testing.assert_allclose(frames.energy, (source.positions[[0, 6]] ** 2).sum(axis=(1, 2)))
    assert len(file.read("alcohol/02")) == 3


def test_where_every_frame_fails_there_is_no_file(toy, tmp_path, monkeypatch):
    source = DataSet().file("B").read("alkane/02")
    monkeypatch.setenv("TOY_FAILS", repr(float(source.positions[0, 0, 0])))
    with pytest.raises(DataError, match=r"every frame failed; alkane/02 frame 0: RuntimeError: no solution"):
        label(Wanted(toy, molecules=("alkane/02",), frames=1), tmp_path / "new.h5")
    assert not (tmp_path / "new.h5").exists()
    monkeypatch.delenv("TOY_FAILS")
    code, _ = label(Wanted(toy, molecules=("alkane/02",), frames=1), tmp_path / "new.h5")
    assert (code, FrameFile(tmp_path / "new.h5").names) == (0, ["alkane/02"])


@pytest.mark.parametrize(
    ("wanted", "kind", "words"),
    [
        (Wanted("mmff94", molecules=("alkane/99",)), UnknownNameError, "alkane/99"),
        (Wanted("mmff94", families=("alkans",)), UnknownNameError, "Did you mean 'alkane'"),
        (Wanted("mmff94", trajectory="D"), UnknownNameError, "A, B, C"),
        (Wanted("mmff95"), CompcalcError, "mmff95"),
    ],
)
def test_wrong_names_leave_nothing(wanted, kind, words, tmp_path):
    with pytest.raises(kind, match=words):
        label(wanted, tmp_path / "new.h5")
    assert list(tmp_path.iterdir()) == []
