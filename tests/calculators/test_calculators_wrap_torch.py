"""`wrap` on torch modules: every signature against the closed form, dtypes, files and pickles."""

import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import CalculationFailed
from ase.calculators.lj import LennardJones

import compcalc
from compcalc.calculators import get_calculator
from compcalc.errors import DataError, InputError, UnknownNameError, UnsupportedElementError
from compcalc.units import BOHR_ANGSTROM, HARTREE_EV

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

EPSILON, SIGMA, CUTOFF = 0.2, 1.5, 6.0


def lj(r):
    x = (SIGMA / r) ** 6
    return 4 * EPSILON * (x * x - x)


class Springs(torch.nn.Module):
    """Energy of positions alone; its parameters give it a dtype."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.k = torch.nn.Parameter(torch.tensor(3.0, dtype=dtype))

    def energy(self, positions):
        pairs = torch.triu_indices(positions.shape[0], positions.shape[0], 1)
        r = (positions[pairs[0]] - positions[pairs[1]]).norm(dim=1)
        return 0.5 * self.k * ((r - 1.1) ** 2).sum()

    def forward(self, positions):
        return self.energy(positions)


class OfNumbers(Springs):
    def forward(self, numbers, positions):
        return self.energy(positions) + numbers.sum()


class Portable(torch.nn.Module):
    """What OfNumbers computes, in operations that can be scripted and exported for any number of atoms."""

    def __init__(self):
        super().__init__()
        self.k = torch.nn.Parameter(torch.tensor(3.0, dtype=torch.float64))

    def forward(self, numbers: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        vectors = positions.unsqueeze(1) - positions.unsqueeze(0)
        # Each atom is 1.1 angstrom from itself, where its spring has no force.
        own = torch.eye(positions.shape[0], dtype=positions.dtype) * 1.1**2
        r = ((vectors**2).sum(dim=2) + own).sqrt()
        return 0.25 * self.k * ((r - 1.1) ** 2).sum() + numbers.sum()


class Unnamed(Springs):
    def forward(self, x, y):
        return {"energy": self.energy(y) + x.sum()}


class Batched(Springs):
    def forward(self, species, coordinates):
        return species, torch.stack([self.energy(r) for r in coordinates]) + species.sum(dim=1)


class Forceful(Springs):
    """Returns forces that are not its gradient."""

    def forward(self, positions):
        return self.energy(positions), torch.zeros_like(positions)


class EdgeLJ(torch.nn.Module):
    """Half the Lennard-Jones energy of each directed edge, as ASE's with the same cut-off but without its shift."""

    cutoff = CUTOFF

    def forward(self, edge_vectors, batch, n_graphs):
        half = 0.5 * lj(edge_vectors.norm(dim=1))
        return torch.zeros(n_graphs, dtype=half.dtype).index_add(0, batch.new_zeros(len(half)), half)


class GraphDictionary(EdgeLJ):
    def forward(self, data):
        i, j = data["edge_index"]
        vectors = data["positions"][j] - data["positions"][i] + data["shifts"]
        return {"energy": 0.5 * lj(vectors.norm(dim=1)).sum(), "forces": None}


class Lengths(EdgeLJ):
    def forward(self, edge_lengths):
        return 0.5 * lj(edge_lengths).sum()


@pytest.fixture
def ethanol():
    atoms = molecule("CH3CH2OH")
    atoms.rattle(0.05, seed=1)
    return atoms


def expected(atoms, plus_numbers=False):
    r = atoms.get_all_distances(vector=True)
    d = np.linalg.norm(r, axis=2)
    off = ~np.eye(len(atoms), dtype=bool)
    stretch = np.where(off, d - 1.1, 0)
    unit = np.divide(r, d[..., None], out=np.zeros_like(r), where=off[..., None])
    return 0.75 * (stretch**2).sum() + plus_numbers * atoms.numbers.sum(), (3.0 * stretch[..., None] * unit).sum(axis=1)


