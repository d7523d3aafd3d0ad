"""The user's own molecules: every source, and every way in which one is refused without costing another."""

import re
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule as g2_molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from rdkit import Chem
from rdkit.Chem import rdDepictor

from compcalc.errors import InputError, MoleculeError
from compcalc.molecules.build3d import bond_pairs, embed
from compcalc.molecules.readers import OwnMolecule, own_molecule, read_molecules
from compcalc.molecules.smiles import canonical_smiles, parse_smiles
from compcalc.records import Molecule

WATER = "3\nwater\nO 0.0 0.0 0.1\nH 0.0 0.76 -0.48\nH 0.0 -0.76 -0.48\n"
IMPOSSIBLE = "C1C[C@H]2C[C@H]1CC2"
IMPOSSIBLE_AND_LONG = "C1C[C@H]2C[C@H]1CC2CCCCCCCCCCC1C[C@H]2C[C@H]1CC2"


def mol_block(smiles, seed=1, hydrogens=True):
    mol = parse_smiles(smiles)
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(embed(mol, seed))
    mol.AddConformer(conformer)
    return Chem.MolToMolBlock(mol if hydrogens else Chem.RemoveHs(mol))


def only(sources):
    """The one molecule of `sources`, nothing refused."""
    molecules, refusals = read_molecules(sources)
    assert refusals == []
    (molecule,) = molecules
    return molecule


def refused(sources, **options):
    """The one refusal of `sources`, nothing read."""
    molecules, refusals = read_molecules(sources, **options)
    assert molecules == []
    (refusal,) = refusals
    return refusal


def labelled(name="H2O", key="REF_", energy=-3.5, scale=1.0):
    atoms = g2_molecule(name)
    forces = np.arange(3.0 * len(atoms)).reshape(-1, 3) * scale
    if key == "calculator":
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    else:
        atoms.info[f"{key}energy"] = energy
        atoms.arrays[f"{key}forces"] = forces
    return atoms, forces


# Sources


