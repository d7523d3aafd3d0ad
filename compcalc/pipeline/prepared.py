"""A run before its first unit: input checked, potential tried, work units laid out."""

from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

from ase import Atoms

from compcalc.calculators import Spec, get_calculator, parse_spec
from compcalc.checks import Examination
from compcalc.checks.accuracy import evaluate
from compcalc.checks.preflight import batches_well, fatal, preflight
from compcalc.dynamics.protocols import Preset, Protocol, get_preset
from compcalc.errors import CompcalcError
from compcalc.execution import Unit, content_hash
from compcalc.pipeline.settings import RunSettings
from compcalc.pipeline.work import MDRun, StaticBlock
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.tasks import Task, get_task

MOST_IN_LOCKSTEP = 16
"""Runs that advance together at most: more would leave workers idle and the progress bar still."""


class PotentialError(CompcalcError):
    """The potential fails on every molecule of the task, or gives results of other atoms than those it is asked for."""


class PreparedRun:
    """A run whose input has been checked: everything that can be refused has been refused.

    Args:
        settings: what to do.

    Attributes:
        preflight: what the short examination of the potential found.

    Raises:
        CompcalcError: an unknown name, missing or damaged data, a potential that cannot be built, fails everywhere or
            gives results of other atoms than those it is asked for.
    """

    def __init__(self, settings: RunSettings):
        self.settings = settings
        self.task: Task = get_task(settings.task, settings.variant)
        self.preset: Preset = get_preset(settings.preset)
        self.spec: Spec = parse_spec(settings.spec)
        self.dataset = DataSet(settings.data)
        self.id_frames = self._frames(self.task.train) if settings.only != "md" else []
        self.ood_frames = self._frames(self.task.ood)
        self.potential, self.preflight = self._try_potential()
        self.identity = content_hash(
            {
                "spec": self.spec.text,
                "potential": self.potential,
                "task": self.task.name,
                "preset": asdict(self.preset),
                "only": settings.only,
                "seed": settings.seed,
                "data": self._checksums(),
                "compcalc": version("compcalc"),
            }
        )

    def _frames(self, molecules) -> list[Frames]:
        return [self.dataset.frames(molecule, "B") for molecule in molecules]

    def _checksums(self) -> list:
        return [[f.molecule.name, f.attributes["sha256"]] for f in self.id_frames + self.ood_frames]

    def _try_potential(self) -> tuple[dict[str, Any], Examination]:
        """Build the potential, evaluate one frame of each molecule, and examine it on the smallest that works.

        Raises:
            PotentialError: not one molecule works, or results are kept too long.
        """
        calculator = get_calculator(self.spec)
        failures = {}
        groups = self.id_frames + self.ood_frames
        for frames in groups:
            try:
                evaluate(calculator, frames.numbers, frames.positions[0])
            except Exception as error:
                failures[frames.molecule.name] = f"{type(error).__name__}: {error}"
        if len(failures) == len(groups):
            name, reason = next(iter(failures.items()))
            reason = reason.rstrip(".")
            raise PotentialError(
                f"{self.spec.text} fails on all {len(groups)} molecules of {self.task.name}; on {name}: {reason}. "
                "Try the calculator on one molecule in an ASE script, or choose another task."
            )
        working = [frames for frames in groups if frames.molecule.name not in failures]
        found = self._examined(calculator, min(working, key=lambda frames: len(frames.numbers)))
        batches = getattr(calculator, "can_batch", False) and batches_well(found)
        described = {
            "name": getattr(calculator, "label_name", type(calculator).__name__),
            "dtype": getattr(calculator, "dtype", None),
            "sha256": getattr(calculator, "sha256", None),
            "files": self.spec.file_hashes(),
            "batch_atoms": calculator.batch_atoms if batches else None,
        }
        return described, found

    def _examined(self, calculator, frames: Frames) -> Examination:
        found = preflight(calculator, Atoms(frames.numbers, frames.positions[0]))
        reason = fatal(found)
        if reason is not None:
            raise PotentialError(
                f"{self.spec.text} cannot be measured: {reason.title!r} fails on {frames.molecule.name}. "
                f"{reason.message} `compcalc check {self.spec.text}` examines it in full."
            )
        return replace(found, molecule=frames.molecule.name)

    def static_units(self) -> list[Unit]:
        """One unit a molecule and split."""
        if self.settings.only == "md":
            return []
        groups = [("id", f) for f in self.id_frames] + [("ood", f) for f in self.ood_frames]
        return [self._unit(f"predictions/{s}/{f.molecule.file_stem}", StaticBlock(f)) for s, f in groups]

    def md_units(self) -> list[Unit]:
        """One unit an OOD molecule, protocol and replica; grouped to advance together where the potential batches."""
        if self.settings.only == "static":
            return []
        return [unit for protocol in self.preset.protocols for unit in self._protocol_units(protocol)]

    def _protocol_units(self, protocol: Protocol) -> list[Unit]:
        runs = [(frames, replica) for frames in self._largest_first() for replica in range(self.preset.replicas)]
        groups = self._groups([len(frames.numbers) for frames, _ in runs], protocol.name)
        units = []
        for (frames, replica), group in zip(runs, groups, strict=True):
            start = (replica * len(frames)) // self.preset.replicas
            payload = MDRun(
                frames.molecule,
                frames.numbers,
                frames.positions[start],
                frames.bonds,
                protocol,
                replica,
                self.settings.seed,
            )
            stem = f"{frames.molecule.file_stem}-{protocol.name}-{replica}"
            units.append(self._unit(f"trajectories/{stem}", payload, group))
        return units

    def _largest_first(self) -> list[Frames]:
        """The OOD molecules in an order that leaves no worker alone with a large one at the end."""
        return sorted(self.ood_frames, key=lambda frames: -len(frames.numbers))

    def _groups(self, sizes: list[int], protocol: str) -> list[str | None]:
        """Names of the groups that advance in lockstep: as many atoms as a batch of the potential pays for.

        They depend on the potential and the molecules alone, not on the number of workers or on what is left to do, so
        that a run that goes on rounds in the same way.
        """
        most = self.potential["batch_atoms"]
        if most is None:
            return [None] * len(sizes)
        names, atoms, members, group = [], 0, 0, 0
        for size in sizes:
            if members and (atoms + size > most or members == MOST_IN_LOCKSTEP):
                group, atoms, members = group + 1, 0, 0
            atoms, members = atoms + size, members + 1
            names.append(f"{protocol}-{group}")
        return names

    def _unit(self, name: str, payload, group: str | None = None) -> Unit:
        return Unit(name, payload, content_hash(self.identity, name), group)
