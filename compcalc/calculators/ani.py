"""ANI models of torchani, with the spread of the ensemble as an uncertainty.

On a CPU `ani_environments` and `ani_networks` compute; torchani's own modules and autograd do so on other devices, and
where a model has another form than the published ones.
"""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.data import atomic_numbers as NUMBER_OF

from compcalc.calculators.ani_environments import Environments, SymmetryFunctions
from compcalc.calculators.ani_load import SHIPPED, load_ani
from compcalc.calculators.ani_networks import FusedNetworks
from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.batching import in_chunks
from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.model_file import describe
from compcalc.calculators.state import refuse_charged
from compcalc.errors import InputError, UnknownNameError
from compcalc.neighbours import batch_edges
from compcalc.records import Batch, BatchResult
from compcalc.units import HARTREE_EV


class ANI(PotentialCalculator):
    """An ANI ensemble: H, C, N, O (and F, S, Cl for ANI-2x), neutral closed-shell molecules.

    Args:
        model: `ANI-1x`; the file of an ANI-1x that `compcalc train ani` has fine-tuned; or the directory of another
            model in NeuroChem's format, as ANI-1ccx and ANI-2x are published: a `.params` file, a `sae_*.dat` file and
            folders `train0`, `train1`, ...
        dtype: `float32`, in which the weights were trained, or `float64`.
        device: torch device.

    Attributes:
        member_energies: eV, (M,), of each member of the ensemble at the last geometry; None before the first.
        energy_spread: eV, their sample standard deviation, which grows where the members disagree.
        sha256: of the model file; None where there is none.

    Raises:
        UnknownNameError: another dtype.
        DataError: the directory is missing or incomplete, or the file is damaged.
        InputError: no device of that name.
    """

    can_batch = True

    def __init__(self, model: str = "ANI-1x", *, dtype: str = "float32", device: str = "cpu"):
        if dtype not in ("float32", "float64"):
            raise UnknownNameError("dtype", dtype, ("float32", "float64"))
        super().__init__()
        shipped, file = model.lower() == SHIPPED, Path(model) if Path(model).is_file() else None
        self.dtype, self.label_name = dtype, "ANI-1x" if shipped else f"ANI {Path(model).name}"
        self.sha256 = None
        if file is not None:
            describe(self, file)
        self._torch, loaded = load_ani(model)
        self._dtype = getattr(self._torch, dtype)
        try:
            self._device = self._torch.device(device)
        except RuntimeError:
            raise InputError("device", device, "cpu, cuda, cuda:0, mps and the like") from None
        # As read: single precision would round them by 1e-4 eV.
        self._self_energies = loaded.energy_shifter.self_energies.double().cpu().numpy().copy()
        self._model = loaded.to(device=self._device, dtype=self._dtype).eval()
        for parameter in self._model.parameters():
            parameter.requires_grad_(False)
        self._functions = self._networks = None
        if self._device.type == "cpu" and _can_fuse(self._torch, self._model):
            self._functions = SymmetryFunctions(self._model.aev_computer)
            self._networks = FusedNetworks(self._torch, self._model.neural_networks)
        self.known_elements = list(self._model.species)
        self._index_of = np.full(1 + max(NUMBER_OF[symbol] for symbol in self.known_elements), -1)
        self._index_of[[NUMBER_OF[symbol] for symbol in self.known_elements]] = np.arange(len(self.known_elements))
        self.member_energies: np.ndarray | None = None
        self.implemented_properties.append("stress")

    @property
    def n_parameters(self) -> int:
        """Number of parameters of all members."""
        return sum(parameter.numel() for parameter in self._model.neural_networks.parameters())

    @property
    def energy_spread(self) -> float | None:
        """Sample standard deviation of the members' energies at the last geometry, eV."""
        if self.member_energies is None or len(self.member_energies) < 2:
            return None
        return float(self.member_energies.std(ddof=1))

    def forget(self) -> None:
        """Also drop the members' energies."""
        super().forget()
        self.member_energies = None

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom): the mean over the ensemble.

        Raises:
            InputError: a charge or spin, which the model would ignore.
        """
        refuse_charged(atoms, self.label_name)
        if self._functions is not None:
            members, gradient, _ = self._fused_atoms(atoms)
            return float(members.mean()), -gradient * HARTREE_EV
        torch = self._torch
        positions = torch.tensor(atoms.positions, dtype=self._dtype, device=self._device, requires_grad=True)
        energy = self._members(atoms, positions, self._cell(atoms)).mean()
        (gradient,) = torch.autograd.grad(energy, positions)
        forces = -gradient.double().cpu().numpy() * HARTREE_EV
        return float(self.member_energies.mean()), forces

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies, forces and spreads of isolated, neutral molecules, in calls of at most 1024 atoms."""
        self.check_batch(batch)
        return in_chunks(batch, self.batch_atoms, self._evaluated)

    def _evaluated(self, batch: Batch) -> BatchResult:
        index = self._index_of[batch.numbers]
        evaluate = self._by_torchani if self._functions is None else self._fused_batch
        energies, gradient = evaluate(batch, index)
        members = (energies + np.add.reduceat(self._self_energies[index], batch.offsets[:-1])) * HARTREE_EV
        spread = members.std(axis=0, ddof=1) if len(members) > 1 else None
        return BatchResult(members.mean(axis=0), -gradient * HARTREE_EV, spread)

    def _fused_batch(self, batch: Batch, index: np.ndarray):
        """Energies of the members without self energies, hartree, (M, B), and gradient, hartree/angstrom, (A, 3)."""
        energies, gradient, _, _ = self._fused(index, batch.positions, batch.offsets)
        return np.add.reduceat(energies, batch.offsets[:-1], axis=1), gradient

    def _fused_atoms(self, atoms: Atoms):
        """Energies of the members with self energies, eV, (M,), gradient in hartree/angstrom, (N, 3), and edges."""
        index = self._index_of[atoms.numbers]
        offsets, periodic = np.array([0, len(atoms)]), {}
        if atoms.pbc.any():
            periodic = {"cells": atoms.cell.complete().array[None], "pbc": atoms.pbc[None]}
        energies, *gradients = self._fused(index, atoms.positions, offsets, **periodic)
        self.member_energies = (energies.sum(axis=1) + self._self_energies[index].sum()) * HARTREE_EV
        return self.member_energies, gradients[0], gradients[1:]

    def _fused(self, index, positions, offsets, cells=None, pbc=None):
        """Energies of atoms by member, hartree, (M, A), gradients by positions and by edges, vectors of the edges."""
        threads = self._torch.get_num_threads()
        edges = batch_edges(positions, offsets, self._functions.cutoff, cells, pbc, threads=threads)
        environments = Environments(self._functions, index, edges, np.dtype(self.dtype), threads)
        sorted_energies, to_values = self._networks(environments)
        energies = np.empty_like(sorted_energies)
        energies[:, environments.order] = sorted_energies
        return energies, *environments.gradients(to_values), edges.vectors

    def _by_torchani(self, batch: Batch, index: np.ndarray):
        """The same as `_fused_batch`, wherever torch computes and with any constants."""
        torch, rows = self._torch, np.repeat(np.arange(len(batch)), batch.sizes)
        columns = np.arange(len(batch.numbers)) - np.repeat(batch.offsets[:-1], batch.sizes)
        # torchani takes a rectangle of atoms, with the type -1 where a molecule has ended.
        species = np.full((len(batch), batch.sizes.max()), -1)
        species[rows, columns] = index
        padded = np.zeros((*species.shape, 3))
        padded[rows, columns] = batch.positions
        positions = torch.tensor(padded, dtype=self._dtype, device=self._device, requires_grad=True)
        aevs = self._model.aev_computer((torch.tensor(species, device=self._device), positions))
        energies = torch.stack([network(aevs).energies for network in self._model.neural_networks])
        (gradient,) = torch.autograd.grad(energies.mean(dim=0).sum(), positions)
        return energies.detach().double().cpu().numpy(), gradient.double().cpu().numpy()[rows, columns]

    def stress(self, atoms: Atoms) -> np.ndarray:
        """Stress, eV/angstrom^3, Voigt, (6,), from the gradient with respect to a strain."""
        if not atoms.pbc.any():
            raise PropertyNotImplementedError(f"{self.label_name}: no stress without periodic directions")
        tensor = (self._virial_of_edges if self._functions is not None else self._strain_derivative)(atoms)
        tensor = tensor * HARTREE_EV / atoms.get_volume()
        return tensor[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]

    def _virial_of_edges(self, atoms: Atoms) -> np.ndarray:
        """Gradient with respect to a symmetric strain, hartree, (3, 3)."""
        _, _, (to_edges, vectors) = self._fused_atoms(atoms)
        tensor = vectors.T @ to_edges
        return (tensor + tensor.T) / 2

    def _strain_derivative(self, atoms: Atoms) -> np.ndarray:
        """The same as `_virial_of_edges`, by torchani and autograd."""
        torch = self._torch
        strain = torch.zeros(3, 3, dtype=self._dtype, device=self._device, requires_grad=True)
        deformation = torch.eye(3, dtype=self._dtype, device=self._device) + (strain + strain.T) / 2
        positions = torch.tensor(atoms.positions, dtype=self._dtype, device=self._device) @ deformation
        energy = self._members(atoms, positions, self._cell(atoms) @ deformation).mean()
        (gradient,) = torch.autograd.grad(energy, strain)
        return gradient.double().cpu().numpy()

    def _members(self, atoms: Atoms, positions, cell):
        """Energies of the members without self energies, hartree, (M,); `member_energies` has them complete."""
        torch = self._torch
        index = [self.known_elements.index(symbol) for symbol in atoms.symbols]
        species = torch.tensor([index], device=self._device)
        periodic = {}
        if cell is not None:
            # torchani takes positions inside the cell. They move by whole lattice vectors, strained with the cell.
            turns = -np.floor(atoms.cell.complete().scaled_positions(atoms.positions)) * atoms.pbc
            positions = positions + torch.tensor(turns, dtype=self._dtype, device=self._device) @ cell
            pbc = torch.tensor(atoms.pbc.tolist(), device=self._device)
            periodic = {"cell": cell, "pbc": pbc}
        aevs = self._model.aev_computer((species, positions[None]), **periodic)
        energies = torch.stack([network(aevs).energies[0] for network in self._model.neural_networks])
        own = float(self._self_energies[index].sum())
        # Self energies are thousands of eV: added in float64, they leave the digits of the rest.
        self.member_energies = (energies.detach().double().cpu().numpy() + own) * HARTREE_EV
        return energies

    def _cell(self, atoms: Atoms):
        if not atoms.pbc.any():
            return None
        return self._torch.tensor(atoms.cell.complete().array, dtype=self._dtype, device=self._device)


def _can_fuse(torch, model) -> bool:
    return SymmetryFunctions.can_take(model.aev_computer) and FusedNetworks.can_take(torch, model.neural_networks)


def _build(argument: str, *, dtype: str = "float32", device: str = "cpu") -> ANI:
    return ANI(argument or "ANI-1x", dtype=dtype, device=device)


SCHEME = Scheme(
    _build,
    summary="ANI-1x, an ensemble of eight with its spread; one that was fine-tuned; or ANI-1ccx, ANI-2x from files",
    example="ani:ANI-1x?dtype=float64",
    requires=("torchani",),
    install="pip install 'compcalc[ani]'",
)
