"""What the report shows of trajectories themselves: the frames around each event, and distributions of distances.

Symbols in the shapes: B bonds, E event frames, N atoms, H bins.
"""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from compcalc.metrics.distributions import histogram_mae, pair_distance_histogram
from compcalc.records import Frames, Outcome, OutcomeKind, Trajectory
from compcalc.report.failures import run_ending, run_name
from compcalc.report.rows import natural_key
from compcalc.units import FS_PER_PS

BIN_ANGSTROM = 0.1

STEP_ANGSTROM = 0.01
"""To which positions are rounded for the view; a 16-bit integer then reaches 327 angstrom from the centre."""

_FARTHEST = np.iinfo(np.int16).max

MOST_EVENT_BYTES = 2_000_000
"""Of all positions in one report; the events beyond are counted, and lie in the files of the trajectories."""


@dataclass(frozen=True)
class SeenRun:
    """One MD run, for the report to look into.

    Attributes:
        trajectory: the run.
        bonds: bonded pairs at its start, (B, 2).
        reference: frames of the reference method of the same molecule; None where there are none.
    """

    trajectory: Trajectory
    bonds: np.ndarray
    reference: Frames | None = None


@dataclass(frozen=True)
class Event:
    """The last frames of a run that did not complete.

    Attributes:
        run: its name, as in the list of failures.
        ending: how and when it ended, in words.
        cause: a sentence.
        unstable: whether it counts against the potential.
        symbols: of the elements, N.
        radii: covalent radii, angstrom, N.
        bonds: bonded pairs at the start, B.
        atoms: the atoms that the cause names.
        pairs: those of them whose distance tells the story: the bond, or the hydrogen with its old and new partner.
        fragment: the atoms that came off.
        time_fs: fs from the beginning of the event, negative before it, E.
        energy_ev: potential energy less that of the first frame, eV, E; None where there was none.
        positions: base64 of little-endian int16, `STEP_ANGSTROM` each, E x N x 3, about the centre of the first frame
            and turned so that its longest extent is along x and its shortest along z.
    """

    run: str
    ending: str
    cause: str
    unstable: bool
    symbols: list[str]
    radii: list[float]
    bonds: list[list[int]]
    atoms: list[int]
    pairs: list[list[int]]
    fragment: list[int]
    time_fs: list[float]
    energy_ev: list[float | None]
    positions: str


@dataclass(frozen=True)
class Distances:
    """h(r) of the finished NVT runs of one molecule, and that of the reference's frames.

    Attributes:
        molecule: name.
        protocol: name.
        n_runs: replicas that `run` is the mean of.
        mae: integral of |run - reference|: 0 equal, 2 disjoint.
        run: 1/angstrom, (H,), in bins of `BIN_ANGSTROM` from 0.
        reference: the same of the reference.
    """

    molecule: str
    protocol: str
    n_runs: int
    mae: float
    run: np.ndarray
    reference: np.ndarray


@dataclass(frozen=True)
class Seen:
    """Everything that was looked at.

    Attributes:
        events: those that are shown, unstable runs first.
        n_events: how many there are.
        distances: one entry a molecule and NVT protocol, the largest difference first.
    """

    events: list[Event] = field(default_factory=list)
    n_events: int = 0
    distances: list[Distances] = field(default_factory=list)


def look(runs: Iterable[SeenRun]) -> Seen:
    """Go through `runs` once, keeping no more than is shown."""
    events: list[Event] = []
    histograms: dict[tuple[str, str], list[np.ndarray]] = {}
    references: dict[str, np.ndarray] = {}
    for seen in runs:
        trajectory, name = seen.trajectory, seen.trajectory.molecule.name
        if trajectory.outcome.kind is not OutcomeKind.COMPLETED:
            events += [event] if (event := _event(trajectory, seen.bonds)) else []
        elif _comparable(seen):
            if name not in references:
                references[name] = _histogram(seen.reference.positions)
            histograms.setdefault((name, trajectory.protocol), []).append(_histogram(trajectory.positions))
    distances = [_distances(*key, found, references[key[0]]) for key, found in histograms.items()]
    shown = _within_budget(events)
    return Seen(shown, len(events), sorted(distances, key=lambda one: -one.mae))


