"""What a run needs before a potential is touched: molecules, preset and reference data, all checked."""

from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from compcalc.calculators import Spec, get_scheme, parse_spec
from compcalc.dynamics.protocols import Preset, get_preset
from compcalc.errors import InputError, MissingDependencyError, UnknownNameError
from compcalc.pipeline.settings import RunSettings
from compcalc.records import Frames, Geometries
from compcalc.reference.dataset import DataSet
from compcalc.tasks import Task, get_task


class RunInput:
    """Settings whose names exist, and the molecules that they name.

    Args:
        settings: what to do.

    Attributes:
        task: the task; None for molecules of the user's own.
        id_frames: labelled geometries of molecules that a model of the task was trained on.
        ood_frames: of unseen molecules.
        starts: geometries of the molecules that dynamics are run of.
        examined: geometries of the molecules whose potential energy surface is checked one by one.
        refused: molecule -> why it is left out.

    Raises:
        CompcalcError: an unknown name.
    """

    task: Task | None = None
    id_frames: list[Frames]
    ood_frames: list[Frames]
    starts: list[Frames] | list[Geometries]
    examined: list[Geometries]
    refused: dict[str, str]

    def __init__(self, settings: RunSettings):
        self.settings = settings
        self.preset: Preset = _preset(settings)
        self.spec: Spec = parse_spec(settings.spec)
        self.id_frames, self.ood_frames, self.starts, self.examined = [], [], [], []
        self.refused = {}

    @property
    def frames(self) -> list[Frames]:
        """All labelled geometries."""
        return self.id_frames + self.ood_frames

    @property
    def method(self) -> str | None:
        """Spec of the method that the labels come from; None where there are none."""
        return self.described_data()["method"]

    @cached_property
    def method_files(self) -> dict[str, str]:
        """File name -> SHA-256 of the files that the method of reference dynamics is made of."""
        return parse_spec(self.method).file_hashes() if self.settings.reference_replicas else {}

    @property
    def tried(self) -> list[Frames | Geometries]:
        """A geometry of every molecule, on which a potential is tried before the run."""
        known = {f.molecule.name: f for f in [*self.frames, *self.starts]}
        return list(known.values())

    @property
    def most_tasks(self) -> int:
        """Tasks that can be under way at the same time: molecules, and for dynamics protocols of each."""
        parts = {
            "static": len(self.frames) + len(self.examined),
            "md": len(self.starts) * len(self.preset.protocols) * (1 + self.settings.reference_replicas),
        }
        return sum(n for part, n in parts.items() if self.settings.only in ("all", part))

    @property
    def subject(self) -> str:
        """What the potential is tested on, as a part of the run's name."""
        raise NotImplementedError

    @cached_property
    def name(self) -> str:
        """Of the run in its directory: potential, subject, preset and, where it is not 0, seed."""
        words = f"{self.spec.text}-{self.subject}-{self.preset.name}"
        return slug(words + (f"-seed{self.settings.seed}" if self.settings.seed else ""))

    def facts(self) -> dict[str, Any]:
        """What two runs of the same name must agree on, with the potential and the versions; JSON-able."""
        protocols = [asdict(protocol) for protocol in self.preset.protocols]
        return {"spec": self.spec.text, "task": self.subject, "protocols": protocols, "seed": self.settings.seed}

    def checksums(self) -> dict[str, str]:
        """Molecule -> SHA-256 of its reference frames."""
        return {f.molecule.name: f.attributes["sha256"] for f in self.frames}

    def described_data(self) -> dict[str, Any]:
        """Where the labels come from, for the manifest; JSON-able."""
        raise NotImplementedError

    def kept(self) -> dict[str, Any]:
        """What the directory must keep to lay the run out again without looking elsewhere; JSON-able."""
        return {"method_files": self.method_files}

    def refuse_reference(self) -> None:
        """Refuse dynamics of a reference method that cannot be run here, before anything is computed.

        Raises:
            CompcalcError: there is no such method, or its package is not installed.
        """
        got, method = self.settings.reference_replicas, self.method
        if not got:
            return
        if method is None:
            remedy = "Take a data set whose description names its method, as a potential."
            raise InputError("reference_replicas", got, "0 for data without a method of their own", remedy)
        spec = parse_spec(method)
        try:
            scheme = get_scheme(spec.scheme)
        except UnknownNameError as error:
            remedy = "`compcalc calculators` lists what can be run."
            raise InputError("reference_replicas", got, f"0 for data labelled by {method!r}", remedy) from error
        missing = scheme.missing() if spec.python is None else []
        if missing:
            raise MissingDependencyError(f"{method}, which --reference-md runs", missing[0], scheme.install)


class TaskInput(RunInput):
    """A task and its data.

    Raises:
        CompcalcError: an unknown name, missing or damaged data.
    """

    def __init__(self, settings: RunSettings):
        super().__init__(settings)
        self.task = get_task(settings.task, settings.variant)
        self.dataset = DataSet(settings.data)
        self.id_frames = self._frames(self.task.train) if settings.only != "md" else []
        self.ood_frames = self._frames(self.task.ood)
        self.starts = self.ood_frames

    @property
    def subject(self) -> str:
        return f"{self.task.task}-{self.task.variant}"

    def described_data(self) -> dict[str, Any]:
        return {
            "path": "shipped" if self.settings.data is None else str(self.settings.data),
            "method": self.dataset.description.get("method"),
            "description": self.dataset.description,
        }

    def _frames(self, molecules) -> list[Frames]:
        return [self.dataset.frames(molecule, "B") for molecule in molecules]


def slug(text: str, most: int = 120) -> str:
    """`text` as part of a file name."""
    return "".join(c if c.isalnum() or c in "._" else "-" for c in text).strip("-.")[-most:].strip("-.")


def _preset(settings: RunSettings) -> Preset:
    preset = get_preset(settings.preset)
    return preset if settings.replicas is None else replace(preset, replicas=settings.replicas)