def check(calculator, atoms, plus_numbers=False, tolerance=1e-10):
    energy, forces = expected(atoms, plus_numbers)
    atoms = atoms.copy()
    atoms.calc = calculator
    assert atoms.get_potential_energy() == pytest.approx(energy, rel=tolerance)
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=tolerance * 10)
    assert atoms.get_forces().dtype == np.float64


@pytest.mark.parametrize(
    ("module", "options", "plus_numbers"),
    [
        (Springs, {}, False),
        (OfNumbers, {}, True),
        (Unnamed, {}, True),
        (Forceful, {"forces": "autograd"}, False),
        (Springs, {"forces": "differences", "step": 1e-5}, False),
    ],
)
def test_modules_of_single_structures(module, options, plus_numbers, ethanol):
    check(compcalc.wrap(module(), **options), ethanol, plus_numbers, 1e-8 if options.get("step") else 1e-10)


def test_forces_that_a_module_returns_are_taken(ethanol):
    assert not compcalc.wrap(Forceful()).get_forces(ethanol).any()


def test_a_batched_module_in_the_style_of_torchani(ethanol):
    class Adapter(Batched):
        def forward(self, species, coordinates):
            return super().forward(species, coordinates)[1]

    check(compcalc.wrap(Adapter(), batched=True), ethanol, True)


@pytest.mark.parametrize("module", [EdgeLJ, GraphDictionary, Lengths])
def test_graphs_agree_with_ases_lennard_jones(module, ethanol):
    crystal = bulk("Ar", cubic=True, a=5.2)
    crystal.rattle(0.05, seed=2)
    for atoms in (ethanol, crystal):
        atoms.calc = LennardJones(sigma=SIGMA, epsilon=EPSILON, rc=CUTOFF, ro=CUTOFF - 1e-9, smooth=True)
        ours = compcalc.wrap(module())
        assert ours.get_potential_energy(atoms) == pytest.approx(atoms.get_potential_energy(), rel=1e-9)
        np.testing.assert_allclose(ours.get_forces(atoms), atoms.get_forces(), atol=1e-9)


def test_a_single_atom_and_a_distant_pair_have_no_edges():
    for atoms in (Atoms("H"), Atoms("H2", [[0, 0, 0], [0, 0, 30]])):
        atoms.calc = compcalc.wrap(EdgeLJ())
        assert atoms.get_potential_energy() == 0.0
        np.testing.assert_array_equal(atoms.get_forces(), np.zeros((len(atoms), 3)))


def test_units_of_a_graph_module(ethanol):
    class Atomic(EdgeLJ):
        cutoff = CUTOFF / BOHR_ANGSTROM

        def forward(self, edge_lengths):
            return 0.5 * lj(edge_lengths * BOHR_ANGSTROM).sum() / HARTREE_EV

    atomic = compcalc.wrap(Atomic(), energy_unit="hartree", length_unit="bohr")
    plain = compcalc.wrap(Lengths())
    assert atomic.get_potential_energy(ethanol) == pytest.approx(plain.get_potential_energy(ethanol))
    np.testing.assert_allclose(atomic.get_forces(ethanol), plain.get_forces(ethanol), atol=1e-10)


def test_the_order_of_types_is_the_models(ethanol):
    class OfTypes(torch.nn.Module):
        def forward(self, types, positions):
            return torch.tensor([1.0, 10.0, 100.0], dtype=positions.dtype)[types].sum() + 0 * positions.sum()

    energy = compcalc.wrap(OfTypes(), elements=["O", "C", "H"]).get_potential_energy(ethanol)
    assert energy == pytest.approx(1.0 + 2 * 10 + 6 * 100)
    with pytest.raises(InputError, match="symbols in the order of the types"):
        compcalc.wrap(OfTypes())
    with pytest.raises(UnsupportedElementError, match=r"element\(s\) C"):
        compcalc.wrap(OfTypes(), elements=["O", "H"]).get_potential_energy(ethanol)