def test_smiles():
    own = only(["CCO"])
    assert own.molecule == Molecule("CCO", "CCO")
    assert own.numbers.tolist() == [6, 6, 8, 1, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(own.positions, embed(parse_smiles("CCO"), seed=0))
    np.testing.assert_array_equal(own.bonds, bond_pairs(parse_smiles("CCO")))
    assert own.energy is None and own.forces is None


def test_seed_reaches_the_embedding():
    (first,), (second,), (again,) = (read_molecules(["CCCCO"], seed=seed)[0] for seed in (1, 2, 1))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.allclose(first.positions, second.positions)


def test_family_name_is_normalised():
    assert only(["alkane/7"]).molecule == Molecule("alkane/07", "CCCCCCC")


def test_one_string_is_one_source():
    assert only("CCO").molecule.name == "CCO"


def test_xyz_file(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text(WATER)
    own = only([str(path)])
    assert own.molecule == Molecule("water", "")
    assert own.numbers.tolist() == [8, 1, 1]
    assert own.positions[1].tolist() == [0.0, 0.76, -0.48]
    assert own.bonds.tolist() == [[0, 1], [0, 2]]


def test_xyz_variants(tmp_path):
    """Windows line ends, blank lines, atomic numbers, further columns, free text with an equals sign."""
    text = "\n3\nE = 'odd\n8 0.0 0.0 0.1 -0.8\nh 0.0 0.76 -0.48 0.4\nH 0.0 -0.76 -0.48 0.4\n\n\n" + WATER + "\n \n"
    (tmp_path / "W.XYZ").write_bytes(text.replace("\n", "\r\n").encode())
    molecules, refusals = read_molecules([tmp_path / "W.XYZ"])
    assert refusals == []
    assert [own.molecule.name for own in molecules] == ["W", "W#2"]
    np.testing.assert_array_equal(molecules[0].positions, molecules[1].positions)


@pytest.mark.parametrize("suffix", [".mol", ".sdf"])
def test_mol_file(tmp_path, suffix):
    path = tmp_path / f"acid{suffix}"
    path.write_text(mol_block("C[C@H](O)C(=O)O"))
    own = only([str(path)])
    assert own.molecule == Molecule("acid", "C[C@H](O)C(=O)O")
    np.testing.assert_array_equal(own.bonds, bond_pairs(parse_smiles("C[C@H](O)C(=O)O")))
    np.testing.assert_allclose(own.positions, embed(parse_smiles("C[C@H](O)C(=O)O"), seed=1), atol=1e-4)


@pytest.mark.parametrize("smiles", ["C/C=C/C", "C/C=C\\C", "N[C@@H](C)C(=O)O"])
def test_stereochemistry_comes_from_the_coordinates(tmp_path, smiles):
    (tmp_path / "x.sdf").write_text(mol_block(smiles))
    assert canonical_smiles(only([str(tmp_path / "x.sdf")]).molecule.smiles) == canonical_smiles(smiles)


def test_mol_file_in_another_unit(tmp_path):
    mol = parse_smiles("CCO")
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(embed(mol, seed=1) / 0.529177)
    mol.AddConformer(conformer)
    (tmp_path / "bohr.mol").write_text(Chem.MolToMolBlock(mol))
    assert re.search("bond C0-C1 of the bond table is 2.8. angstrom long", refused([str(tmp_path / "bohr.mol")]).reason)


def test_flat_3d_mol_file(tmp_path):
    atoms = g2_molecule("H2CO")
    rows = "".join(f"{y:10.4f}{z:10.4f}{x:10.4f} {a.symbol}   0  0\n" for a in atoms for x, y, z in [a.position])
    bonds = "  1  2  2  0\n  2  3  1  0\n  2  4  1  0\n"
    text = "\n     hand           {}\n\n  4  3  0  0  0  0            999 V2000\n" + rows + bonds + "M  END\n"
    (tmp_path / "flat.mol").write_text(text.format("3D"))
    own = only([str(tmp_path / "flat.mol")])
    assert not own.positions[:, 2].any()
    (tmp_path / "flat.mol").write_text(text.format("2D"))
    assert refused([str(tmp_path / "flat.mol")]).reason == "molecule 1: 2D coordinates"


def test_directory(tmp_path):
    (tmp_path / "b.xyz").write_text(WATER)
    (tmp_path / "a.mol").write_text(mol_block("CC"))
    (tmp_path / "c.sdf").write_text("")
    (tmp_path / "notes.txt").write_text("not a molecule")
    molecules, refusals = read_molecules([str(tmp_path)])
    assert [own.molecule.name for own in molecules] == ["a", "b"]
    assert [(r.source, r.reason) for r in refusals] == [(str(tmp_path / "c.sdf"), "empty file")]


def test_names_are_unique_as_file_names(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "water.xyz").write_text(WATER * 2)
    smiles = ["C#C", "C=C", "CCO", "CCO", "C1CCCCC1", "c1ccccc1"]
    molecules, _ = read_molecules([str(tmp_path / "one"), str(tmp_path / "two"), *smiles])
    names = [own.molecule.name for own in molecules]
    assert names[:4] == ["water", "water#2", "water#3", "water#4"]
    assert names[4:] == ["C#C", "C=C#2", "CCO", "CCO#2", "C1CCCCC1", "c1ccccc1#2"]
    assert len({own.molecule.file_stem.casefold() for own in molecules}) == len(molecules)


# Refusals


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("hexane", "neither an existing file or directory nor a valid SMILES"),
        ("missing/water.xyz", "neither an existing file or directory nor a valid SMILES"),
        ("C is missing", "neither an existing file or directory nor a valid SMILES"),
        ("", "empty name"),
        ("CO.O", "2 separate fragments"),
        ("C[CH2]", "unpaired electrons on C1"),
        ("*C", "an atom without an element"),
        ("CC(=O)[O-]", "charge -1"),
        ("alkan/7", "neither a file nor a directory nor a family molecule .*Did you mean 'alkane'"),
        ("dicarboxylic_acid/1", "2 to 99"),
        (IMPOSSIBLE, "embedding failed"),
    ],
)
def test_one_bad_source_costs_no_other(source, reason):
    molecules, (refusal,) = read_molecules(["CC", source, "CO"])
    assert [own.molecule.name for own in molecules] == ["CC", "CO"]
    assert refusal.source == source
    assert re.search(reason, refusal.reason)


def test_time_limit_becomes_a_refusal():
    assert refused([IMPOSSIBLE_AND_LONG], timeout_s=1).reason == "embedding stopped at the time limit of 1 s"


