"""The command line of mace-torch's training program, and the files that it reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase.data import atomic_numbers

from compcalc.reference.export import export
from compcalc.training.split import TrainingSplit


def command_line(
    settings: Any, split: TrainingSplit, atomic_energies: Mapping[str, float], directory: Path, seed: int
) -> list[str]:
    """Arguments of the program that runs in `directory`, where its frames are written, and what it starts from.

    Args:
        settings: of the MACE.
        split: training and validation frames.
        atomic_energies: element symbol -> E0, eV.
        directory: made where it is missing.
        seed: of weights and batches.
    """
    _write_frames(split, directory)
    atomic_energies, begun = _beginning(settings, split, atomic_energies, directory)
    return _arguments(settings, _energies_of(split, atomic_energies), seed) + begun


def _write_frames(split: TrainingSplit, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, groups in (("train", split.train), ("valid", split.valid)):
        path = directory / f"{name}.xyz"
        if not path.exists():
            export(groups, path)


def _energies_of(split: TrainingSplit, atomic_energies: Mapping[str, float]) -> dict[int, float]:
    """E0 of the elements that the model is trained on; it knows no others."""
    seen = {int(z) for frames in split.train for z in frames.numbers}
    return {atomic_numbers[s]: e for s, e in atomic_energies.items() if atomic_numbers[s] in seen}


def _beginning(
    settings: Any, split: TrainingSplit, atomic_energies: Mapping[str, float], directory: Path
) -> tuple[Mapping[str, float], list[str]]:
    """E0 of the model, symbol -> eV, and arguments of the program that say what it begins with."""
    if settings.init is None:
        return atomic_energies, []
    from compcalc.training.mace_init import Foundation

    foundation = Foundation.of(settings, split, atomic_energies, directory)
    return foundation.energies, foundation.arguments


def _arguments(settings: Any, atomic_energies: Mapping[int, float], seed: int) -> list[str]:
    energies = ", ".join(f"{z}: {energy!r}" for z, energy in sorted(atomic_energies.items()))
    values = {
        "name": "model",
        "model": "ScaleShiftMACE",
        "train_file": "train.xyz",
        "valid_file": "valid.xyz",
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "E0s": f"{{{energies}}}",
        "num_channels": settings.channels,
        "max_L": settings.max_L,
        "max_ell": settings.max_ell,
        "correlation": settings.correlation,
        "num_interactions": settings.layers,
        "r_max": settings.r_max,
        "radial_MLP": f"[{settings.radial}]",
        "scaling": "rms_forces_scaling",
        "loss": "weighted",
        "energy_weight": settings.energy_weight,
        "forces_weight": settings.forces_weight,
        "batch_size": settings.batch_size,
        "valid_batch_size": 4 * settings.batch_size,
        "max_num_epochs": settings.epochs,
        "lr": settings.learning_rate,
        "scheduler": "ExponentialLR",
        "lr_scheduler_gamma": 0.01 ** (1 / settings.epochs),
        "ema_decay": 0.99,
        "error_table": "PerAtomMAE",
        "default_dtype": settings.dtype,
        "device": settings.device,
        "seed": seed,
        "plot": False,
    }
    flags = ["--ema", "--amsgrad", "--restart_latest", "--keep_checkpoints", "--save_cpu"]
    return [f"--{name}={value}" for name, value in values.items()] + flags
