"""Short MD of one molecule with the guard on, and how it ended."""

from compcalc import get_calculator
from compcalc.dynamics.ase_engine import run_protocol
from compcalc.dynamics.protocols import Protocol
from compcalc.metrics.drift import energy_drift
from compcalc.molecules.own import own_molecule


def main(spec: str = "tblite:GFN2-xTB", production_ps: float = 0.2) -> None:
    """NVE of ethanol with `spec`: outcome and energy drift."""
    ethanol = own_molecule("CCO", "ethanol")
    protocol = Protocol("nve", production_ps, equilibration_ps=0.1)
    run = run_protocol(
        ethanol.molecule, ethanol.numbers, ethanol.positions, ethanol.bonds, get_calculator(spec), protocol, seed=1
    )
    print(f"outcome: {run.outcome.kind} at {run.outcome.time_ps:.2f} ps {run.outcome.cause}")
    drift = energy_drift(run.log_time_fs, run.potential_energy + run.kinetic_energy, len(run.numbers))
    print(f"drift {drift.drift:.3f} +- {drift.standard_error_mev_per_atom_per_ps:.3f} meV/atom/ps")


if __name__ == "__main__":
    main()
