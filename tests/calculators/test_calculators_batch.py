"""Many molecules in one call give what each of them gives alone."""

from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import CalculationFailed
from hypothesis import given
from hypothesis import strategies as st

import compcalc
from compcalc import get_calculator
from compcalc.calculators.batching import chunks, in_chunks, joined
from compcalc.errors import InputError, UnsupportedElementError
from compcalc.records import Batch, BatchResult

NAMES = ("CH3CH2OH", "CH4", "H2O", "C6H6", "CH3CH2OH", "CH3OH")
CLOSE = {"float32": (2e-5, 1e-4), "float64": (1e-9, 1e-9)}


def molecules(names=NAMES):
    found = [molecule(name) for name in names]
    for k, atoms in enumerate(found):
        atoms.rattle(0.05, seed=k)
    return found


def batch_of(frames):
    return Batch.of([(atoms.numbers, atoms.positions) for atoms in frames])


def by_element(atoms):
    return atoms[np.argsort(-atoms.numbers, kind="stable")]


def graph_module():
    torch = pytest.importorskip("torch")

    class PairSum(torch.nn.Module):
        cutoff = 4.0

        def forward(self, edge_lengths, edge_index, batch, n_graphs, numbers):
            pair = torch.exp(-edge_lengths) * (1 - edge_lengths / self.cutoff) ** 2 * numbers[edge_index[0]]
            return torch.zeros(n_graphs, dtype=pair.dtype).index_add(0, batch[edge_index[0]], pair)

    return compcalc.wrap(PairSum(), energy_unit="kcal/mol", length_unit="bohr", shifts={"O": -7.0, "H": 1.0})


@pytest.fixture(params=["mmff94", "ani:?dtype=float64", "ani:", "mace float32", "mace float64", "module"])
def batching(request, mace_models):
    if request.param == "module":
        return graph_module(), "float64"
    name, _, dtype = request.param.partition(" ")
    calculator = get_calculator(str(mace_models[dtype]) if name == "mace" else name)
    return calculator, getattr(calculator, "dtype", None) or "float64"


def test_a_batch_equals_single_evaluations(batching):
    calculator, dtype = batching
    assert calculator.can_batch
    frames = molecules()
    energies, forces = calculator.evaluate(frames)
    close_energy, close_force = CLOSE[dtype]
    for atoms, energy, force in zip(frames, energies, forces, strict=True):
        calculator.forget()
        assert energy == pytest.approx(calculator.get_potential_energy(atoms), abs=close_energy * len(atoms))
        assert force == pytest.approx(calculator.get_forces(atoms), abs=close_force)
    assert energies.dtype == forces[0].dtype == np.float64


def test_forces_of_a_batch_are_gradients(batching):
    calculator, dtype = batching
    step, tolerance = (1e-2, 2e-2) if dtype == "float32" else (1e-4, 1e-5)
    frames = molecules(("CH3CH2OH", "CH4"))
    batch = batch_of(frames)
    forces = calculator.evaluate_batch(batch).forces
    for atom in (2, len(frames[0])):
        moved = []
        for sign in (1, -1):
            positions = batch.positions.copy()
            positions[atom, 1] += sign * step
            moved.append(calculator.evaluate_batch(Batch(batch.numbers, positions, batch.offsets)).energies.sum())
        assert forces[atom, 1] == pytest.approx(-(moved[0] - moved[1]) / (2 * step), abs=tolerance)


def test_neighbours_in_a_batch_do_not_matter(batching):
    calculator, dtype = batching
    frames = molecules()
    whole = calculator.evaluate_batch(batch_of(frames))
    part = calculator.evaluate_batch(batch_of(frames[2:4]))
    close_energy, close_force = CLOSE[dtype]
    first, last = batch_of(frames).offsets[[2, 4]]
    assert part.energies == pytest.approx(whole.energies[2:4], abs=12 * close_energy)
    assert part.forces == pytest.approx(whole.forces[first:last], abs=close_force)


def test_elements_and_positions_are_checked(batching):
    calculator, _ = batching
    frames = molecules(("CH4", "H2O"))
    frames[1].positions[0, 0] = np.nan
    with pytest.raises(CalculationFailed, match="NaN"):
        calculator.evaluate_batch(batch_of(frames))
    if calculator.known_elements is not None:
        with pytest.raises(UnsupportedElementError, match="Si"):
            calculator.evaluate_batch(batch_of([molecule("CH4"), molecule("SiH4")]))


@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
def test_a_prepared_mace_gives_the_same(mace_models, dtype):
    plain, prepared = (get_calculator(str(mace_models[dtype])) for _ in range(2))
    frames = molecules()
    plain.batch_atoms = prepared.batch_atoms = 20
    prepared.prepare_batch(batch_of(frames))
    assert prepared._trace is not None
    rng = np.random.default_rng(0)
    for _ in range(4):
        batch = batch_of(frames)
        moved = Batch(
            batch.numbers, batch.positions + rng.normal(scale=0.05, size=batch.positions.shape), batch.offsets
        )
        expected, found = plain.evaluate_batch(moved), prepared.evaluate_batch(moved)
        assert found.energies == pytest.approx(expected.energies, abs=CLOSE[dtype][0] * 10)
        assert found.forces == pytest.approx(expected.forces, abs=CLOSE[dtype][1])


