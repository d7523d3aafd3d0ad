"""Frozen, shape-checked records that pass between the stages.

Symbols in the shapes: T frames, N atoms, M molecules of a batch, A atoms of a batch, B bonds, S logged steps, F stored
frames, E event frames, K logged steps of a control, V steps with dense velocities. Units as in `compcalc.units`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from compcalc.errors import InputError


@dataclass(frozen=True)
class Molecule:
    """A molecule by name and SMILES, without a geometry.

    Attributes:
        name: `family/n` for a family molecule, else what the user called it.
        smiles: SMILES with implicit hydrogens; empty where only a geometry is known.
    """

    name: str
    smiles: str

    @property
    def file_stem(self) -> str:
        """The name in a form that is safe as a file name."""
        return "".join(c if c.isalnum() or c in "._" else "-" for c in self.name)


@dataclass(frozen=True)
class Batch:
    """Isolated molecules side by side, for one evaluation of all.

    Attributes:
        numbers: atomic numbers of all molecules one after the other, (A,).
        positions: angstrom, (A, 3).
        offsets: first atom of each molecule, and A at the end, (M + 1,).
    """

    numbers: np.ndarray
    positions: np.ndarray
    offsets: np.ndarray

    def __post_init__(self):
        total = len(self.numbers)
        _check_shapes(self, numbers=(total,), positions=(total, 3), offsets=(len(self.offsets),))
        if (
            len(self.offsets) < 2
            or self.offsets[0] != 0
            or self.offsets[-1] != total
            or np.any(np.diff(self.offsets) < 1)
        ):
            raise InputError("offsets", self.offsets.tolist(), f"ascending from 0 to {total}, one more than molecules")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> np.ndarray:
        """Number of atoms of each molecule, (M,)."""
        return np.diff(self.offsets)

    def moved(self, positions: np.ndarray) -> "Batch":
        """The same molecules at other positions, angstrom, (A, 3); nothing else is checked again.

        Raises:
            InputError: another shape.
        """
        if np.shape(positions) != self.positions.shape:
            raise InputError("Batch.positions", np.shape(positions), f"shape {self.positions.shape}")
        batch = object.__new__(Batch)
        batch.__dict__.update(self.__dict__, positions=positions)
        return batch

    @classmethod
    def of(cls, molecules: Sequence[tuple[np.ndarray, np.ndarray]]) -> "Batch":
        """From the numbers (N,) and positions (N, 3) of each molecule."""
        sizes = [len(numbers) for numbers, _ in molecules]
        return cls(
            np.concatenate([numbers for numbers, _ in molecules]).astype(np.int64),
            np.concatenate([positions for _, positions in molecules]).astype(float),
            np.concatenate([[0], np.cumsum(sizes)]),
        )


@dataclass(frozen=True)
class BatchResult:
    """What a potential says of a batch.

    Attributes:
        energies: eV, (M,).
        forces: eV/angstrom, (A, 3).
        spread: standard deviation over an ensemble's members, eV, (M,); None where there is no ensemble.
    """

    energies: np.ndarray
    forces: np.ndarray
    spread: np.ndarray | None = None


@dataclass(frozen=True)
class Frames:
    """Labelled geometries of one molecule.

    Attributes:
        molecule: which molecule.
        numbers: atomic numbers, (N,).
        positions: angstrom, (T, N, 3).
        energy: eV, (T,).
        forces: eV/angstrom, (T, N, 3).
        bonds: atom index pairs, (B, 2).
        start: index of the starting conformer of each frame, (T,).
        attributes: method, sampler, temperature, seed, versions, evidence.
    """

    molecule: Molecule
    numbers: np.ndarray
    positions: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    bonds: np.ndarray
    start: np.ndarray
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        n, t = len(self.numbers), len(self.energy)
        _check_shapes(
            self,
            numbers=(n,),
            positions=(t, n, 3),
            energy=(t,),
            forces=(t, n, 3),
            bonds=(len(self.bonds), 2),
            start=(t,),
        )
        _check_finite(self, "positions", "energy", "forces")

    def __len__(self) -> int:
        return len(self.energy)

    def select(self, index: slice | np.ndarray) -> "Frames":
        """The frames at `index` of the first axis."""
        return Frames(
            molecule=self.molecule,
            numbers=self.numbers,
            positions=self.positions[index],
            energy=self.energy[index],
            forces=self.forces[index],
            bonds=self.bonds,
            start=self.start[index],
            attributes=self.attributes,
        )


@dataclass(frozen=True)
class Geometries:
    """Geometries of one molecule without labels: where dynamics start, and what checks are made on.

    Attributes:
        molecule: which molecule.
        numbers: atomic numbers, (N,).
        positions: angstrom, (T, N, 3).
        bonds: atom index pairs, (B, 2).
    """

    molecule: Molecule
    numbers: np.ndarray
    positions: np.ndarray
    bonds: np.ndarray

    def __post_init__(self):
        n = len(self.numbers)
        _check_shapes(self, numbers=(n,), positions=(len(self.positions), n, 3), bonds=(len(self.bonds), 2))
        _check_finite(self, "positions")

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Prediction:
    """What a potential says of the frames of one molecule.

    A frame that failed has NaN in `energy` and `forces` and its reason in `failures`.

    Attributes:
        molecule: which molecule.
        energy: eV, (T,).
        forces: eV/angstrom, (T, N, 3).
        failures: frame index -> reason.
        seconds: wall time of the whole block, s.
        spread: sample standard deviation of the energies of an ensemble's members, eV, (T,); None where the potential
            is no ensemble.
        batch_difference: largest difference of a force component between batched and single evaluations, eV/angstrom;
            None where nothing was batched.
    """

    molecule: Molecule
    energy: np.ndarray
    forces: np.ndarray
    failures: Mapping[int, str] = field(default_factory=dict)
    seconds: float = float("nan")
    spread: np.ndarray | None = None
    batch_difference: float | None = None

    def __post_init__(self):
        if self.spread is not None:
            _check_shapes(self, spread=(len(self.energy),))
        t, n = len(self.energy), np.shape(self.forces)[1] if np.ndim(self.forces) == 3 else -1
        _check_shapes(self, energy=(t,), forces=(t, n, 3))

    @property
    def good(self) -> np.ndarray:
        """Mask of the frames that did not fail, (T,) bool."""
        mask = np.ones(len(self.energy), dtype=bool)
        mask[list(self.failures)] = False
        return mask


class OutcomeKind(StrEnum):
    """How a run ended. Only the physical kinds count against the stability of a potential."""

    COMPLETED = "completed"
    BOND_BROKEN = "bond_broken"
    BOND_FORMED = "bond_formed"
    PROTON_TRANSFER = "proton_transfer"
    EXPLODED = "exploded"
    NON_FINITE = "non_finite"
    CALCULATOR_ERROR = "calculator_error"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"

    @property
    def physical(self) -> bool:
        """Whether this outcome says something about the potential's stability."""
        return self in _PHYSICAL

    @property
    def unstable(self) -> bool:
        """A physical outcome other than completion."""
        return self.physical and self is not OutcomeKind.COMPLETED


