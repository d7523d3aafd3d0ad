"""The half-step control of an NVE run: its first part once more, at half of the time step."""

import numpy as np

from compcalc.dynamics.recorder import Recorder

CONTROL_LOG = ("potential_energy", "kinetic_energy")
"""What a control logs."""


def control_arrays(recorder: Recorder, run: int) -> dict[str, np.ndarray]:
    """What the control of run number `run` logged while its energies were finite, by the names in `Trajectory`."""
    log = recorder.arrays(run)
    energy = log["potential_energy"] + log["kinetic_energy"]
    sound = int(np.argmin(np.append(np.isfinite(energy), False)))
    return {"control_time_fs": log["log_time_fs"][:sound], "control_energy": energy[:sound]}