def test_a_prepared_mace_has_room_for_fewer_molecules_and_makes_room_for_more_edges(mace_models):
    plain, prepared = (get_calculator(str(mace_models["float64"])) for _ in range(2))
    frames = molecules()
    prepared.prepare_batch(batch_of(frames))
    squeezed = [atoms.copy() for atoms in frames]
    for atoms in squeezed:
        atoms.positions *= 0.7
    for case in (squeezed, frames[:2]):
        expected, found = plain.evaluate_batch(batch_of(case)), prepared.evaluate_batch(batch_of(case))
        assert found.forces == pytest.approx(expected.forces, abs=1e-9)


def test_spread_of_an_ensemble_comes_with_the_batch():
    calculator, frames = get_calculator("ani:"), molecules()
    spread = calculator.evaluate_batch(batch_of(frames)).spread
    for atoms, value in zip(frames, spread, strict=True):
        calculator.get_potential_energy(atoms)
        assert value == pytest.approx(calculator.energy_spread, rel=1e-3)


def test_isomers_in_one_mmff94_batch_keep_their_own_bonds():
    ethanol, ether = (by_element(atoms) for atoms in molecules(("CH3CH2OH", "CH3OCH3")))
    assert np.array_equal(ethanol.numbers, ether.numbers)
    calculator = get_calculator("mmff94")
    energies, _ = calculator.evaluate([ethanol, ether, ethanol])
    single = [get_calculator("mmff94").get_potential_energy(atoms) for atoms in (ethanol, ether)]
    assert energies.tolist() == pytest.approx([single[0], single[1], single[0]])
    assert abs(single[0] - single[1]) > 0.01


def test_what_cannot_batch_goes_one_by_one():
    calculator, frames = get_calculator("tblite:GFN2-xTB"), molecules(("H2O", "CH4"))
    assert not calculator.can_batch
    energies, forces = calculator.evaluate(frames)
    result = calculator.evaluate_batch(batch_of(frames))
    assert energies == pytest.approx(result.energies, abs=1e-6)
    assert np.concatenate(forces) == pytest.approx(result.forces, abs=1e-4)


def test_periodic_and_charged_structures_do_not_enter_the_batch(mace_models):
    calculator = get_calculator(str(mace_models["float64"]))
    crystal = bulk("C", "diamond", a=3.6)
    frames = [molecule("CH4"), crystal, molecule("H2O")]
    energies, forces = calculator.evaluate(frames)
    assert energies[1] == pytest.approx(calculator.get_potential_energy(crystal))
    assert [len(part) for part in forces] == [5, 2, 3]
    charged = molecule("H2O")
    charged.info["charge"] = 1
    with pytest.raises(InputError, match="charge"):
        calculator.evaluate([molecule("CH4"), charged])


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=30), most=st.integers(1, 20))
def test_chunks_are_consecutive_and_within_the_limit(sizes, most):
    atoms = [(np.full(n, k), np.full((n, 3), float(k))) for k, n in enumerate(sizes)]
    parts = list(chunks(Batch.of(atoms), most))
    assert np.concatenate([part.numbers for part in parts]).tolist() == np.repeat(np.arange(len(sizes)), sizes).tolist()
    assert sum(len(part) for part in parts) == len(sizes)
    assert all(len(part.numbers) <= most or len(part) == 1 for part in parts)
    # No two neighbours would have fitted together.
    assert all(len(a.numbers) + part.sizes[0] > most for a, part in pairwise(parts))


def test_a_batch_that_is_too_large_for_the_memory_is_halved():
    sizes = []

    def evaluate(part):
        sizes.append(len(part))
        if len(part) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return BatchResult(np.add.reduceat(part.positions[:, 0], part.offsets[:-1]), part.positions)

    batch = Batch.of([(np.ones(2, int), np.full((2, 3), float(k))) for k in range(10)])
    result = in_chunks(batch, 1000, evaluate)
    assert result.energies.tolist() == [2.0 * k for k in range(10)] and np.array_equal(result.forces, batch.positions)
    assert max(sizes) == 10 and sorted(sizes)[0] <= 3

    def hopeless(part):
        raise MemoryError

    with pytest.raises(MemoryError):
        in_chunks(batch, 1000, hopeless)
    with pytest.raises(RuntimeError, match="another reason"):
        in_chunks(batch, 1000, lambda part: (_ for _ in ()).throw(RuntimeError("another reason")))


def test_spreads_are_joined_only_where_every_part_has_them():
    with_spread = BatchResult(np.zeros(2), np.zeros((3, 3)), np.ones(2))
    assert joined([with_spread, with_spread]).spread.tolist() == [1, 1, 1, 1]
    assert joined([with_spread, BatchResult(np.zeros(1), np.zeros((1, 3)))]).spread is None


@pytest.mark.parametrize("offsets", [[0, 2], [1, 3], [0, 0, 3], [0], [0, 3, 2, 3]])
def test_offsets_that_do_not_fit_are_refused(offsets):
    with pytest.raises(InputError, match="offsets"):
        Batch(np.ones(3, int), np.zeros((3, 3)), np.array(offsets))


def test_a_single_atom_in_a_batch(mace_models):
    calculator = get_calculator(str(mace_models["float64"]))
    energies, forces = calculator.evaluate([Atoms("O"), molecule("H2O")])
    assert energies[0] == pytest.approx(calculator.get_potential_energy(Atoms("O")))
    assert not forces[0].any()
