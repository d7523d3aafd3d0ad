"""Environment vectors and networks in fused form, against torchani's own in energies, forces and stress."""

from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from compcalc import get_calculator
from compcalc.records import Batch

pytestmark = pytest.mark.skipif(find_spec("torchani") is None, reason="torchani is not installed")

CLOSE_VECTOR = {"float32": 2e-6, "float64": 1e-12}
"""Relative to the largest element of a vector."""

CLOSE_FORCE = {"float32": 4e-5, "float64": 1e-10}
"""eV/angstrom."""


def cluster():
    """60 atoms of all elements, at densities where many neighbours lie within the angular cutoff."""
    rng, positions = np.random.default_rng(3), []
    while len(positions) < 60:
        new = rng.uniform(0, 6.5, 3)
        if all(np.linalg.norm(new - old) > 0.85 for old in positions):
            positions.append(new)
    return Atoms(rng.choice([1, 6, 7, 8], 60), positions)


def rattled(name):
    atoms = molecule(name)
    atoms.rattle(0.05, seed=len(name))
    return atoms


def crystal():
    """Smaller than the cutoff, skew, atoms outside: an atom sees several images of another, and its own."""
    atoms = Atoms("CHON", [[0, 0, 0], [1.1, 0.2, 9.0], [-2.0, 1.3, 0.4], [1.5, 1.7, 1.6]])
    atoms.set_cell([[3.6, 0, 0], [0.5, 4.4, 0], [0, 0.7, 7.0]])
    atoms.pbc = [True, True, False]
    return atoms


CASES = {
    "alone": lambda: Atoms("O"),
    "pair": lambda: Atoms("CH", [[0, 0, 0], [0, 0, 1.1]]),
    "apart": lambda: Atoms("CN", [[0, 0, 0], [0, 9.0, 0]]),
    "between the cutoffs": lambda: Atoms("CNO", [[0, 0, 0], [0, 4.0, 0], [4.3, 0, 0]]),
    "collinear": lambda: Atoms("OCOH", [[0, 0, 0], [0, 0, 1.2], [0, 0, 2.4], [0, 0, 3.4]]),
    "ethanol": lambda: rattled("CH3CH2OH"),
    "benzene": lambda: rattled("C6H6"),
    "nitrogen alone present": lambda: Atoms("N3", [[0, 0, 0], [0, 0.3, 1.2], [0.9, 0, 2.1]]),
    "cluster": cluster,
    "crystal": crystal,
}


def exact_celu(alpha):
    """torch's own has a slope rounded to single precision, in float64 too: 1e-8 of a force."""
    import torch

    class CELU(torch.nn.Module):
        def forward(self, x):
            return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0) / alpha))

    return CELU()


@pytest.fixture(scope="module", params=["float32", "float64"])
def both(request):
    """The calculator in fused form, and torchani's own path; the type of both."""
    fused, plain = (get_calculator(f"ani:?dtype={request.param}") for _ in range(2))
    assert fused._functions is not None and fused._networks is not None
    plain._functions = plain._networks = None
    for member in plain._model.neural_networks:
        for layers in member.values():
            for k in range(1, len(layers), 2):
                layers[k] = exact_celu(layers[k].alpha)
    return fused, plain, request.param


@pytest.fixture(scope="module")
def double():
    return get_calculator("ani:?dtype=float64")


def environments(calculator, atoms, dtype, computer=None):
    from compcalc.calculators.ani_environments import Environments, SymmetryFunctions
    from compcalc.neighbours import batch_edges

    functions = SymmetryFunctions(computer) if computer is not None else calculator._functions
    index = calculator._index_of[atoms.numbers]
    cells, pbc = (atoms.cell.complete().array[None], atoms.pbc[None]) if atoms.pbc.any() else (None, None)
    edges = batch_edges(atoms.positions, [0, len(atoms)], functions.cutoff, cells, pbc)
    return Environments(functions, index, edges, np.dtype(dtype)), edges


def in_torchanis_order(found, length):
    """With the columns of absent elements, rows in the order of the atoms."""
    vectors = np.zeros((len(found.values), length))
    vectors[found.order[:, None], found.columns] = found.values
    return vectors


def torchani_vectors(calculator, computer, atoms):
    """torchani's vectors with their graph, and the positions."""
    import torch

    index = torch.tensor(calculator._index_of[atoms.numbers])[None]
    positions = torch.tensor(atoms.positions, dtype=computer.ShfR.dtype, requires_grad=True)
    periodic, inside = {}, positions
    if atoms.pbc.any():
        cell = torch.tensor(atoms.cell.complete().array, dtype=positions.dtype)
        turns = -np.floor(atoms.cell.complete().scaled_positions(atoms.positions)) * atoms.pbc
        periodic = {"cell": cell, "pbc": torch.tensor(atoms.pbc.tolist())}
        inside = positions + torch.tensor(turns, dtype=cell.dtype) @ cell
    return computer((index, inside[None]), **periodic).aevs[0], positions


