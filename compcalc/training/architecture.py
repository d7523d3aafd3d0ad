"""What an architecture is: settings, a function that fits it, and how what it made is loaded."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from compcalc.errors import CompcalcError, MissingDependencyError
from compcalc.training.split import TrainingSplit


class TrainingError(CompcalcError):
    """A training ended without a model."""


@dataclass(frozen=True)
class Progress:
    """How far a fit has come.

    Attributes:
        done: steps of whatever the fit counts.
        total: all of them.
        words: what is worth knowing, such as the validation error.
    """

    done: int
    total: int
    words: str = ""


@dataclass(frozen=True)
class Job:
    """What an architecture is fitted to.

    Attributes:
        split: frames to fit, and frames that choose among models; both of molecules and trajectories in distribution.
        atomic_energies: element symbol -> E0, eV.
        directory: for everything the fit writes; what it holds from a fit that was cut off is of the same job.
        seed: of every random number.
        on_progress: to be told of progress.
        minutes: wall time that the fit may take, over all its sessions; None: as much as its settings ask for.
        spent_seconds: wall time of its earlier sessions, s.
    """

    split: TrainingSplit
    atomic_energies: Mapping[str, float]
    directory: Path
    seed: int
    on_progress: Callable[[Progress], None] = lambda progress: None
    minutes: float | None = None
    spent_seconds: float = 0.0


@dataclass(frozen=True)
class Fit:
    """What a fit gives.

    Attributes:
        model: the model file, in the job's directory.
        selection: how the model was chosen, and on what.
        beside: files that have to lie beside the model, under their own names.
        details: numbers of the fit that belong on the model card, JSON-able.
        notes: what a reader of the errors has to know.
    """

    model: Path
    selection: str
    beside: tuple[Path, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Architecture:
    """A kind of model that can be fitted.

    A package adds its own by an entry point in the group `compcalc.architectures` that refers to an Architecture.

    Attributes:
        name: what it is called on the command line.
        summary: one line for the list.
        settings: frozen dataclass whose fields all have defaults; they become options of the command, and what its
            docstring says of them becomes their help. The field called `correction` is left out: it holds the settings
            of the architecture that the field `arch` names, whose options are added. A property `label` becomes part of
            the name of the training.
        fit: fits it. A fit that was cut off is called again with the same job, and goes on from what it finds in the
            job's directory.
        scheme: of the spec by which the model file is loaded.
        file: name of the model file; `{name}` stands for the name of the training.
        requires: import names of the packages it needs.
        install: what to install when one of them is missing.
        prepare: called before a training is begun, with the settings and the symbols of the training molecules'
            elements; refuses what cannot be trained. Gives the settings as they will be, and what else the result
            depends on, such as hashes of files that the settings name, JSON-able.
    """

    name: str
    summary: str
    settings: type
    fit: Callable[[Job, Any], Fit]
    scheme: str
    file: str
    requires: tuple[str, ...] = ()
    install: str = ""
    prepare: Callable[[Any, Collection[str]], tuple[Any, Mapping[str, Any]]] = lambda settings, elements: (settings, {})

    def refuse_missing(self) -> None:
        """Refuse to begin what cannot be ended.

        Raises:
            MissingDependencyError: a package is missing.
        """
        for package in self.requires:
            if find_spec(package) is None:
                raise MissingDependencyError(f"training {self.name}", package, self.install)
