"""Energies and forces of 64 diverse molecules: compcalc one by one and batched, against the models' own calculators.

    python -m pytest benchmarks/bench_batch.py --benchmark-group-by=param:model

These are MACECalculator, TorchSim and torchani's. Compare the rows of one group; absolute times depend on the machine.
TorchSim is optional: pip install 'compcalc[bench]'.
"""

import warnings

import numpy as np
import pytest
from ase import Atoms

from compcalc import get_calculator
from compcalc.calculators.mace_file import import_mace, shipped_model
from compcalc.execution.allocator import keep_freed_memory
from compcalc.molecules.families import family_molecule
from compcalc.molecules.own import from_smiles
from compcalc.records import Batch


def molecules(n=64):
    """Alkanes C3 to C10, each displaced in its own way."""
    built = [from_smiles(family_molecule("alkane", carbons)) for carbons in range(3, 11)]
    rng = np.random.default_rng(0)
    chosen = [built[k % len(built)] for k in range(n)]
    return [Atoms(m.numbers, m.positions + rng.normal(scale=0.03, size=m.positions.shape)) for m in chosen]


def _one_by_one(calculator):
    def call(frames):
        calculator.reset()
        return [calculator.get_forces(atoms) for atoms in frames]

    return call


def _mace_torch():
    import_mace()
    from mace.calculators import MACECalculator

    return _one_by_one(MACECalculator(model_paths=str(shipped_model()), device="cpu", default_dtype="float32"))


def _torchani():
    calculator = get_calculator("ani:")
    from torchani.ase import Calculator

    return _one_by_one(Calculator(calculator._model.species, calculator._model))


def _torch_sim():
    ts = pytest.importorskip("torch_sim")
    torch = import_mace()
    from torch_sim.models.mace import MaceModel

    model = torch.load(shipped_model(), weights_only=False, map_location="cpu")
    model = MaceModel(model, device=torch.device("cpu"), dtype=torch.float32, compute_stress=False)

    def call(frames):
        return model(ts.io.atoms_to_state(frames, torch.device("cpu"), torch.float32))["forces"]

    return call


def _single(spec):
    return lambda: _one_by_one(get_calculator(spec))


def _batched(spec):
    def make():
        calculator = get_calculator(spec)
        return lambda frames: calculator.evaluate_batch(Batch.of([(a.numbers, a.positions) for a in frames]))

    return make


def _batched_kept_memory(spec):
    def make():
        keep_freed_memory()
        return _batched(spec)()

    return make


# The allocator's setting stays for the rest of the process, so it comes last.
CASES = {
    "mace: MACECalculator": _mace_torch,
    "mace: TorchSim": _torch_sim,
    "mace: compcalc one by one": _single("mace:default"),
    "mace: compcalc batched": _batched("mace:default"),
    "ani: torchani's calculator": _torchani,
    "ani: compcalc one by one": _single("ani:"),
    "ani: compcalc batched": _batched("ani:"),
    "mmff94: compcalc one by one": _single("mmff94"),
    "mmff94: compcalc batched": _batched("mmff94"),
    "mace: compcalc batched, memory kept": _batched_kept_memory("mace:default"),
    "ani: compcalc batched, memory kept": _batched_kept_memory("ani:"),
}


@pytest.mark.parametrize(("model", "way"), [case.split(": ", 1) for case in CASES], ids=lambda part: part)
def test_energies_and_forces_of_64_molecules(benchmark, model, way):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call = CASES[f"{model}: {way}"]()
        frames = molecules()
        benchmark.pedantic(call, args=[frames], rounds=5, warmup_rounds=2)
    benchmark.extra_info["ms a molecule"] = 1000 * benchmark.stats["min"] / len(frames)
