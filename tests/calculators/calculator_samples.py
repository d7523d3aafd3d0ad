"""Molecules, a random MACE model and numerical derivatives for the tests of calculators."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule

USER_FILE = '''
import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones


def lj(sigma=1.5, epsilon=0.2):
    return LennardJones(sigma=sigma, epsilon=epsilon, rc=12.0)


class Scripted(Calculator):
    """Returns what it is told to; on request it changes the atoms that it is given."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, energy=-1.0, forces=None, mutate=False):
        super().__init__()
        self.energy, self.forces, self.mutate = energy, forces, mutate

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces = -atoms.positions if self.forces is None else self.forces(len(atoms))
        self.results = {"energy": self.energy, "forces": forces}
        if self.mutate:
            atoms.positions += 1.0
            atoms.set_cell([2.0, 2.0, 2.0])
            atoms.set_pbc(True)
            atoms.info["seen"] = True


class EnergyOnly(Calculator):
    implemented_properties = ["energy"]

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 1.0}


def scripted(case="good", **options):
    zeros = {
        "transposed": lambda n: np.zeros((3, n)),
        "flat": lambda n: np.zeros(3 * n),
        "flat-land": lambda n: np.zeros((n, 2)),
        "words": lambda n: [["a", "b", "c"]] * n,
        "nothing": lambda n: None,
        "float32": lambda n: np.ones((n, 3), dtype=np.float32),
        "integers": lambda n: np.ones((n, 3), dtype=int),
    }
    return Scripted(forces=zeros.get(case), **options)


def energy_of(kind):
    values = {
        "one-element": np.array([-1.5], dtype="f4"),
        "0-d": np.array(-1.5, dtype="f4"),
        "two": np.array([1.0, 2.0]),
        "word": "-1.5",
        "nothing": None,
        "complex": 1j,
        "integer": -2,
    }
    return Scripted(energy=values[kind])


def broken(**options):
    raise RuntimeError("no licence")


def not_a_calculator():
    return {"energy": 1.0}


ready_made = LennardJones(sigma=1.5, epsilon=0.2, rc=12.0)
energy_only = EnergyOnly
'''


def rattled(name: str = "CH3CH2OH", seed: int = 0, scale: float = 0.05) -> Atoms:
    """A molecule of ASE's database with displaced atoms."""
    atoms = molecule(name)
    atoms.positions += np.random.default_rng(seed).normal(scale=scale, size=atoms.positions.shape)
    return atoms


def rotation(seed: int = 3) -> np.ndarray:
    """A proper rotation, (3, 3)."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.linalg.det(q)


def numerical_forces(calculator, atoms: Atoms, step: float, pairs) -> np.ndarray:
    """Minus the central differences of the energy along (atom, axis) `pairs`."""
    values = []
    for index in pairs:
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[index] += sign * step
            energies.append(calculator.get_potential_energy(moved))
        values.append((energies[1] - energies[0]) / (2 * step))
    return np.array(values)


def write_mace(path: Path, dtype: str = "float64", *, layers: int = 2, heads=None, e0=(-0.5, -1.0, -2.0)) -> Path:
    """Save a small MACE for H, C, O with random weights, the same for every dtype."""
    from compcalc.calculators.mace_file import import_mace

    torch = import_mace()
    from e3nn import o3
    from mace import modules

    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    n = len(heads) if heads else 1
    more = {"heads": heads} if heads else {}
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = modules.ScaleShiftMACE(
                r_max=4.0,
                num_bessel=4,
                num_polynomial_cutoff=5,
                max_ell=2,
                interaction_cls=block,
                interaction_cls_first=block,
                num_interactions=layers,
                num_elements=3,
                hidden_irreps=o3.Irreps("4x0e+4x1o" if layers > 1 else "4x0e"),
                MLP_irreps=o3.Irreps("4x0e"),
                gate=torch.nn.functional.silu,
                atomic_energies=np.array([np.array(e0) - k for k in range(n)] if heads else e0),
                avg_num_neighbors=8.0,
                atomic_numbers=[1, 6, 8],
                correlation=2,
                radial_MLP=[8],
                atomic_inter_scale=[5.0] * n if heads else 5.0,
                atomic_inter_shift=[0.1] * n if heads else 0.1,
                **more,
            )
        torch.save(model.to(getattr(torch, dtype)), path)
    finally:
        torch.set_default_dtype(before)
    return path