_PHYSICAL = frozenset(
    {
        OutcomeKind.COMPLETED,
        OutcomeKind.BOND_BROKEN,
        OutcomeKind.BOND_FORMED,
        OutcomeKind.PROTON_TRANSFER,
        OutcomeKind.EXPLODED,
        OutcomeKind.NON_FINITE,
    }
)


@dataclass(frozen=True)
class Outcome:
    """The one way in which a run ended.

    Attributes:
        kind: see `OutcomeKind`.
        time_ps: time of the event from the start of the phase it happened in, ps.
        cause: a sentence that names the atoms, values and limits.
        atoms: indices of the atoms concerned.
        phase: `equilibration` or `production`.
        fragment: indices of the atoms that came off, where a broken bond set some free.
    """

    kind: OutcomeKind
    time_ps: float
    cause: str = ""
    atoms: tuple[int, ...] = ()
    phase: str = "production"
    fragment: tuple[int, ...] = ()


@dataclass(frozen=True)
class Trajectory:
    """The record of one MD run: a log of scalars, and frames at wider spacing.

    Attributes:
        molecule: which molecule.
        protocol: name of the protocol.
        replica: index of the replica.
        numbers: atomic numbers, (N,).
        log_time_fs: fs from the start of production, (S,).
        potential_energy: eV, (S,).
        kinetic_energy: eV, (S,).
        temperature: K, counted over `degrees_of_freedom`, (S,); NaN where there are none.
        degrees_of_freedom: what the temperature is counted over.
        frame_time_fs: fs, (F,).
        positions: angstrom, (F, N, 3).
        velocities: angstrom/fs, (F, N, 3).
        outcome: how the run ended.
        n_steps: time steps made, equilibration included.
        seconds: wall time, s.
        event_time_fs: times of the last steps of a run that did not complete, fs from the start of the outcome's phase,
            (E,).
        event_positions: angstrom, (E, N, 3).
        event_energy: potential energy, eV, (E,); NaN where the potential gave none.
        control_time_fs: fs from the start of production, of the same run at half of the time step, (K,).
        control_energy: its potential plus kinetic energy, eV, (K,).
        kind: `nve`, `nvt` or `heat`; empty where the protocol's name says it.
        work: of the forces since the start of production, eV, (S,); this and the next are None where nobody kept them.
        coarse_work: the same from every second step, eV, (S,).
        heat: what the thermostat gave since the start of production, eV, (S,).
        net_force: norm of the sum of all forces, eV/angstrom, (F,).
        net_torque: norm of their torque about the centre of mass, eV, (F,).
        dense_time_fs: fs from the start of production, of the first part, in which velocities are kept more often than
            frames, (V,).
        dense_velocities: angstrom/fs, (V, N, 3), single precision.
    """

    molecule: Molecule
    protocol: str
    replica: int
    numbers: np.ndarray
    log_time_fs: np.ndarray
    potential_energy: np.ndarray
    kinetic_energy: np.ndarray
    temperature: np.ndarray
    degrees_of_freedom: int
    frame_time_fs: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    outcome: Outcome
    n_steps: int
    seconds: float = float("nan")
    event_time_fs: np.ndarray | None = None
    event_positions: np.ndarray | None = None
    event_energy: np.ndarray | None = None
    control_time_fs: np.ndarray | None = None
    control_energy: np.ndarray | None = None
    kind: str = ""
    work: np.ndarray | None = None
    coarse_work: np.ndarray | None = None
    heat: np.ndarray | None = None
    net_force: np.ndarray | None = None
    net_torque: np.ndarray | None = None
    dense_time_fs: np.ndarray | None = None
    dense_velocities: np.ndarray | None = None

    def __post_init__(self):
        s, f, n = len(self.log_time_fs), len(self.frame_time_fs), len(self.numbers)
        _fill(self, event_time_fs=(0,), event_positions=(0, n, 3), event_energy=(0,))
        _fill(self, control_time_fs=(0,), control_energy=(0,), dense_time_fs=(0,), dense_velocities=(0, n, 3))
        e, k, v = len(self.event_time_fs), len(self.control_time_fs), len(self.dense_time_fs)
        _check_shapes(
            self,
            log_time_fs=(s,),
            potential_energy=(s,),
            kinetic_energy=(s,),
            temperature=(s,),
            frame_time_fs=(f,),
            positions=(f, n, 3),
            velocities=(f, n, 3),
            event_time_fs=(e,),
            event_positions=(e, n, 3),
            event_energy=(e,),
            control_time_fs=(k,),
            control_energy=(k,),
            dense_time_fs=(v,),
            dense_velocities=(v, n, 3),
        )
        kept = {"work": (s,), "coarse_work": (s,), "heat": (s,), "net_force": (f,), "net_torque": (f,)}
        _check_shapes(self, **{name: shape for name, shape in kept.items() if getattr(self, name) is not None})

    @property
    def ensemble(self) -> str:
        """Kind of the protocol: `nve`, `nvt` or `heat`."""
        return self.kind or self.protocol


def _fill(record, **shapes: tuple[int, ...]) -> None:
    """Put empty arrays in the place of those that were not given."""
    for name, shape in shapes.items():
        if getattr(record, name) is None:
            object.__setattr__(record, name, np.empty(shape))


def _check_shapes(record, **expected: tuple[int, ...]) -> None:
    for name, shape in expected.items():
        got = np.shape(getattr(record, name))
        if got != shape:
            raise InputError(f"{type(record).__name__}.{name}", got, f"shape {shape}")


def _check_finite(record, *names: str) -> None:
    for name in names:
        values = getattr(record, name)
        if not np.all(np.isfinite(values)):
            bad = int(np.size(values) - np.isfinite(values).sum())
            raise InputError(f"{type(record).__name__}.{name}", f"{bad} NaN or infinite values", "finite values")
