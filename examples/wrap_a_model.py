"""Make an ASE calculator from a bare function and from a torch module, and examine it.

python examples/wrap_a_model.py        prints:

    spring: 0.180 eV, -3.600 eV/angstrom
    network: 0.508 eV
    sound: True

The same examination, in full: compcalc check file:examples/wrap_a_model.py:network
"""

import numpy as np
import torch

import compcalc
from compcalc.checks import examine

BOND_ANGSTROM, STIFFNESS = 0.74, 36.0


def spring(numbers, positions):
    """Energy (eV) of two atoms on a spring, from positions in angstrom; no forces."""
    length = np.linalg.norm(positions[1] - positions[0])
    return 0.5 * STIFFNESS * (length - BOND_ANGSTROM) ** 2


class PairNetwork(torch.nn.Module):
    """A small network on the squared distances of neighbours: energy in kcal/mol, no forces."""

    def __init__(self, cutoff: float = 5.0):
        super().__init__()
        torch.manual_seed(0)
        self.cutoff = cutoff
        self.layers = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))

    def forward(self, edge_vectors):
        """Energy from the vectors of all neighbours, (E, 3), angstrom."""
        length = edge_vectors.norm(dim=1, keepdim=True)
        fade = 0.5 * (1 + torch.cos(torch.pi * length / self.cutoff))
        return 0.5 * (self.layers(length) * fade**2).sum()


def network():
    """A calculator from the module: forces by autograd, energies converted to eV."""
    return compcalc.wrap(PairNetwork().double(), energy_unit="kcal/mol", name="pair network")


def main():
    from ase import Atoms
    from ase.build import molecule

    hydrogen = Atoms("H2", [[0, 0, 0], [0, 0, 0.84]])
    hydrogen.calc = compcalc.wrap(spring, forces="differences")
    print(f"spring: {hydrogen.get_potential_energy():.3f} eV, {hydrogen.get_forces()[1, 2]:.3f} eV/angstrom")
    ethanol = molecule("CH3CH2OH")
    ethanol.calc = network()
    print(f"network: {ethanol.get_potential_energy():.3f} eV")
    print(f"sound: {examine(network()).ok}")


if __name__ == "__main__":
    main()
