"""Exported frames keep their labels when another program reads them."""

import numpy as np
import pytest
from ase.db import connect
from ase.io import read

from compcalc.errors import InputError
from compcalc.molecules.families import family_table
from compcalc.records import Frames, Molecule
from compcalc.reference.export import export, to_atoms
from compcalc.tasks import all_tasks

MOLECULE = Molecule("alkane/07", "CCO")


def _frames(molecule=MOLECULE, n_frames=3, seed=0) -> Frames:
    rng = np.random.default_rng(seed)
    return Frames(
        molecule=molecule,
        numbers=np.array([8, 1, 1]),
        positions=(3 * rng.normal(size=(n_frames, 3, 3))).astype(np.float32).astype(float),
        energy=-1234.5 + rng.normal(size=n_frames),
        forces=rng.normal(size=(n_frames, 3, 3)),
        bonds=np.array([[0, 1], [0, 2]]),
        start=np.array([0, 1, 1][:n_frames]),
    )


def _agree(atoms, frames, index):
    assert atoms.info["REF_energy"] == frames.energy[index]
    np.testing.assert_allclose(atoms.arrays["REF_forces"], frames.forces[index], atol=1e-8)
    np.testing.assert_allclose(atoms.positions, frames.positions[index], atol=1e-8)
    np.testing.assert_array_equal(atoms.numbers, frames.numbers)
    assert atoms.info["molecule"] == frames.molecule.name
    assert atoms.info["smiles"] == frames.molecule.smiles
    assert atoms.info["start"] == frames.start[index]
    assert not atoms.pbc.any()


def test_extxyz_read_by_ase_has_the_labels_also_in_a_copy(tmp_path):
    groups = [_frames(), _frames(Molecule("amide/04", "CCCC(=O)N"), seed=1)]
    assert export(groups, tmp_path / "x.xyz") == 6
    images = read(tmp_path / "x.xyz", ":")
    assert len(images) == 6
    for k, atoms in enumerate(images):
        _agree(atoms, groups[k // 3], k % 3)
        _agree(atoms.copy(), groups[k // 3], k % 3)


def test_names_and_smiles_of_every_molecule_survive_extxyz(tmp_path):
    molecules = sorted({m for t in all_tasks() for m in t.train + t.ood}, key=lambda m: m.name)
    assert {m.name.split("/")[0] for m in molecules} == set(family_table())
    export((_frames(m, 1) for m in molecules), tmp_path / "x.extxyz")
    found = [(a.info["molecule"], a.info["smiles"]) for a in read(tmp_path / "x.extxyz", ":")]
    assert found == [(m.name, m.smiles) for m in molecules]


def test_db_read_by_ase_has_the_labels(tmp_path):
    frames = _frames()
    assert export([frames], tmp_path / "x.db", "db") == 3
    with connect(tmp_path / "x.db") as database:
        rows = list(database.select())
        assert len(list(database.select(molecule="alkane/07"))) == 3
    for k, row in enumerate(rows):
        assert row.energy == row.data.REF_energy == frames.energy[k]
        np.testing.assert_array_equal(row.forces, frames.forces[k])
        np.testing.assert_array_equal(row.data.REF_forces, frames.forces[k])
        np.testing.assert_array_equal(row.positions, frames.positions[k])
        assert (row.molecule, row.smiles, row.start) == ("alkane/07", "CCO", frames.start[k])
        assert row.toatoms().get_potential_energy() == frames.energy[k]


@pytest.mark.parametrize("file_format", ["extxyz", "db"])
def test_an_existing_output_is_refused_and_kept(tmp_path, file_format):
    path = tmp_path / "thesis.xyz"
    path.write_text("dear")
    with pytest.raises(InputError, match="output file.*does not exist yet"):
        export([_frames()], path, file_format)
    assert path.read_text() == "dear"
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.xyz"]


@pytest.mark.parametrize("file_format", ["extxyz", "db"])
def test_leftovers_of_an_export_that_was_killed_do_no_harm(tmp_path, file_format):
    (tmp_path / f".x.partial.{file_format}").write_text("half")
    assert export([_frames()], tmp_path / f"x.{file_format}", file_format) == 3
    assert [p.name for p in tmp_path.iterdir()] == [f"x.{file_format}"]
    assert len(read(tmp_path / f"x.{file_format}", ":")) == 3


def test_an_unknown_format_comes_with_the_known_ones(tmp_path):
    with pytest.raises(InputError, match="format: got 'traj'; allowed: extxyz, db"):
        export([_frames()], tmp_path / "x.traj", "traj")


def test_the_atoms_do_not_share_memory_with_the_frames():
    frames = _frames()
    atoms = to_atoms(frames)[0]
    atoms.arrays["REF_forces"][:] = 0
    atoms.positions[:] = 0
    np.testing.assert_array_equal(frames.forces, _frames().forces)
    np.testing.assert_array_equal(frames.positions, _frames().positions)
