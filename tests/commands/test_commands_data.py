"""`compcalc data`: building, killing, describing, verifying and exporting a data set of two molecules."""

import json
import shutil
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import commands_small_build as small
import h5py
import numpy as np
import pytest
from ase.io import read
from rich.console import Console

from compcalc.commands import data, data_info
from compcalc.errors import CompcalcError, DataError, InputError, RunDirectoryError, UnknownNameError
from compcalc.execution import Lost, Unit
from compcalc.reference.dataset import DataSet
from compcalc.reference.store import FrameFile, write_frames

FILES = ("control.h5", "test.h5", "train.h5")


@pytest.fixture(autouse=True)
def small_plan(monkeypatch):
    """Two molecules instead of 92."""
    monkeypatch.setattr(data, "plan_dataset", small.small_plan)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A finished data set; copy it before changing it."""
    out = tmp_path_factory.mktemp("built") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "plan_dataset", small.small_plan)
        assert "24 frames of 5 trajectories" in small.small_build(out)
    return out


def _contents(directory: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in directory.iterdir()}


def _console() -> Console:
    return Console(file=StringIO(), width=300)


def test_what_a_build_leaves(built):
    assert sorted(_contents(built)) == sorted(FILES)
    dataset = DataSet(built)
    sizes = {letter: [len(dataset.file(letter).read(n)) for n in dataset.file(letter).names] for letter in "ABC"}
    assert sizes == {"A": [6, 6], "B": [3, 4], "C": [5]}
    assert dataset.description["method"] == "mmff94"
    assert dataset.description["seed"] == 0
    assert set(dataset.atomic_energies) == {"H", "C", "N", "O"}
    assert {"compcalc", "ase", "rdkit", "tblite"} <= set(dataset.description["versions"])
    frames = dataset.frames(small.MOLECULES[0], "A")
    assert frames.attributes["method"] == "mmff94"
    assert frames.attributes["trajectory"] == "A"


@pytest.mark.parametrize("workers", [0, 2])
def test_the_same_seed_gives_the_same_bytes(built, tmp_path, workers):
    small.small_build(tmp_path / "again", workers=workers)
    assert _contents(tmp_path / "again") == _contents(built)


def test_another_seed_gives_other_data(built, tmp_path):
    small.small_build(tmp_path / "other", seed=1)
    a, b = (DataSet(d).frames(small.MOLECULES[0], "A") for d in (built, tmp_path / "other"))
    assert not np.intersect1d(a.energy, b.energy).size


@pytest.mark.parametrize("point", ["unit0", "unit2", "energies", "second file", "clearing"])
def test_a_killed_build_goes_on_to_the_same_bytes(built, tmp_path, point):
    out = tmp_path / "set"
    script = Path(small.__file__)
    killed = subprocess.run([sys.executable, script, out, point], capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    if point == "clearing":
        with pytest.raises(RunDirectoryError, match="already holds a data set"):
            small.small_build(out)
    else:
        small.small_build(out)
    assert _contents_of_files(out) == _contents(built)


def _contents_of_files(directory: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in directory.iterdir() if p.is_file()}


def test_finished_trajectories_of_a_killed_build_are_not_made_again(tmp_path, monkeypatch):
    out = tmp_path / "set"
    subprocess.run([sys.executable, small.__file__, out, "unit2"], capture_output=True, timeout=120)
    assert sorted(p.name for p in (out / "parts" / "A").glob("*.npz")) == ["alcohol-01.npz", "alkane-04.npz"]
    sampled = []
    from compcalc.reference import build as building

    real = building.sample
    monkeypatch.setattr(building, "sample", lambda m, letter, *rest: sampled.append(letter) or real(m, letter, *rest))
    small.small_build(out)
    assert sampled == ["B", "B", "C"]


def test_a_directory_with_a_data_set_is_refused_and_kept(built, tmp_path):
    out = shutil.copytree(built, tmp_path / "set")
    with pytest.raises(RunDirectoryError, match="already holds a data set .train.h5, test.h5, control.h5"):
        small.small_build(out)
    assert _contents(out) == _contents(built)


def test_a_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        small.small_build(tmp_path / "file" / "set")


def test_an_unknown_method_leaves_nothing(tmp_path):
    with pytest.raises(CompcalcError, match="mmff95"):
        small.small_build(tmp_path / "set", method="mmff95")
    assert not (tmp_path / "set").exists()


def test_an_unknown_task_leaves_nothing(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'length'"):
        data.build(tmp_path / "set", "mmff94", "mmff94", ["lenght"], 0, (1, 1, 1, 0), 1, _console())
    assert not (tmp_path / "set").exists()


def test_a_lost_worker_is_an_error_that_says_how_to_go_on():
    with pytest.raises(CompcalcError, match="A/alkane-04: died. Give the same command again; finished"):
        data._stop(Unit("A/alkane-04", None, "h"), Lost("crashed", "died"))


def test_a_good_data_set_verifies(built):
    console = _console()
    assert data.verify(built, 2, console) == 0
    assert "5 groups" in console.file.getvalue()
    assert "all good" in console.file.getvalue()


def test_a_changed_number_does_not_verify(built, tmp_path):
    out = shutil.copytree(built, tmp_path / "set")
    with h5py.File(out / "train.h5", "r+") as file:
        file["alkane/04/energy"][0] += 1e-3
    console = _console()
    assert data.verify(out, 0, console) == 1
    assert "alkane/04 does not fit its checksum" in console.file.getvalue()
    assert "5 groups" in console.file.getvalue()
    assert "1 bad" in console.file.getvalue()


@pytest.mark.parametrize("what", ["energy", "forces"])
def test_labels_of_another_method_with_a_good_checksum_are_found_by_relabelling(built, tmp_path, what):
    out = shutil.copytree(built, tmp_path / "set")
    file = FrameFile(out / "test.h5")
    groups = [file.read(name) for name in file.names]
    getattr(groups[0], what)[-1] += 1e-3
    write_frames(out / "test.h5", groups, file.description)
    assert data.verify(out, 0, _console()) == 0
    console = _console()
    assert data.verify(out, 2, console) == 1
    assert "alcohol/01 frame 2" in console.file.getvalue()


def test_a_directory_without_data_does_not_verify(tmp_path):
    with pytest.raises(DataError, match="holds none of train.h5, test.h5, control.h5"):
        data.verify(tmp_path, 0, _console())


def test_contents_and_evidence(built):
    content = data_info.info(built)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["description"]["method"] == "mmff94"
    assert {k: (v["molecules"], v["frames"]) for k, v in content["contents"].items()} == {
        "A": (2, 12),
        "B": (2, 7),
        "C": (1, 5),
    }
    forces = content["evidence"]["bond_force_ev_per_angstrom"]
    assert set(forces["A"]) == {"C-C", "C-H", "C-O", "O-H"}
    assert set(forces["C"]) == {"C-C", "C-H"}
    for letter in "AB":
        assert forces[letter]["O-H"]["equilibrium"] == pytest.approx(-2 * 0.025852 / 0.97, rel=0.05)
        assert forces[letter]["O-H"]["n_starts"] == 3
        assert forces[letter]["C-H"]["n_starts"] == 6
    kelvin = content["evidence"]["temperature_k"]["A"]
    assert set(kelvin) == {"H", "C", "O"}
    assert (kelvin["H"]["n"], kelvin["O"]["n"]) == (2, 1)
    assert kelvin["O"]["standard_error"] is None
    gauche = content["evidence"]["gauche_fraction"]
    assert set(gauche) == {"alkane"}
    assert set(gauche["alkane"]) == {"A", "B", "C"}
    assert 0 <= gauche["alkane"]["A"]["mean"] <= 1
    control = content["evidence"]["control"]
    assert set(control) == {"alkane/04"}
    assert control["alkane/04"]["C-H"]["data"] == pytest.approx(1.1, abs=0.05)


def test_the_mean_bond_force_is_the_one_computed_by_hand(built):
    from compcalc.metrics.sampling import bond_forces

    frames = DataSet(built).frames(small.MOLECULES[0], "B")
    bond = [[i, j] for i, j in frames.bonds if {frames.numbers[i], frames.numbers[j]} == {1, 8}]
    masses = np.where(frames.numbers == 1, 1.008, np.where(frames.numbers == 6, 12.011, 15.999))
    by_hand = bond_forces(frames.positions, frames.forces, masses, np.array(bond)).mean()
    found = data_info.info(built)["evidence"]["bond_force_ev_per_angstrom"]["B"]["O-H"]
    assert found["mean"] == pytest.approx(by_hand)


def test_a_control_of_a_single_start_is_strict_json_too(built, tmp_path):
    out = shutil.copytree(built, tmp_path / "set")
    file = FrameFile(out / "control.h5")
    frames = file.read("alkane/04")
    write_frames(out / "control.h5", [frames.select(frames.start == 0)], file.description)
    content = data_info.info(out)
    json.dumps(content, allow_nan=False)
    assert content["evidence"]["control"]["alkane/04"]["C-C"]["standard_errors_apart"] is None
    console = _console()
    data_info.print_data_info(content, console)
    assert "nan" not in console.file.getvalue().lower()


def test_a_person_sees_contents_and_evidence(built):
    console = _console()
    data_info.print_data_info(data_info.info(built), console)
    said = console.file.getvalue()
    for words in ("mmff94", "train.h5", "O-H", "Kinetic temperature", "Gauche fraction", "alkane/04", "E0 C "):
        assert words in said, words


def test_data_without_a_control_have_no_control_table(built, tmp_path):
    out = shutil.copytree(built, tmp_path / "set")
    (out / "control.h5").unlink()
    content = data_info.info(out)
    assert content["evidence"]["control"] == {}
    console = _console()
    data_info.print_data_info(content, console)
    assert "in the control" not in console.file.getvalue()


def test_export_of_one_molecule_and_of_all(built, tmp_path):
    assert data.export_data(tmp_path / "all.xyz", built, "A", "extxyz", None) == 12
    assert data.export_data(tmp_path / "one.xyz", built, "B", "extxyz", ["alkane/04"]) == 4
    images = read(tmp_path / "one.xyz", ":")
    frames = DataSet(built).frames(small.MOLECULES[1], "B")
    np.testing.assert_array_equal([a.info["REF_energy"] for a in images], frames.energy)


def test_export_refuses_what_it_does_not_know(built, tmp_path):
    with pytest.raises(InputError, match="trajectory: got 'D'; allowed: A, B, C"):
        data.export_data(tmp_path / "x.xyz", built, "D", "extxyz", None)
    with pytest.raises(UnknownNameError, match="Did you mean 'alkane/04'"):
        data.export_data(tmp_path / "x.xyz", built, "A", "extxyz", ["alkane/4"])
    assert list(tmp_path.iterdir()) == []
