"""Short MD of one molecule with the guard on, how it ended, and the guard on an ASE script's own dynamics.

python examples/guarded_run.py        prints:

    outcome: completed at 0.20 ps
    drift 0.014 +- 0.143 meV/atom/ps
    own dynamics: exploded at 0.0035 ps: temperature reached 5523 K (limit 5000) (atoms ())
"""

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin

from compcalc import get_calculator
from compcalc.dynamics import Guard, Unstable, run_nve
from compcalc.metrics.drift import energy_drift
from compcalc.molecules.own import own_molecule


def main(spec: str = "tblite:GFN2-xTB", production_ps: float = 0.2) -> None:
    """NVE of ethanol with `spec`: outcome and energy drift. Then Langevin at 20000 K, which it does not survive."""
    ethanol = own_molecule("CCO", "ethanol")
    atoms = Atoms(ethanol.numbers, ethanol.positions, calculator=get_calculator(spec))

    run = run_nve(atoms, ps=production_ps, equilibration_ps=0.1, bonds=ethanol.bonds, seed=1)
    print(f"outcome: {run.outcome.kind} at {run.outcome.time_ps:.2f} ps {run.outcome.cause}".rstrip())
    drift = energy_drift(run.log_time_fs, run.potential_energy + run.kinetic_energy, len(run.numbers))
    print(f"drift {drift.drift:.3f} +- {drift.standard_error_mev_per_atom_per_ps:.3f} meV/atom/ps")

    thermostat = {"temperature_K": 20000, "friction": 0.05 / units.fs, "rng": np.random.default_rng(1)}
    dynamics = Langevin(atoms, 0.5 * units.fs, fixcm=False, **thermostat)
    guard = Guard.attach(dynamics, bonds=ethanol.bonds)
    try:
        dynamics.run(2000)
    except Unstable as end:
        print(f"own dynamics: {end} (atoms {guard.outcome.atoms})")


if __name__ == "__main__":
    main()