@pytest.mark.parametrize("order", [("float32", "float64"), ("float64", "float32")])
def test_two_dtypes_live_side_by_side(order, ethanol):
    before = torch.get_default_dtype()
    built = {name: compcalc.wrap(Springs(getattr(torch, name))) for name in order}
    assert {name: c.dtype for name, c in built.items()} == {"float32": "float32", "float64": "float64"}
    check(built["float64"], ethanol)
    check(built["float32"], ethanol, tolerance=1e-5)
    check(built["float64"], ethanol)
    assert torch.get_default_dtype() == before
    check(compcalc.wrap(Springs(torch.float32), dtype="float64"), ethanol)
    with pytest.raises(UnknownNameError, match="float16"):
        compcalc.wrap(Springs(), dtype="float16")


def test_a_module_is_evaluated_without_dropout(ethanol):
    class Noisy(Springs):
        def forward(self, positions):
            return torch.nn.functional.dropout(self.energy(positions)[None], 0.5, self.training).sum()

    check(compcalc.wrap(Noisy().train()), ethanol)


def test_faults_of_a_module_are_named(ethanol):
    class Cut(Springs):
        def forward(self, positions):
            return self.energy(positions.detach())

    class PerAtom(Springs):
        def forward(self, positions):
            return positions.norm(dim=1)

    class Needs(EdgeLJ):
        cutoff = None

    with pytest.raises(CalculationFailed, match="does not depend on the positions"):
        compcalc.wrap(Cut()).get_forces(ethanol)
    with pytest.raises(CalculationFailed, match=r"energy has shape \(9,\)"):
        compcalc.wrap(PerAtom()).get_forces(ethanol)
    del EdgeLJ.cutoff
    try:
        with pytest.raises(InputError, match="takes a graph"):
            compcalc.wrap(Lengths())
    finally:
        EdgeLJ.cutoff = CUTOFF


@pytest.fixture
def files(tmp_path):
    module = Portable()
    torch.jit.save(torch.jit.script(module), tmp_path / "scripted.pt")
    example = (torch.ones(9, dtype=torch.long), torch.rand(9, 3, dtype=torch.float64))
    n = torch.export.Dim("n", min=2, max=200)
    program = torch.export.export(module, example, dynamic_shapes=({0: n}, {0: n}))
    torch.export.save(program, tmp_path / "exported.pt2")
    return tmp_path


@pytest.mark.parametrize("name", ["scripted.pt", "exported.pt2"])
def test_files_give_the_same_numbers_by_path_and_by_spec(name, files, ethanol):
    check(compcalc.wrap(files / name), ethanol, True)
    check(get_calculator(f"torch:{files / name}?shifts=none"), ethanol, True)
    check(compcalc.wrap(files / name), molecule("H2O"), True)
    with pytest.raises(InputError, match="charge"):
        compcalc.wrap(files / name, charge=1)


class Marker:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("writer", [torch.save, lambda obj, path: path.write_bytes(pickle.dumps(obj))])
def test_a_pickle_runs_nothing_unless_it_is_trusted(writer, tmp_path):
    marker, path = tmp_path / "marker", tmp_path / "model.pt"
    writer(Marker(marker), path)
    with pytest.raises(InputError, match="runs whatever code it holds"):
        compcalc.wrap(path)
    with pytest.raises(InputError, match="trust_pickle"):
        get_calculator(f"torch:{path}")
    assert not marker.exists()


def test_a_trusted_pickle_loads(tmp_path, ethanol):
    torch.save(Springs(), tmp_path / "model.pt")
    check(compcalc.wrap(tmp_path / "model.pt", trust_pickle=True), ethanol)


def test_a_damaged_file_is_named(files):
    path = files / "scripted.pt"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises((DataError, InputError), match=r"scripted\.pt"):
        compcalc.wrap(path)
