"""A run laid out as work units, from checked input and a potential that works."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from compcalc.dynamics.protocols import Preset, Protocol
from compcalc.execution import Unit, content_hash
from compcalc.execution.environment import result_versions
from compcalc.pipeline.groups import assign_groups
from compcalc.pipeline.inputs import RunInput, slug
from compcalc.pipeline.potential import Potential
from compcalc.pipeline.settings import RunSettings
from compcalc.pipeline.work import CheckedMolecule, MDRun, ReferenceRun, StaticBlock
from compcalc.records import Frames, Geometries

STAGES = ("checks", "static", "md", "reference_md")
_STAGE_OF = {CheckedMolecule: "checks", StaticBlock: "static", MDRun: "md", ReferenceRun: "reference_md"}


class PreparedRun:
    """The work units of a run. Their ids and hashes depend on what determines their results, and on nothing else.

    Args:
        given: the checked input.
        potential: what is tested.
        groups: runs that advance together, as `assign_groups` made them earlier; new runs form new groups.

    Attributes:
        groups: the same, with those of new runs.
    """

    def __init__(self, given: RunInput, potential: Potential, groups: Sequence[Sequence[str]] = ()):
        self.given, self.potential = given, potential
        self._determines = content_hash(given.spec.text, potential.described, version("compcalc"), result_versions())
        self._runs = self._md_runs(self.preset.replicas)
        sizes = [(name, len(run.numbers)) for name, run in self._runs]
        self.groups = list(groups)
        for protocol in self.preset.protocols:
            mine = [pair for pair in sizes if pair[0].startswith(f"{protocol.name}/")]
            self.groups = assign_groups(self.groups, mine, potential.batch_atoms)

    @property
    def settings(self) -> RunSettings:
        """What is to be done."""
        return self.given.settings

    @property
    def preset(self) -> Preset:
        """The size of the dynamics."""
        return self.given.preset

    @property
    def id_frames(self) -> list[Frames]:
        """Reference frames of the training molecules; none for MD alone, or without a task."""
        return self.given.id_frames

    @property
    def ood_frames(self) -> list[Frames]:
        """Reference frames of the unseen molecules."""
        return self.given.ood_frames

    def facts(self) -> dict[str, Any]:
        """What two runs of the same name must agree on; JSON-able."""
        versions = {"compcalc": version("compcalc"), **result_versions()}
        return {**self.given.facts(), "potential": self.potential.described, "versions": versions}

    def units(self) -> list[Unit]:
        """All of them, in the order of the stages."""
        return self.check_units() + self.static_units() + self.md_units() + self.reference_md_units()

    def check_units(self) -> list[Unit]:
        """One unit a molecule whose potential energy surface is checked."""
        if self.settings.only == "md":
            return []
        return [
            self._unit("checks", one.molecule.file_stem, CheckedMolecule(one), _determines_geometry(one))
            for one in self.given.examined
        ]

    def static_units(self) -> list[Unit]:
        """One unit a molecule: ID molecules first, then OOD."""
        if self.settings.only == "md":
            return []
        return [
            self._unit("static", f.molecule.file_stem, StaticBlock(f), content_hash(f.attributes["sha256"]))
            for f in self.given.frames
        ]

    def md_units(self) -> list[Unit]:
        """One unit a molecule, protocol and replica; grouped to advance together where the potential batches."""
        determines = {name: self._determines_run(run) for name, run in self._runs}
        group_of = {name: group for group in self.groups for name in group}
        units = []
        for name, run in self._runs:
            members = sorted(determines[other] for other in group_of.get(name, ()) if other in determines)
            group = content_hash(*members) if members else None
            stem = f"{run.molecule.file_stem}-{run.protocol.name}-{run.replica}"
            units.append(self._unit("md", stem, run, content_hash(determines[name], group), group))
        return units

    def reference_md_units(self) -> list[Unit]:
        """One unit a molecule, protocol and replica that is run with the reference method.

        They do not depend on the potential: other potentials and tasks of the directory have the same.
        """
        method = self.given.method
        runs = self._md_runs(self.settings.reference_replicas)
        common = [method, self.given.method_files, version("compcalc"), result_versions()] if runs else []
        units = []
        for _, run in runs:
            digest = content_hash("reference_md", common, self._determines_run(run))
            stem = f"{run.molecule.file_stem}-{run.protocol.name}-{run.replica}-{digest[:8]}"
            payload = ReferenceRun(**vars(run), method=method)
            units.append(Unit(f"units/{slug(method, 60)}/reference-md/{stem}", payload, digest))
        return units

    def _md_runs(self, replicas: int) -> list[tuple[str, MDRun]]:
        if self.settings.only == "static":
            return []
        return [pair for protocol in self.preset.protocols for pair in self._protocol_runs(protocol, replicas)]

    def _protocol_runs(self, protocol: Protocol, replicas: int) -> list[tuple[str, MDRun]]:
        runs = []
        # Largest first, in an order that leaves no worker alone with a large one at the end.
        for frames in sorted(self.given.starts, key=lambda frames: -len(frames.numbers)):
            for replica in range(replicas):
                start = _start_frame(replica, len(frames))
                run = MDRun(
                    frames.molecule,
                    frames.numbers,
                    frames.positions[start],
                    frames.bonds,
                    protocol,
                    replica,
                    self.settings.seed,
                )
                runs.append((f"{protocol.name}/{frames.molecule.name}/{replica}", run))
        return runs

    def _determines_run(self, run: MDRun) -> str:
        protocol = asdict(run.protocol)
        return content_hash(run.molecule.name, _determines_geometry(run), protocol, run.replica, run.seed)

    def _unit(self, stage: str, stem: str, payload, determines: str, group: str | None = None) -> Unit:
        digest = content_hash(self._determines, stage, determines)
        return Unit(f"units/{slug(self.given.spec.text, 60)}/{stage}/{stem}-{digest[:8]}", payload, digest, group)


def in_order(runs: Sequence[PreparedRun]) -> dict[str, Unit]:
    """Id -> units of several runs, each once; what takes long first, so that the rest fills the gaps at the end.

    Dynamics before the other stages, and within a stage by the work of a unit, or of those that advance with it.
    """
    units = {unit.id: unit for run in runs for unit in run.units()}
    work: dict[str, int] = {}
    for unit in units.values():
        together = unit.group or unit.id
        work[together] = work.get(together, 0) + unit.payload.evaluations * len(unit.payload.numbers)

    def place(unit: Unit) -> tuple[int, int]:
        return -STAGES.index(stage_of(unit)), -work[unit.group or unit.id]

    return {unit.id: unit for unit in sorted(units.values(), key=place)}


def stage_of(unit: Unit) -> str:
    """One of `STAGES`."""
    return _STAGE_OF[type(unit.payload)]


def _determines_geometry(one: Geometries | MDRun) -> str:
    return content_hash(one.numbers.tolist(), one.positions.tolist(), one.bonds.tolist())


def _start_frame(replica: int, n_frames: int) -> int:
    """Where a replica starts: spread over the frames, and the same however many replicas there are in the end.

    The fractions are those of the van der Corput sequence in base 2: 0, 1/2, 1/4, 3/4, 1/8, ...
    """
    fraction, weight = 0.0, 0.5
    while replica:
        fraction += weight * (replica & 1)
        replica, weight = replica >> 1, weight / 2
    return int(fraction * n_frames)
