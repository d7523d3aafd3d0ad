"""Fine-tuning of ANI-1x on energies and forces, each member of the ensemble by itself."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols

from compcalc.calculators.ani import ANI
from compcalc.calculators.ani_environments import SymmetryFunctions
from compcalc.calculators.ani_file import COMMAND, EnsembleFile
from compcalc.calculators.ani_load import SHIPPED, load_ani
from compcalc.calculators.mace_file import checked_device
from compcalc.calculators.model_file import file_hash
from compcalc.errors import DataError, InputError
from compcalc.training.ani_frames import EnvironmentFrames
from compcalc.training.architecture import Architecture, Fit, Job, Progress, TrainingError
from compcalc.training.foundation import energy_shifts, refuse_elements
from compcalc.units import HARTREE_EV, MEV_PER_EV

if TYPE_CHECKING:
    from compcalc.training.ani_loop import Course, State

_SHIPPED = ("ani1x", SHIPPED)


@dataclass(frozen=True)
class ANISettings:
    """What is fine-tuned, and how.

    Attributes:
        init: `ani1x`, or the file of an earlier fine-tuning.
        members: of the ensemble that are fine-tuned and kept, the first ones; default: all.
        epochs: passes over the training frames, at most.
        patience: passes without a lower loss on the validation frames after which the training stops.
        batch_size: frames a step.
        learning_rate: at the start; it falls exponentially to 1%.
        energy_weight: of a squared error per atom, (eV/atom)^2, in the loss.
        forces_weight: of a squared error of a force component, (eV/angstrom)^2, in the loss.
        dtype: `float32` or `float64`.
        device: torch device.
    """

    init: str = "ani1x"
    members: int | None = None
    epochs: int = 40
    patience: int = 10
    batch_size: int = 5
    learning_rate: float = 0.001
    energy_weight: float = 10.0
    forces_weight: float = 1.0
    dtype: str = "float32"
    device: str = "cpu"

    def __post_init__(self):
        for name in ("epochs", "patience", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "1 or more")
        if self.members is not None and not 1 <= self.members <= 8:
            raise InputError("members", self.members, "1 to 8")
        for name in ("learning_rate", "energy_weight", "forces_weight"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(name, getattr(self, name), "above 0")
        if self.dtype not in ("float32", "float64"):
            raise InputError("dtype", self.dtype, "float32, float64")

    @property
    def label(self) -> str:
        """Tells trainings from different models apart, in the names of their folders."""
        return "" if self.init.lower() in _SHIPPED else f"from-{Path(self.init).stem}"

    def course(self, job: Job, spent_seconds: float) -> "Course":
        """How the epochs run, when `spent_seconds` have gone by before the first."""
        from compcalc.training.ani_loop import Course

        names = ("epochs", "patience", "batch_size", "learning_rate", "energy_weight", "forces_weight")
        own = {name: getattr(self, name) for name in names}
        return Course(**own, seed=job.seed, minutes=job.minutes, spent_seconds=spent_seconds)

    @property
    def model(self) -> str:
        """As `compcalc.calculators.ani` calls it.

        Raises:
            DataError: the file does not exist.
        """
        if self.init.lower() in _SHIPPED:
            return SHIPPED
        if not Path(self.init).is_file():
            raise DataError(f"init: {self.init} does not exist. Give ani1x, or a file of `{COMMAND}`.")
        return self.init


def prepare_ani(settings: ANISettings, elements: Collection[str]) -> tuple[ANISettings, Mapping[str, Any]]:
    """Refuse what cannot be fine-tuned; gives the settings, and which file they start from.

    Raises:
        UnsupportedElementError: ANI-1x does not know one of the training molecules' elements.
        InputError: the file has fewer members.
        DataError: the file is missing or damaged.
    """
    refuse_elements("ANI-1x", "HCNO", elements)
    if settings.model == SHIPPED:
        return settings, {}
    there = len(EnsembleFile.load(Path(settings.init)).members)
    if settings.members is not None and settings.members > there:
        raise InputError("members", settings.members, f"1 to {there}, which {settings.init} has")
    return settings, {"init_sha256": file_hash(Path(settings.init))}


def fit_ani(job: Job, settings: ANISettings) -> Fit:
    """Fine-tune; a training that was cut off goes on from the checkpoint of its last epoch.

    Raises:
        TrainingError: the data set has no E0 of the elements.
        InputError: no device of that name.
        DataError: the file to begin with or the checkpoint cannot be read.
    """
    begun = time.perf_counter()
    if not job.atomic_energies:
        raise TrainingError("the data set has no E0 of the elements, which ANI's own are replaced by")
    torch, ensemble = load_ani(settings.model)
    ensemble.neural_networks = type(ensemble.neural_networks)(list(ensemble.neural_networks)[: settings.members])
    symbols = list(ensemble.species)
    self_energies, shifts = _self_energies(job, settings, symbols, ensemble)
    seen = {chemical_symbols[z] for frames in job.split.train for z in frames.numbers}
    present = np.array([k for k, symbol in enumerate(symbols) if symbol in seen])
    train, valid = (
        EnvironmentFrames(
            SymmetryFunctions(ensemble.aev_computer), present, symbols, groups, self_energies, np.dtype(settings.dtype)
        )
        for groups in (job.split.train, job.split.valid)
    )
    # torch takes seconds to import, which the list of architectures need not wait for.
    from compcalc.training.ani_loop import run_epochs
    from compcalc.training.ani_members import Members, arrays_of

    members = Members(
        ensemble.neural_networks,
        [symbols[k] for k in present],
        train.columns,
        getattr(torch, settings.dtype),
        checked_device(torch, settings.device),
    )

    def on_epoch(epoch: int, epochs: int, mae: float) -> None:
        job.on_progress(Progress(epoch, epochs, f"validation force MAE {MEV_PER_EV * mae:.1f} meV/A"))

    course = settings.course(job, time.perf_counter() - begun)
    state = run_epochs(members, train, valid, course, job.directory / "checkpoint.pt", on_epoch)
    members.write_into(ensemble.neural_networks)
    model = job.directory / "ani.npz"
    EnsembleFile(
        [arrays_of(network) for network in ensemble.neural_networks],
        np.array([self_energies[symbol] for symbol in symbols]) / HARTREE_EV,
        np.array([job.atomic_energies.get(symbol, np.nan) for symbol in symbols]),
    ).save(model)
    return _fit(model, settings, state, members.size, shifts, [s for s in symbols if s not in seen])


def _self_energies(job: Job, settings: ANISettings, symbols, ensemble) -> tuple[dict[str, float], dict[str, float]]:
    """Energies of the elements beside the networks', and by how much they differ from those before, symbol -> eV."""
    before = dict(zip(symbols, HARTREE_EV * ensemble.energy_shifter.self_energies.double().numpy(), strict=True))
    scale = before
    if settings.model != SHIPPED:
        scale = dict(zip(symbols, EnsembleFile.load(Path(settings.init)).atomic_energies, strict=True))
        scale = {symbol: energy for symbol, energy in scale.items() if np.isfinite(energy)}
    shifts = energy_shifts(ANI(settings.model, dtype="float64"), scale, job.atomic_energies, job.split.train)
    return {symbol: float(energy + shifts.get(symbol, 0.0)) for symbol, energy in before.items()}, shifts


