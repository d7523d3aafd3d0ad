"""Truth along a potential's own trajectories: frames labelled by the reference, and predicted once more."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from compcalc.execution import Lost, Result, ResultStore, Unit, content_hash
from compcalc.execution.environment import result_versions
from compcalc.execution.packing import pack_frames, unpack_frames, unpack_prediction, unpack_trajectory
from compcalc.pipeline.inputs import slug
from compcalc.pipeline.prepared import PreparedRun
from compcalc.pipeline.work import MDRun, ReferenceTask, StaticBlock
from compcalc.records import Frames, Molecule
from compcalc.reference.labelling import Labeller
from compcalc.units import FS_PER_PS

FRAMES_A_RUN = 10
"""Frames of each trajectory that are labelled, spread evenly and with the last one among them."""

LABEL_DECIMALS = 6
"""Of labels in eV and eV/angstrom. A self-consistent method is converged no further; its last digits depend on what
the process computed before."""


@dataclass(frozen=True)
class Relabel(ReferenceTask):
    """Payload: geometries of one trajectory are to be labelled.

    Attributes:
        molecule: which molecule.
        numbers: atomic numbers, (N,).
        positions: angstrom, (K, N, 3).
        bonds: atom index pairs, (B, 2).
    """

    molecule: Molecule
    numbers: np.ndarray
    positions: np.ndarray
    bonds: np.ndarray

    @property
    def evaluations(self) -> int:
        """How often the reference is asked."""
        return len(self.positions)

    def compute(self, labeller: Labeller) -> Result:
        """The labelled frames; geometries on which the reference fails are left out."""
        return pack_frames(_labelled(self, labeller))


def relabel_units(prepared: PreparedRun, store: ResultStore) -> list[Unit]:
    """One unit a trajectory that is stored and has frames; none where the run has no reference method."""
    method = prepared.given.method
    return [unit for _, unit in _relabelled(prepared, store, method)] if method else []


def prediction_units(prepared: PreparedRun, store: ResultStore) -> list[Unit]:
    """What the potential says of the labelled frames: one unit a trajectory, once they are labelled."""
    units = []
    for run, labels in _with_labels(prepared, store):
        if len(labels):
            units.append(_prediction_unit(prepared, run, labels))
    return units


def labelled_runs(prepared: PreparedRun, store: ResultStore) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Id of an MD unit -> time (K,) in ps, and predicted and true forces (K, N, 3) in eV/angstrom; where both exist."""
    found = {}
    for run, labels in _with_labels(prepared, store):
        if not len(labels):
            continue
        result = store.read(_prediction_unit(prepared, run, labels))
        if result is not None:
            forces = unpack_prediction(labels.molecule, result).forces
            found[run.id] = (np.array(labels.attributes["time_ps"]), forces, labels.forces)
    return found


def lost_labels(unit: Unit, lost: Lost) -> Result:
    """The result of a unit whose labels were lost: no frames."""
    payload = unit.payload
    none = _frames(payload, np.zeros(0, dtype=int), np.zeros(0), np.zeros((0, len(payload.numbers), 3)))
    return pack_frames(replace(none, attributes={**none.attributes, "cause": f"{lost.kind}: {lost.cause}"}))


def _frames(payload: Relabel, kept: np.ndarray, energy: np.ndarray, forces: np.ndarray) -> Frames:
    """The labelled ones of a payload's geometries; `kept` are their indices, (K,)."""
    return Frames(
        payload.molecule,
        payload.numbers,
        payload.positions[kept],
        energy,
        forces,
        payload.bonds,
        np.zeros(len(kept), dtype=np.int32),
        {"kept": kept.tolist()},
    )


def _labelled(payload: Relabel, labeller: Labeller) -> Frames:
    kept, energies, forces = [], [], []
    for index, positions in enumerate(payload.positions):
        try:
            energy, force = labeller.label(payload.numbers, positions)
        except Exception:  # a geometry on which the reference does not converge, as in an explosion
            continue
        kept.append(index)
        energies.append(round(energy, LABEL_DECIMALS))
        forces.append(np.round(force, LABEL_DECIMALS))
    shape = (len(kept), len(payload.numbers), 3)
    return _frames(payload, np.array(kept, dtype=int), np.array(energies), np.array(forces).reshape(shape))


def _relabelled(prepared: PreparedRun, store: ResultStore, method: str) -> Iterator[tuple[Unit, Unit]]:
    """MD unit, and the unit that labels its frames."""
    for run in prepared.md_units():
        result = store.read(run)
        if result is None or result.lost:
            continue
        trajectory = unpack_trajectory(run.payload.molecule, result)
        chosen = _chosen(trajectory.positions)
        if len(chosen):
            payload = Relabel(
                method, trajectory.molecule, trajectory.numbers, trajectory.positions[chosen], run.payload.bonds
            )
            yield run, _unit(f"units/{slug(method, 60)}/relabelled", run, payload, method)


def _with_labels(prepared: PreparedRun, store: ResultStore) -> Iterator[tuple[Unit, Frames]]:
    """MD unit, and its labelled frames with their times in `attributes`."""
    method = prepared.given.method
    for run, unit in _relabelled(prepared, store, method) if method else ():
        result = store.read(unit)
        if result is None:
            continue
        frames = unpack_frames(unit.payload.molecule, result)
        trajectory = unpack_trajectory(run.payload.molecule, store.read(run))
        times = trajectory.frame_time_fs[_chosen(trajectory.positions)][frames.attributes["kept"]] / FS_PER_PS
        yield run, replace(frames, attributes={**frames.attributes, "time_ps": times.tolist()})


def _prediction_unit(prepared: PreparedRun, run: Unit, labels: Frames) -> Unit:
    payload = StaticBlock(replace(labels, attributes={}))
    return _unit(f"units/{slug(prepared.given.spec.text, 60)}/ontrajectory", run, payload, labels.attributes["kept"])


def _unit(folder: str, run: Unit, payload, *determines) -> Unit:
    # Positions as well as the hash of the run: a trajectory computed anew on another machine has other ones.
    digest = content_hash(run.hash, _fingerprint(payload), result_versions(), *determines)
    return Unit(f"{folder}/{_stem(run.payload)}-{digest[:8]}", payload, digest)


def _fingerprint(payload: Relabel | StaticBlock) -> str:
    positions = payload.positions if isinstance(payload, Relabel) else payload.frames.positions
    return content_hash(np.asarray(positions).tolist())


def _stem(run: MDRun) -> str:
    return f"{run.molecule.file_stem}-{run.protocol.name}-{run.replica}"


def _chosen(positions: np.ndarray) -> np.ndarray:
    """Indices of the frames to label, (K,): finite ones, spread evenly, the last one included."""
    finite = np.flatnonzero(np.isfinite(positions).all(axis=(1, 2)))
    if not len(finite):
        return finite
    return finite[np.unique(np.linspace(0, len(finite) - 1, FRAMES_A_RUN).round().astype(int))]
