"""NVE of 16 alkanes with a learned potential: lockstep against ASE's integrator and TorchSim's, same steps.

    python -m pytest benchmarks/bench_dynamics_models.py --benchmark-group-by=param:model

Compare the rows of one group. Tracing and warming up are left out; `--benchmark-json` also has molecule-steps/s.
TorchSim is optional: pip install 'compcalc[bench]'.
"""

import warnings

import pytest
from ase import units
from ase.md.verlet import VelocityVerlet
from bench_batch import molecules

from compcalc import get_calculator
from compcalc.calculators.mace_file import import_mace, shipped_model
from compcalc.dynamics.lockstep import Start, run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.execution.allocator import keep_freed_memory
from compcalc.molecules.families import family_molecule
from compcalc.molecules.own import from_smiles

N, STEPS = 16, 40


def _ase(make):
    """One molecule after the other with ASE's velocity Verlet; each has its calculator."""

    def prepare():
        runs = []
        for atoms in molecules(N):
            atoms.calc = make()
            atoms.get_forces()
            runs.append(VelocityVerlet(atoms, 0.5 * units.fs))
        return lambda: [run.run(STEPS) for run in runs]

    return prepare


def _mace_torch():
    import_mace()
    from mace.calculators import MACECalculator

    return MACECalculator(model_paths=str(shipped_model()), device="cpu", default_dtype="float32")


def _torchani():
    calculator = get_calculator("ani:")
    from torchani.ase import Calculator

    return Calculator(calculator._model.species, calculator._model)


def _torch_sim():
    ts = pytest.importorskip("torch_sim")
    torch = import_mace()
    from torch_sim.models.mace import MaceModel

    device = torch.device("cpu")
    model = torch.load(shipped_model(), weights_only=False, map_location="cpu")
    model = MaceModel(model, device=device, dtype=torch.float32, compute_stress=False)
    state = ts.io.atoms_to_state(molecules(N), device, torch.float32)

    def call():
        return ts.integrate(state, model, integrator=ts.nve, n_steps=STEPS, temperature=300.0, timestep=0.0005)

    return call


def _lockstep(spec):
    """`run_lockstep` as a run does it, with guards and log; its preparation is made beforehand."""

    def prepare():
        keep_freed_memory()
        calculator = get_calculator(spec)
        calculator.forget = lambda: None  # keeps the trace between the rounds
        built = [from_smiles(family_molecule("alkane", 3 + k % 8)) for k in range(N)]
        starts = [
            Start(m.molecule, m.numbers, atoms.positions, m.bonds) for m, atoms in zip(built, molecules(N), strict=True)
        ]
        protocol = Protocol("nve", STEPS * 0.0005, equilibration_ps=0.0)
        return lambda: run_lockstep(starts, calculator, protocol)

    return prepare


CASES = {
    "mace: ASE and MACECalculator": _ase(_mace_torch),
    "mace: TorchSim": _torch_sim,
    "mace: ASE and compcalc": _ase(lambda: get_calculator("mace:default")),
    "mace: compcalc in lockstep": _lockstep("mace:default"),
    "ani: ASE and torchani": _ase(_torchani),
    "ani: ASE and compcalc": _ase(lambda: get_calculator("ani:")),
    "ani: compcalc in lockstep": _lockstep("ani:"),
}


@pytest.mark.parametrize(("model", "way"), [case.split(": ", 1) for case in CASES], ids=lambda part: part)
def test_steps_of_16_molecules(benchmark, model, way):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call = CASES[f"{model}: {way}"]()
        benchmark.pedantic(call, rounds=3, warmup_rounds=1)
    benchmark.extra_info["molecule-steps/s"] = N * STEPS / benchmark.stats["min"]
