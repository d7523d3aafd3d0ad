"""The model card: everything needed to judge a trained model and to make it again, as JSON beside it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

TEST_NOTE = (
    "fitted to and chosen by frames of trajectory A of the training molecules alone; `id_test` and `ood_test` were "
    "measured once, when the model was final"
)


@dataclass(frozen=True)
class FittedModel:
    """A trained model.

    Attributes:
        name: of the training, as its folder.
        architecture: see `compcalc.training.catalogue`.
        settings: of the architecture.
        task: `task/variant` it was trained on.
        seed: of weights, batches and the split into training and validation frames.
        file: name of the model file.
        sha256: of the model file.
        spec: by which the file is loaded, from the folder that it lies in.
        parameters: number of fitted numbers; None where it is not known.
        train_molecules: names.
        frames: `train` and `validation` -> number of frames.
        data: `method` that labelled the frames, and `hash` of those of the training molecules.
        selection: how the model was chosen, and on what.
        details: numbers of the fit.
        notes: what a reader of the errors has to know.
        errors: `validation`, `id_test` and `ood_test` -> errors in meV/angstrom and meV/atom.
        command: that made it.
        training_seconds: wall time of the fit, over all its sessions, s.
        versions: of the software.
    """

    name: str
    architecture: str
    settings: Mapping[str, Any]
    task: str
    seed: int
    file: str
    sha256: str
    spec: str
    parameters: int | None
    train_molecules: tuple[str, ...]
    frames: Mapping[str, int]
    data: Mapping[str, Any]
    selection: str
    errors: Mapping[str, Mapping[str, Any]]
    command: str
    training_seconds: float
    versions: Mapping[str, str]
    details: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def card(self) -> dict[str, Any]:
        """JSON-able, with a word on what the test errors are."""
        return {**asdict(self), "tests": TEST_NOTE}

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> "FittedModel":
        """The record of a card.

        Raises:
            TypeError: the card is another.
        """
        content = {key: value for key, value in card.items() if key != "tests"}
        for key in ("train_molecules", "notes"):
            content[key] = tuple(content.get(key, ()))
        return cls(**content)
