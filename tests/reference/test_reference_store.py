"""The HDF5 store and the data set: what is read is what was written, or an error."""

import shutil

import h5py
import numpy as np
import pytest

from compcalc.errors import DataError, InputError, UnknownNameError
from compcalc.records import Frames, Molecule
from compcalc.reference.dataset import DataSet, shipped_directory
from compcalc.reference.store import FrameFile, write_frames

DESCRIPTION = {"method": "springs", "seed": 3, "atomic_energies_ev": {"H": -13.5, "O": -2041.0}}


def _frames(name="water", smiles="O", n_frames=4, seed=0, **attributes) -> Frames:
    rng = np.random.default_rng(seed)
    return Frames(
        molecule=Molecule(name, smiles),
        numbers=np.array([8, 1, 1]),
        positions=rng.normal(size=(n_frames, 3, 3)).astype(np.float32).astype(float),
        energy=-138 + rng.normal(size=n_frames),
        forces=rng.normal(size=(n_frames, 3, 3)),
        bonds=np.array([[0, 1], [0, 2]]),
        start=np.arange(n_frames) // 2,
        attributes={"trajectory": "B", "seed": 3, "sampler": {"starts": 2, "temperature_k": 300.0}, **attributes},
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "test.h5"
    write_frames(path, [_frames(), _frames("alkane/07", "CC", seed=1)], DESCRIPTION)
    return path


def test_round_trip(path):
    file = FrameFile(path)
    assert file.names == ["alkane/07", "water"]
    assert file.description == DESCRIPTION
    before, after = _frames(), file.read("water")
    assert after.molecule == before.molecule
    for name in ("numbers", "positions", "energy", "bonds", "start"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)
    np.testing.assert_array_equal(after.forces, before.forces.astype(np.float32))
    assert after.forces.dtype == after.positions.dtype == after.energy.dtype == np.float64
    for key, value in before.attributes.items():
        assert after.attributes[key] == value
    assert after.attributes["units"] == {"positions": "angstrom", "energy": "eV", "forces": "eV/angstrom"}
    assert after.attributes["sha256"] == file.checksum("water")


def test_energies_keep_all_their_digits(tmp_path):
    frames = _frames(n_frames=1)
    exact = Frames(**{**vars(frames), "energy": np.array([-12345.678901234567])})
    write_frames(tmp_path / "x.h5", [exact], {})
    assert FrameFile(tmp_path / "x.h5").read("water").energy[0] == exact.energy[0]


def test_the_same_data_give_the_same_bytes(path, tmp_path):
    write_frames(tmp_path / "again.h5", [_frames(), _frames("alkane/07", "CC", seed=1)], DESCRIPTION)
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_what_was_read_can_be_written_again_to_the_same_bytes(path, tmp_path):
    file = FrameFile(path)
    write_frames(tmp_path / "copy.h5", [file.read("water"), file.read("alkane/07")], file.description)
    assert [FrameFile(tmp_path / "copy.h5").checksum(n) for n in file.names] == [file.checksum(n) for n in file.names]


@pytest.mark.parametrize("name", ["positions", "forces", "energy", "atomic_numbers", "bonds", "start"])
def test_a_changed_number_is_seen(path, name):
    with h5py.File(path, "r+") as file:
        values = file["water"][name][()]
        values.flat[0] += 1
        file["water"][name][...] = values
    with pytest.raises(DataError, match="water does not fit its checksum"):
        FrameFile(path).read("water")
    assert len(FrameFile(path).read("alkane/07")) == 4


def test_the_smallest_change_is_seen(path):
    with h5py.File(path, "r+") as file:
        values = file["water"]["positions"][()]
        values[0, 0, 0] = np.nextafter(values[0, 0, 0], np.float32(np.inf))
        file["water"]["positions"][...] = values
    with pytest.raises(DataError, match="checksum"):
        FrameFile(path).read("water")


def test_a_changed_smiles_is_seen(path):
    with h5py.File(path, "r+") as file:
        file["water"].attrs["smiles"] = "S"
    with pytest.raises(DataError, match="checksum"):
        FrameFile(path).read("water")


def test_another_shape_or_type_of_the_same_bytes_is_seen(path):
    for change in (lambda a: a.reshape(4, 9, 1), lambda a: a.view(np.int32)):
        with h5py.File(path, "r+") as file:
            values = change(file["water"]["positions"][()])
            kept = file["water"]["positions"][()]
            del file["water"]["positions"]
            file["water"].create_dataset("positions", data=values)
        with pytest.raises(DataError, match="checksum"):
            FrameFile(path).read("water")
        with h5py.File(path, "r+") as file:
            del file["water"]["positions"]
            file["water"].create_dataset("positions", data=kept)


def test_a_missing_dataset_is_named(path):
    with h5py.File(path, "r+") as file:
        del file["water"]["forces"]
    with pytest.raises(DataError, match="water cannot be read.*forces"):
        FrameFile(path).read("water")


def test_a_flipped_byte_anywhere_in_the_data_is_seen(path):
    whole = path.read_bytes()
    with h5py.File(path) as file:
        chunk = file["water"]["forces"].id.get_chunk_info(0)
    for offset in range(chunk.byte_offset, chunk.byte_offset + chunk.size, 5):
        damaged = bytearray(whole)
        damaged[offset] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="water"):
            FrameFile(path).read("water")


