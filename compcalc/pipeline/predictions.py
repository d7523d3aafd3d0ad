"""Predictions beside their reference as extended XYZ, one file a molecule, as programs with one topology want it."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write

from compcalc.execution import ResultStore
from compcalc.execution.files import make_directory
from compcalc.execution.packing import unpack_prediction
from compcalc.pipeline.prepared import PreparedRun
from compcalc.records import Frames, Prediction
from compcalc.reference.export import to_atoms

PREDICTIONS = "predictions"


def prediction_names(prepared: PreparedRun) -> list[str]:
    """Names, from the outputs of the run, of the files that `export_predictions` writes: ID first, then OOD."""
    if not prepared.static_units():
        return []
    return [
        f"{PREDICTIONS}/{frames.molecule.file_stem}-{split}.extxyz"
        for split, side in (("id", prepared.id_frames), ("ood", prepared.ood_frames))
        for frames in side
    ]


def export_predictions(prepared: PreparedRun, store: ResultStore, out: Path) -> list[str]:
    """Write the predictions of a run whose results are all there; returns the names of the files.

    Raises:
        OSError: a file cannot be written.
    """
    names = prediction_names(prepared)
    if names:
        make_directory(out / PREDICTIONS)
    for name, unit in zip(names, prepared.static_units(), strict=True):
        frames = unit.payload.frames
        prediction = unpack_prediction(frames.molecule, store.read(unit))
        split = name.removesuffix(".extxyz").rpartition("-")[2]
        write_predictions(out / name, prediction_atoms(frames, prediction, split))
    return names


def prediction_atoms(frames: Frames, prediction: Prediction, split: str) -> list[Atoms]:
    """One ASE Atoms a frame, with reference and prediction under keys that ASE keeps when it copies.

    `info["REF_energy"]`, `info["PRED_energy"]` in eV, `arrays["REF_forces"]`, `arrays["PRED_forces"]` in eV/angstrom,
    and `info["PRED_energy_spread"]` in eV where the potential is an ensemble. A frame that failed has its reason in
    `info["failure"]` and no prediction.

    Args:
        frames: the reference.
        prediction: of the same frames.
        split: `id` or `ood`, for `info`.
    """
    images, good = to_atoms(frames), prediction.good
    for k, atoms in enumerate(images):
        atoms.info |= {"split": split, "frame": k}
        if not good[k]:
            atoms.info["failure"] = " ".join(prediction.failures[k].split())
            continue
        atoms.info["PRED_energy"] = float(prediction.energy[k])
        atoms.arrays["PRED_forces"] = prediction.forces[k].copy()
        if prediction.spread is not None and np.isfinite(prediction.spread[k]):
            atoms.info["PRED_energy_spread"] = float(prediction.spread[k])
    return images


def write_predictions(path: Path, images: list[Atoms]) -> None:
    """Write the frames of one molecule, whole or not at all."""
    temporary = path.with_name(f".{path.name}.partial")
    write(temporary, images, format="extxyz")
    temporary.replace(path)
