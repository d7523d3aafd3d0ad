"""A molecule of the user's own, with what cannot be computed refused by reason. Symbols: N atoms, B bonds."""

from dataclasses import dataclass

import numpy as np

from compcalc.errors import InputError, MoleculeError
from compcalc.molecules.build3d import EMBED_TIMEOUT_S, atomic_numbers, bond_pairs, embed
from compcalc.molecules.geometry import refuse_unusable_geometry
from compcalc.molecules.graph import bond_graph
from compcalc.molecules.smiles import parse_smiles
from compcalc.records import Molecule


@dataclass(frozen=True)
class OwnMolecule:
    """One geometry of a molecule that the user gave.

    Attributes:
        molecule: its name, and its SMILES where the source tells.
        numbers: atomic numbers, (N,).
        positions: angstrom, (N, 3).
        bonds: atom index pairs, (B, 2).
        energy: the source's own label, eV; None where it has none.
        forces: the source's own labels, eV/angstrom, (N, 3); None where it has none.
    """

    molecule: Molecule
    numbers: np.ndarray
    positions: np.ndarray
    bonds: np.ndarray
    energy: float | None = None
    forces: np.ndarray | None = None

    def __post_init__(self):
        n = len(self.numbers)
        expected = {"positions": (n, 3), "bonds": (len(self.bonds), 2), "forces": (n, 3)}
        for name, shape in expected.items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise InputError(f"OwnMolecule.{name}", np.shape(value), f"shape {shape}")


@dataclass(frozen=True)
class Refusal:
    """A molecule, frame or file that was not read.

    Attributes:
        source: the file, SMILES or name, as the user gave it or as its directory lists it.
        reason: why, in a phrase; for one of several entries of a file it starts with which one.
        remedy: what to do next; may be empty.
    """

    source: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}. {self.remedy}".rstrip()


def own_molecule(source, name: str = "", *, seed: int = 0, timeout_s: int = EMBED_TIMEOUT_S) -> OwnMolecule:
    """A molecule from a SMILES or from an ASE Atoms.

    Args:
        source: SMILES, or Atoms with explicit hydrogens.
        name: what to call it; the SMILES or the formula where empty.
        seed: seed of the embedding of a SMILES.
        timeout_s: time limit of the embedding, whole seconds.

    Raises:
        MoleculeError: the molecule cannot be used; `reason` says why.
    """
    if isinstance(source, str):
        return from_smiles(Molecule(name or source, source), seed=seed, timeout_s=timeout_s)
    return from_atoms(source, name or source.get_chemical_formula())


def from_smiles(molecule: Molecule, *, seed: int = 0, timeout_s: int = EMBED_TIMEOUT_S) -> OwnMolecule:
    """A molecule embedded from its SMILES.

    Raises:
        MoleculeError: the SMILES does not parse, is charged, open-shell or in pieces, or cannot be embedded.
    """
    from rdkit import Chem

    mol = parse_smiles(molecule.smiles)
    if charge := Chem.GetFormalCharge(mol):
        raise charge_error(molecule.name, charge)
    positions = embed(mol, seed, timeout_s, name=molecule.name)
    return OwnMolecule(molecule, atomic_numbers(mol), positions, bond_pairs(mol))


def from_atoms(atoms, name: str) -> OwnMolecule:
    """A molecule from an ASE Atoms, with its labels if it has any; the bonds come from its distances.

    Raises:
        MoleculeError: the geometry or a label cannot be used.
    """
    if atoms.pbc.any():
        raise MoleculeError(name, "periodic cell", "Only isolated molecules are supported: set pbc to false.")
    for key in ("charge", "total_charge"):
        if charge := atoms.info.get(key):
            raise charge_error(name, charge)
    numbers, positions = atoms.numbers.astype(np.int32), atoms.get_positions()
    refuse_unusable_geometry(name, numbers, positions)
    energy, forces = labels(atoms, name)
    return OwnMolecule(Molecule(name, ""), numbers, positions, bond_graph(numbers, positions), energy, forces)


def labels(atoms, name: str = "") -> tuple[float | None, np.ndarray | None]:
    """Energy (eV) and forces (eV/angstrom, (N, 3)) that come with an Atoms; None for one that is absent.

    They are looked for under the keys `REF_energy` and `REF_forces`, then in the results of the calculator if they
    belong to these positions, then under `energy` and `forces`. Both come from the same place, so that labels of two
    methods are never mixed.

    Raises:
        MoleculeError: a label is not finite or has another size.
    """
    results = _current_results(atoms)
    places = (
        (atoms.info.get("REF_energy"), atoms.arrays.get("REF_forces")),
        (results.get("energy"), results.get("forces")),
        (atoms.info.get("energy"), atoms.arrays.get("forces")),
    )
    energy, forces = next((pair for pair in places if any(label is not None for label in pair)), (None, None))
    energy = None if energy is None else float(_checked(energy, (), "energy", name))
    return energy, None if forces is None else _checked(forces, (len(atoms), 3), "forces", name)


def charge_error(name: str, charge: object) -> MoleculeError:
    """The refusal of a charged molecule."""
    return MoleculeError(name, f"charge {charge}", "Only neutral molecules are supported.")


def _current_results(atoms) -> dict:
    calculator = atoms.calc
    if calculator is None or calculator.check_state(atoms):
        return {}
    return getattr(calculator, "results", {})


def _checked(label: object, shape: tuple[int, ...], what: str, name: str) -> np.ndarray:
    try:
        values = np.array(label, dtype=float).reshape(shape)
    except (TypeError, ValueError):
        raise MoleculeError(name, f"{what} label of shape {np.shape(label)} where {shape} belongs") from None
    if not np.isfinite(values).all():
        raise MoleculeError(
            name, f"{what} label with NaN or infinite values", "Leave the frame out, or label it again."
        )
    return values