@pytest.mark.parametrize("case", CASES)
def test_vectors_are_torchanis(both, case):
    fused, plain, dtype = both
    atoms = CASES[case]()
    found, _ = environments(fused, atoms, dtype)
    assert found.values.dtype == dtype
    expected, _ = torchani_vectors(plain, plain._model.aev_computer, atoms)
    expected = expected.detach().numpy()
    vectors = in_torchanis_order(found, expected.shape[1])
    assert bool(expected.any()) == (case not in ("alone", "apart"))
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=CLOSE_VECTOR[dtype] * max(1, abs(expected).max()))


@pytest.mark.parametrize("case", CASES)
def test_gradients_of_vectors_are_torchanis(double, case):
    import torch

    atoms = CASES[case]()
    found, _ = environments(double, atoms, "float64")
    expected, positions = torchani_vectors(double, double._model.aev_computer, atoms)
    weights = np.random.default_rng(0).normal(size=expected.shape)
    wanted = np.zeros((len(atoms), 3))
    if expected.detach().any():
        (gradient,) = torch.autograd.grad((expected * torch.tensor(weights)).sum(), positions)
        wanted = gradient.numpy()
    to_positions, _ = found.gradients(weights[found.order[:, None], found.columns])
    np.testing.assert_allclose(to_positions, wanted, rtol=0, atol=1e-12 * max(1, abs(wanted).max()))


@pytest.mark.parametrize(
    "kind", [*(pytest.param(kind, marks=pytest.mark.slow) for kind in ("ANI-2x", "whole")), "even"]
)
def test_other_constants(double, kind):
    """Those of ANI-2x, with a fractional zeta and other numbers of shifts; a zeta that is no power of two."""
    import torch
    import torchani

    eta_r, eta_a, zeta, means, angles = {
        "ANI-2x": (19.7, 12.5, 14.1, 8, 4),
        "whole": (16.0, 8.0, 7.0, 3, 5),
        "even": (4.0, 2.0, 1.0, 4, 8),
    }[kind]
    computer = torchani.AEVComputer.cover_linearly(5.1, 3.5, eta_r, eta_a, 16, means, zeta, angles, 4).double()
    atoms = rattled("CH3CONH2")
    found, _ = environments(double, atoms, "float64", computer)
    expected, positions = torchani_vectors(double, computer, atoms)
    np.testing.assert_allclose(in_torchanis_order(found, computer.aev_length), expected.detach().numpy(), atol=1e-12)
    weights = np.random.default_rng(1).normal(size=expected.shape)
    (wanted,) = torch.autograd.grad((expected * torch.tensor(weights)).sum(), positions)
    to_positions, _ = found.gradients(weights[found.order[:, None], found.columns])
    np.testing.assert_allclose(to_positions, wanted.numpy(), atol=1e-11)


def test_constants_that_the_kernels_do_not_know_are_left_to_torchani():
    import torch
    import torchani

    from compcalc.calculators.ani_environments import SymmetryFunctions

    computer = torchani.AEVComputer.cover_linearly(5.2, 3.5, 16.0, 8.0, 16, 4, 32.0, 8, 4)
    assert SymmetryFunctions.can_take(computer)
    computer.EtaA = torch.tensor([8.0, 4.0]).view(-1, 1, 1, 1)
    assert not SymmetryFunctions.can_take(computer)
    computer.EtaA = torch.tensor([80.0]).view(-1, 1, 1, 1)
    assert not SymmetryFunctions.can_take(computer)


@pytest.mark.parametrize("case", CASES)
def test_energies_forces_and_members_are_those_of_torchanis_path(both, case):
    fused, plain, dtype = both
    atoms = CASES[case]()
    if case == "cluster":
        atoms.positions *= 1.4  # forces of a few eV/angstrom, as elsewhere
    for calculator in (fused, plain):
        calculator.forget()
    energy, forces = fused.get_potential_energy(atoms), fused.get_forces(atoms)
    close = 1e-9 if dtype == "float64" else 1e-5
    assert energy == pytest.approx(plain.get_potential_energy(atoms), abs=close * len(atoms))
    assert fused.member_energies == pytest.approx(plain.member_energies, abs=3 * close * len(atoms))
    np.testing.assert_allclose(forces, plain.get_forces(atoms), rtol=0, atol=CLOSE_FORCE[dtype])