def _comparable(seen: SeenRun) -> bool:
    """Whether h(r) of the run is to be compared with the reference's."""
    trajectory, reference = seen.trajectory, seen.reference
    return (
        trajectory.ensemble == "nvt"
        and reference is not None
        and len(reference) > 0
        and len(trajectory.positions) > 0
        and len(trajectory.numbers) > 1
        and bool(np.isfinite(trajectory.positions).all())
    )


def _event(trajectory: Trajectory, bonds: np.ndarray) -> Event | None:
    """None where no frame with finite positions was kept."""
    finite = np.isfinite(trajectory.event_positions).all(axis=(1, 2))
    if not finite.any():
        return None
    outcome, positions = trajectory.outcome, trajectory.event_positions[finite]
    energy = trajectory.event_energy[finite]
    known = energy[np.isfinite(energy)]
    facts: dict[str, Any] = {"outcome": str(outcome.kind), "time_ps": outcome.time_ps, "phase": outcome.phase}
    named = {"molecule": trajectory.molecule.name, "protocol": trajectory.protocol, "replica": trajectory.replica}
    return Event(
        run=run_name(named),
        ending=run_ending(facts),
        cause=outcome.cause,
        unstable=outcome.kind.unstable,
        symbols=[chemical_symbols[z] for z in trajectory.numbers],
        radii=[round(float(covalent_radii[z]), 2) for z in trajectory.numbers],
        bonds=np.asarray(bonds, dtype=int).reshape(-1, 2).tolist(),
        atoms=[int(atom) for atom in outcome.atoms],
        pairs=_pairs(outcome),
        fragment=[int(atom) for atom in outcome.fragment],
        time_fs=[round(float(t) - outcome.time_ps * FS_PER_PS, 2) for t in trajectory.event_time_fs[finite]],
        energy_ev=[round(float(e - known[0]), 4) if np.isfinite(e) else None for e in energy],
        positions=_packed(positions),
    )


def _pairs(outcome: Outcome) -> list[list[int]]:
    if outcome.kind in (OutcomeKind.BOND_BROKEN, OutcomeKind.BOND_FORMED, OutcomeKind.PROTON_TRANSFER):
        first, *others = map(int, outcome.atoms)
        return [[first, other] for other in others]
    return []


def _packed(positions: np.ndarray) -> str:
    """See `Event.positions`; atoms farther away than an integer reaches stand at its end."""
    first = positions[0] - positions[0].mean(axis=0)
    axes = np.linalg.svd(first)[2]
    axes[2] *= np.sign(np.linalg.det(axes))  # a rotation, not a mirror image
    steps = np.rint((positions - positions[0].mean(axis=0)) @ axes.T / STEP_ANGSTROM)
    return b64encode(np.clip(steps, -_FARTHEST, _FARTHEST).astype("<i2").tobytes()).decode("ascii")


def _within_budget(events: list[Event]) -> list[Event]:
    """The events to show: unstable runs before others, and each molecule before the second run of one."""
    seen: dict[str, int] = {}
    ranked = []
    for event in events:
        molecule = event.run.rsplit(",", 2)[0]
        seen[molecule] = seen.get(molecule, 0) + 1
        ranked.append((not event.unstable, seen[molecule], len(ranked), event))
    kept, used = [], 0
    for *_, event in sorted(ranked):
        used += len(event.positions)
        if used <= MOST_EVENT_BYTES:
            kept.append(event)
    return sorted(kept, key=lambda event: (not event.unstable, natural_key(event.run)))


def _histogram(positions: np.ndarray) -> np.ndarray:
    """h(r) up to the largest distance that there can be, (H,)."""
    span = float(np.ptp(positions, axis=1).max())
    r_max = max(1, int(np.ceil(np.sqrt(3) * span / BIN_ANGSTROM))) * BIN_ANGSTROM
    return pair_distance_histogram(positions, r_max, BIN_ANGSTROM)


def _distances(molecule: str, protocol: str, runs: list[np.ndarray], reference: np.ndarray) -> Distances:
    bins = max(len(h) for h in (*runs, reference))
    *padded, reference = (np.pad(h, (0, bins - len(h))) for h in (*runs, reference))
    run = np.mean(padded, axis=0)
    used = int(np.flatnonzero(run + reference).max(initial=0)) + 2
    mae = histogram_mae(run, reference, BIN_ANGSTROM)
    return Distances(molecule, protocol, len(runs), mae, run[:used], reference[:used])