def _fit(model: Path, settings: ANISettings, state: "State", members: int, shifts, unseen: list[str]) -> Fit:
    stopped = state.exhausted(settings.patience)
    selection = "epoch with the lowest loss on validation starts of the training molecules (in distribution only)"
    if stopped:
        selection += f"; stopped after {settings.patience} epochs without a lower one"
    init = {"model": "ANI-1x"}
    if settings.model != SHIPPED:
        init = {"model": Path(settings.init).name, "sha256": file_hash(Path(settings.init))}
    notes = ()
    if unseen:
        names = " and ".join([", ".join(unseen[:-1]), unseen[-1]] if len(unseen) > 1 else unseen)
        notes = (
            f"no training molecule has {names}: the networks of these elements and the parts of the others that see "
            f"them are still those of {init['model']}, with shifted energies of the elements",
        )
    details = {
        "init": init,
        "members": members,
        "epochs": len(state.losses),
        "best_epoch": state.best_epoch,
        "stopped_early": stopped,
        "shifts_ev": shifts,
    }
    return Fit(model, selection, details=details, notes=notes)


ARCHITECTURE = Architecture(
    "ani",
    "an ANI-1x that is fine-tuned, each member of the ensemble by itself",
    ANISettings,
    fit_ani,
    scheme="ani",
    file="{name}.npz",
    requires=("torchani",),
    install="pip install 'compcalc[ani]'",
    prepare=prepare_ani,
)
