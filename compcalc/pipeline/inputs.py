"""What a run needs before a potential is touched: task, preset and data, all checked."""

from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from compcalc.calculators import Spec, parse_spec
from compcalc.dynamics.protocols import Preset, get_preset
from compcalc.pipeline.settings import RunSettings
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.tasks import Task, get_task


class RunInput:
    """Settings whose names and data exist.

    Args:
        settings: what to do.

    Raises:
        CompcalcError: an unknown name, missing or damaged data.
    """

    def __init__(self, settings: RunSettings):
        self.settings = settings
        self.task: Task = get_task(settings.task, settings.variant)
        self.preset: Preset = _preset(settings)
        self.spec: Spec = parse_spec(settings.spec)
        self.dataset = DataSet(settings.data)
        self.id_frames = self._frames(self.task.train) if settings.only != "md" else []
        self.ood_frames = self._frames(self.task.ood)

    @property
    def frames(self) -> list[Frames]:
        """Of the ID and the OOD molecules."""
        return self.id_frames + self.ood_frames

    @property
    def most_tasks(self) -> int:
        """Tasks that can be under way at the same time: molecules, and for dynamics protocols of each."""
        parts = {"static": len(self.frames), "md": len(self.ood_frames) * len(self.preset.protocols)}
        return sum(n for part, n in parts.items() if self.settings.only in ("all", part))

    @cached_property
    def name(self) -> str:
        """Of the run in its directory: potential, task, preset and, where it is not 0, seed."""
        words = f"{self.spec.text}-{self.task.task}-{self.task.variant}-{self.preset.name}"
        return slug(words + (f"-seed{self.settings.seed}" if self.settings.seed else ""))

    def facts(self) -> dict[str, Any]:
        """What two runs of the same name must agree on, with the potential and the versions; JSON-able."""
        protocols = [asdict(protocol) for protocol in self.preset.protocols]
        return {"spec": self.spec.text, "task": self.task.name, "protocols": protocols, "seed": self.settings.seed}

    def checksums(self) -> dict[str, str]:
        """Molecule -> SHA-256 of its reference frames."""
        return {f.molecule.name: f.attributes["sha256"] for f in self.frames}

    def _frames(self, molecules) -> list[Frames]:
        return [self.dataset.frames(molecule, "B") for molecule in molecules]


def slug(text: str, most: int = 120) -> str:
    """`text` as part of a file name."""
    return "".join(c if c.isalnum() or c in "._" else "-" for c in text).strip("-.")[-most:].strip("-.")


def _preset(settings: RunSettings) -> Preset:
    preset = get_preset(settings.preset)
    return preset if settings.replicas is None else replace(preset, replicas=settings.replicas)