def test_long_smiles_is_no_path_error():
    assert "2 separate fragments" in refused(["C" * 5000 + ".C"]).reason


def test_file_of_another_type(tmp_path):
    (tmp_path / "water.pdb").write_text("ATOM")
    assert "a file of a type that is not read" in refused([str(tmp_path / "water.pdb")]).reason


def test_directory_without_molecules(tmp_path):
    assert "directory without any file of the types .xyz" in refused([str(tmp_path)]).reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty file"),
        ("not an xyz file\n", "frame 1: line 1 should be a number of atoms, got 'not an xyz file'"),
        ("0\n\n", "frame 1: no atoms"),
        ("1\n\nC 0 0 0\n", "frame 1: missing hydrogens"),
        ("1\n\nX 0 0 0\n", "frame 1: atom 0 without an element"),
        (WATER.replace("0.76", "nan"), "frame 1: NaN or infinite coordinates of atom 1"),
        (WATER.replace("O 0.0", "Qq 0.0"), "frame 1: line 3 is not an element and three numbers: 'Qq 0.0 0.0 0.1'"),
        (WATER.replace(" -0.48\nH", "\nH"), "frame 1: line 4 is not an element and three numbers: 'H 0.0 0.76'"),
        (WATER.replace("water", 'Lattice="9 0 0 0 9 0 0 0 9"'), "frame 1: periodic cell"),
        (WATER.replace("water", "charge=1"), "frame 1: charge 1"),
        (WATER.replace("water", "Properties=species:S:1:pos:Z:3"), "frame 1: not readable as extended xyz"),
        ("2\n\nO 0 0 0\nH 0 0 0.97\n", "frame 1: radical"),
    ],
)
def test_bad_xyz_file(tmp_path, text, reason):
    (tmp_path / "bad.xyz").write_text(text)
    molecules, (refusal,) = read_molecules([str(tmp_path / "bad.xyz"), "CC"])
    assert [own.molecule.name for own in molecules] == ["CC"]
    assert refusal.source == str(tmp_path / "bad.xyz")
    assert refusal.reason.startswith(reason)


def test_lattice_that_is_not_periodic_is_read(tmp_path):
    (tmp_path / "box.xyz").write_text(WATER.replace("water", 'Lattice="9 0 0 0 9 0 0 0 9" pbc="F F F"'))
    assert only([str(tmp_path / "box.xyz")]).molecule.name == "box"


def test_a_bad_frame_costs_no_other(tmp_path):
    (tmp_path / "w.xyz").write_text(WATER + WATER.replace("0.76", "nan") + WATER)
    molecules, (refusal,) = read_molecules([str(tmp_path / "w.xyz")])
    assert [own.molecule.name for own in molecules] == ["w", "w#3"]
    assert refusal.reason.startswith("frame 2: NaN")


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 60, 140])
def test_every_cut_of_the_last_frame_is_seen(tmp_path, cut):
    frames = [labelled("CH3CH2OH")[0] for _ in range(5)]
    write(tmp_path / "t.extxyz", frames, format="extxyz")
    whole = (tmp_path / "t.extxyz").read_bytes()
    (tmp_path / "t.extxyz").write_bytes(whole[:-cut])
    molecules, (refusal,) = read_molecules([str(tmp_path / "t.extxyz")])
    assert len(molecules) == 4
    assert refusal.reason.startswith("frame 5: cut")
    np.testing.assert_allclose(molecules[-1].positions, frames[0].positions, atol=1e-7)


def test_cut_inside_the_first_lines_of_a_frame(tmp_path):
    for tail in ("3", "3\n", "3\nwat", "3\nwater\n"):
        (tmp_path / "w.xyz").write_text(WATER + tail)
        molecules, (refusal,) = read_molecules([str(tmp_path / "w.xyz")])
        assert len(molecules) == 1
        assert refusal.reason == "frame 2: cut: the file ends after 0 whole atom lines of 3"


def test_file_without_a_last_newline_says_what_to_do(tmp_path):
    (tmp_path / "w.xyz").write_text(WATER.rstrip())
    refusal = refused([str(tmp_path / "w.xyz")])
    assert "does not end with a newline" in refusal.reason
    assert refusal.remedy == "If the file is whole, end its last line with a newline."


