"""Records to and from unit results: arrays as they are, everything else as JSON-able facts."""

import numpy as np

from compcalc.execution.store import Result
from compcalc.records import Frames, Molecule, Outcome, OutcomeKind, Prediction, Trajectory

_FRAMES_ARRAYS = ("numbers", "positions", "energy", "forces", "bonds", "start")
_TRAJECTORY_ARRAYS = (
    "numbers",
    "log_time_fs",
    "potential_energy",
    "kinetic_energy",
    "temperature",
    "frame_time_fs",
    "positions",
    "velocities",
)
_TRAJECTORY_EXTRAS = (
    "event_time_fs",
    "event_positions",
    "event_energy",
    "control_time_fs",
    "control_energy",
    "work",
    "coarse_work",
    "heat",
    "net_force",
    "net_torque",
    "dense_time_fs",
    "dense_velocities",
)
"""Arrays that a stored trajectory may lack."""
_TRAJECTORY_FACTS = ("protocol", "replica", "degrees_of_freedom", "n_steps", "seconds")


def pack_frames(frames: Frames) -> Result:
    """Result of sampling one trajectory; the attributes must be JSON-able."""
    return Result({name: getattr(frames, name) for name in _FRAMES_ARRAYS}, dict(frames.attributes))


def unpack_frames(molecule: Molecule, result: Result) -> Frames:
    """The frames in such a result."""
    arrays = {name: result.arrays[name] for name in _FRAMES_ARRAYS}
    return Frames(molecule=molecule, attributes=result.meta, **arrays)


def pack_prediction(prediction: Prediction) -> Result:
    """Result of a static unit."""
    failures = {str(k): v for k, v in prediction.failures.items()}
    spread = {} if prediction.spread is None else {"spread": prediction.spread}
    facts = {
        "molecule": prediction.molecule.name,
        "failures": failures,
        "seconds": prediction.seconds,
        "batch_difference": prediction.batch_difference,
    }
    return Result({"energy": prediction.energy, "forces": prediction.forces, **spread}, facts)


def unpack_prediction(molecule: Molecule, result: Result) -> Prediction:
    """The prediction in a static unit's result."""
    failures = {int(k): v for k, v in result.meta["failures"].items()}
    return Prediction(
        molecule,
        result.arrays["energy"],
        result.arrays["forces"],
        failures,
        result.meta["seconds"],
        result.arrays.get("spread"),
        result.meta.get("batch_difference"),
    )


def lost_prediction(frames: Frames, reason: str) -> Prediction:
    """A prediction in which every frame failed for `reason`."""
    failures = dict.fromkeys(range(len(frames)), reason)
    return Prediction(frames.molecule, np.full(len(frames), np.nan), np.full(frames.forces.shape, np.nan), failures)


def pack_trajectory(trajectory: Trajectory) -> Result:
    """Result of a dynamic unit."""
    outcome = trajectory.outcome
    facts = {name: getattr(trajectory, name) for name in _TRAJECTORY_FACTS}
    arrays = {name: getattr(trajectory, name) for name in _TRAJECTORY_ARRAYS + _TRAJECTORY_EXTRAS}
    return Result(
        {name: array for name, array in arrays.items() if array is not None},
        {
            **facts,
            "molecule": trajectory.molecule.name,
            "kind": trajectory.kind,
            "outcome": {
                "kind": str(outcome.kind),
                "time_ps": outcome.time_ps,
                "cause": outcome.cause,
                "atoms": [int(atom) for atom in outcome.atoms],
                "phase": outcome.phase,
                "fragment": [int(atom) for atom in outcome.fragment],
            },
        },
    )


def unpack_trajectory(molecule: Molecule, result: Result) -> Trajectory:
    """The trajectory in a dynamic unit's result."""
    ended = result.meta["outcome"]
    outcome = Outcome(
        OutcomeKind(ended["kind"]),
        ended["time_ps"],
        ended["cause"],
        tuple(ended["atoms"]),
        ended["phase"],
        tuple(ended.get("fragment", ())),
    )
    facts = {name: result.meta[name] for name in _TRAJECTORY_FACTS}
    arrays = {name: result.arrays[name] for name in _TRAJECTORY_ARRAYS}
    extras = {name: result.arrays.get(name) for name in _TRAJECTORY_EXTRAS}
    kind = result.meta.get("kind", "")
    return Trajectory(molecule=molecule, outcome=outcome, kind=kind, **arrays, **extras, **facts)


def lost_trajectory(
    molecule: Molecule, protocol: str, replica: int, numbers: np.ndarray, kind: OutcomeKind, cause: str
) -> Trajectory:
    """A trajectory without a single frame, of a run whose process was lost."""
    n = len(numbers)
    empty, frames = np.empty(0), np.empty((0, n, 3))
    return Trajectory(
        molecule=molecule,
        protocol=protocol,
        replica=replica,
        numbers=np.asarray(numbers),
        log_time_fs=empty,
        potential_energy=empty,
        kinetic_energy=empty,
        temperature=empty,
        degrees_of_freedom=3 * n,
        frame_time_fs=empty,
        positions=frames,
        velocities=frames,
        outcome=Outcome(kind, 0.0, cause),
        n_steps=0,
    )