def test_stress_is_that_of_torchanis_path(both):
    fused, plain, dtype = both
    atoms = crystal()
    atoms.set_cell(atoms.cell.array * [[1.3], [1.2], [0.8]])
    atoms.pbc = True
    close = 1e-6 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(fused.get_stress(atoms), plain.get_stress(atoms), rtol=0, atol=close)


def test_forces_of_a_crystal_are_central_differences(double):
    atoms, step = crystal(), 1e-4
    forces = double.get_forces(atoms).copy()
    for atom, axis in [(0, 0), (1, 2), (2, 1), (3, 2)]:
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(double.get_potential_energy(moved))
        difference = -(energies[0] - energies[1]) / (2 * step)
        assert forces[atom, axis] == pytest.approx(difference, abs=1e-6 * max(1, abs(difference)))


def batch_of_all():
    frames = [make() for name, make in CASES.items() if name not in ("crystal", "cluster")]
    return frames, Batch.of([(atoms.numbers, atoms.positions) for atoms in frames])


def test_a_batch_is_that_of_torchanis_path_and_of_single_molecules(both):
    fused, plain, dtype = both
    frames, batch = batch_of_all()
    found, expected = fused.evaluate_batch(batch), plain.evaluate_batch(batch)
    close = 1e-9 if dtype == "float64" else 1e-4
    assert found.energies == pytest.approx(expected.energies, abs=close)
    assert found.spread == pytest.approx(expected.spread, abs=close)
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=CLOSE_FORCE[dtype])
    for k, atoms in enumerate(frames):
        fused.forget()
        assert found.energies[k] == pytest.approx(fused.get_potential_energy(atoms), abs=close)
        assert found.spread[k] == pytest.approx(fused.energy_spread, abs=close)
        part = found.forces[batch.offsets[k] : batch.offsets[k + 1]]
        np.testing.assert_allclose(part, fused.get_forces(atoms), rtol=0, atol=CLOSE_FORCE[dtype])


def test_threads_do_not_change_a_vector(double):
    from compcalc.calculators.ani_environments import Environments
    from compcalc.neighbours import batch_edges

    frames = [rattled(name) for name in ("CH3CH2OH", "C6H6", "CH3CONH2", "C3H8")] * 12
    batch = Batch.of([(atoms.numbers, atoms.positions) for atoms in frames])
    edges = batch_edges(batch.positions, batch.offsets, double._functions.cutoff)
    index = double._index_of[batch.numbers]
    one, three = (Environments(double._functions, index, edges, np.float64, threads) for threads in (1, 3))
    assert len(three._cuts) == 4
    assert np.array_equal(one.values, three.values)
    weights = np.random.default_rng(0).normal(size=one.values.shape)
    assert np.array_equal(one.gradients(weights)[0], three.gradients(weights)[0])


def test_atoms_on_top_of_each_other_give_numbers(double):
    atoms = Atoms("CHH", [[0, 0, 0], [0, 0, 0], [0, 0, 1.0]])
    found, edges = environments(double, atoms, "float64")
    to_positions, _ = found.gradients(np.ones_like(found.values))
    assert len(edges) == 6 and np.isfinite(found.values).all() and np.isfinite(to_positions).all()


def test_the_first_layers_of_few_sets_of_elements_are_kept(double):
    from compcalc.calculators.ani_networks import _KEPT

    for symbols in ("H", "C", "N", "O", "HC", "HN", "HO", "CN", "CO", "NO"):
        double.get_potential_energy(Atoms(symbols, np.eye(3)[: len(symbols)]))
    assert len(double._networks._first) == _KEPT
    first = double.get_potential_energy(Atoms("H"))
    double.forget()
    assert double.get_potential_energy(Atoms("H")) == first


def test_networks_of_another_form_are_left_to_torchani():
    import torch

    from compcalc.calculators.ani_networks import FusedNetworks

    def member(*sizes, activation=torch.nn.CELU):
        layers = []
        for a, b in pairwise(sizes):
            layers += [torch.nn.Linear(a, b), activation(0.1) if activation is torch.nn.CELU else activation()]
        return {"H": torch.nn.Sequential(*layers[:-1])}

    assert FusedNetworks.can_take(torch, [member(8, 5, 1), member(8, 5, 1)])
    assert not FusedNetworks.can_take(torch, [member(8, 5, 1), member(8, 4, 1)])
    assert not FusedNetworks.can_take(torch, [member(8, 5, 2), member(8, 5, 2)])
    assert not FusedNetworks.can_take(torch, [member(8, 5, 1, activation=torch.nn.GELU)])
    assert not FusedNetworks.can_take(torch, [member(8, 1)])