def test_a_damaged_structure_is_a_data_error(path):
    whole = path.read_bytes()
    for marker in (b"OHDR", b"FRHP", b"water", b"{"):
        position = whole.find(marker)
        if position < 0:
            continue
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            frames = FrameFile(path).read("water")
        except (DataError, UnknownNameError):
            continue
        np.testing.assert_array_equal(frames.positions, _frames().positions)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_a_data_error(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match="not a readable HDF5 file.*Build or download"):
        FrameFile(path)


def test_files_that_are_no_store(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        FrameFile(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("a list of things to do")
    with pytest.raises(DataError, match="not a readable HDF5 file"):
        FrameFile(tmp_path / "text.h5")


def test_an_unknown_molecule_comes_with_the_known_ones(path):
    with pytest.raises(UnknownNameError, match="alkane/07, water.*Did you mean 'water'"):
        FrameFile(path).read("watr")


@pytest.mark.parametrize("name", ["", "/", "/a", "a/", "a//b", ".", "a/../b", "a/./b", "a\0b", "water/positions"])
def test_names_that_hdf5_reads_as_other_paths_are_refused_and_nothing_is_left(tmp_path, name):
    with pytest.raises(InputError, match="molecule: got"):
        write_frames(tmp_path / "x.h5", [_frames(), _frames(name)], {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "öl", "C(=O)O", "a.b", "..a", "x" * 200, "日本", "[H]", "start"])
def test_other_unusual_names_are_safe(tmp_path, name):
    write_frames(tmp_path / "x.h5", [_frames(name)], {})
    assert FrameFile(tmp_path / "x.h5").names == [name]
    assert FrameFile(tmp_path / "x.h5").read(name).molecule.name == name


def test_a_write_that_fails_keeps_the_file_before_it(path):
    before = path.read_bytes()
    with pytest.raises(ValueError):
        write_frames(path, [_frames(), _frames()], {})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_data_set_gives_frames_of_the_molecule_asked_for(path):
    dataset = DataSet(path.parent)
    frames = dataset.frames(Molecule("water", "O"), "B")
    np.testing.assert_array_equal(frames.energy, _frames().energy)
    assert dataset.atomic_energies == DESCRIPTION["atomic_energies_ev"]
    assert dataset.description["method"] == "springs"
    assert dataset.has("B")
    assert not dataset.has("A")


def test_a_molecule_that_the_data_do_not_cover(path):
    with pytest.raises(UnknownNameError, match="molecule: got 'alkane/08'.*Did you mean 'alkane/07'.*data build"):
        DataSet(path.parent).frames(Molecule("alkane/08", "CCC"), "B")


def test_another_molecule_of_the_same_name(path):
    with pytest.raises(DataError, match="water is O, the task says OO"):
        DataSet(path.parent).frames(Molecule("water", "OO"), "B")


def test_missing_directories_and_files(path, tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist.*data build"):
        DataSet(tmp_path / "nowhere")
    with pytest.raises(DataError, match="train.h5 does not exist"):
        DataSet(path.parent).frames(Molecule("water", "O"), "A")
    assert shipped_directory().name == "data"


def test_the_fingerprint_follows_the_data_of_the_molecules_named(path, tmp_path):
    water, alkane = Molecule("water", "O"), Molecule("alkane/07", "CC")
    before = DataSet(path.parent)
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(path, other / "test.h5")
    assert DataSet(other).fingerprint([water, alkane], "B") == before.fingerprint([water, alkane], "B")
    write_frames(other / "test.h5", [_frames(), _frames("alkane/07", "CC", seed=2)], DESCRIPTION)
    changed = DataSet(other)
    assert changed.fingerprint([water], "B") == before.fingerprint([water], "B")
    assert changed.fingerprint([water, alkane], "B") != before.fingerprint([water, alkane], "B")