def test_sdf_with_bad_records(tmp_path):
    flat = parse_smiles("CCO")
    rdDepictor.Compute2DCoords(flat)
    good = mol_block("CCO")
    lines = good.split("\n")
    lines[4] = "    0.9x41" + lines[4][10:]
    records = {
        good: None,
        mol_block("CCO", hydrogens=False): "missing hydrogens: 6 of them",
        Chem.MolToMolBlock(flat): "2D coordinates",
        "\n".join(lines): "not readable as a mol record (Cannot process coordinates on line 5)",
        good.replace("  1  2  1  0", "  1  2  3  0"): "impossible structure (Explicit valence for atom # 0 C",
        mol_block("C[N+](C)(C)C"): "charge 1",
        mol_block("CC").replace("M  END", "M  RAD  1   1   2\nM  END"): "impossible structure",
    }
    path = tmp_path / "many.sdf"
    path.write_text("".join(f"{record}$$$$\n" for record in records) + good[:300])
    molecules, refusals = read_molecules([str(path)])
    assert [own.molecule.name for own in molecules] == ["many"]
    reasons = [reason for reason in records.values() if reason] + ["cut: the record has no 'M  END' line"]
    assert len(refusals) == len(reasons)
    for k, (refusal, reason) in enumerate(zip(refusals, reasons, strict=False), start=2):
        assert refusal.reason.startswith(f"molecule {k}: {reason}")


# Labels


@pytest.mark.parametrize("key", ["REF_", "calculator"])
def test_labels_are_found_in_either_place(tmp_path, key):
    atoms, forces = labelled(key=key)
    write(tmp_path / "w.extxyz", atoms, format="extxyz")
    own = only([str(tmp_path / "w.extxyz")])
    assert own.energy == -3.5 and isinstance(own.energy, float)
    np.testing.assert_allclose(own.forces, forces)
    assert own_molecule(atoms).energy == -3.5


def test_reference_labels_win_and_are_not_mixed_with_others():
    atoms, _ = labelled(key="calculator", energy=-1.0)
    atoms.info["REF_energy"] = -2.0
    own = own_molecule(atoms)
    assert own.energy == -2.0
    assert own.forces is None


def test_absent_labels_are_none():
    own = own_molecule(g2_molecule("H2O"))
    assert own.energy is None and own.forces is None


def test_results_for_other_positions_are_no_labels():
    atoms, _ = labelled(key="calculator")
    atoms.rattle(0.01, seed=1)
    assert own_molecule(atoms).energy is None


def test_one_element_energy_becomes_a_float():
    atoms = g2_molecule("H2O")
    atoms.info["REF_energy"] = np.array([-1.0], dtype="f4")
    assert own_molecule(atoms).energy == -1.0 and isinstance(own_molecule(atoms).energy, float)


def test_labels_that_cannot_be_used_are_refused():
    atoms, _ = labelled(energy=float("nan"))
    with pytest.raises(MoleculeError, match="energy label with NaN"):
        own_molecule(atoms)
    atoms, _ = labelled()
    atoms.info["REF_energy"] = [1.0, 2.0]
    with pytest.raises(MoleculeError, match=r"energy label of shape \(2,\)"):
        own_molecule(atoms)


# The record and the helper


def test_own_molecule_names():
    assert own_molecule("CCO", "ethanol").molecule == Molecule("ethanol", "CCO")
    assert own_molecule(g2_molecule("H2O")).molecule == Molecule("H2O", "")


def test_atoms_are_left_alone():
    atoms, _ = labelled(key="calculator")
    before = atoms.copy()
    own_molecule(atoms).positions[:] = 0
    assert atoms == before and atoms.calc.results["energy"] == -3.5


def test_periodic_atoms_are_refused():
    with pytest.raises(MoleculeError, match="periodic cell"):
        own_molecule(Atoms("OH2", [[0, 0, 0.1], [0, 0.76, -0.48], [0, -0.76, -0.48]], cell=[9, 9, 9], pbc=[1, 0, 0]))


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"OwnMolecule.forces: got \(2, 3\)"):
        OwnMolecule(Molecule("x", ""), np.array([1, 1, 8]), np.zeros((3, 3)), np.zeros((0, 2)), forces=np.zeros((2, 3)))


def test_importing_the_reader_loads_neither_rdkit_nor_ase_io():
    code = "import sys, compcalc.molecules.readers as r; print([m for m in ('rdkit', 'ase.io') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
