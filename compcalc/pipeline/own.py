"""Runs on molecules of the user's own: read, refused with a reason, and labelled by a reference method on request."""

import hashlib
from copy import copy
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from compcalc.calculators import parse_spec
from compcalc.calculators.mmff_field import MMFF94Field
from compcalc.errors import MoleculeError
from compcalc.execution import Executor, Followed, Lost, Result, ResultStore, Unit, content_hash, run_units
from compcalc.execution.environment import result_versions
from compcalc.execution.packing import pack_frames, unpack_frames
from compcalc.molecules.readers import read_molecules
from compcalc.pipeline.inputs import RunInput, slug
from compcalc.pipeline.settings import RunSettings
from compcalc.pipeline.work import ReferenceTask
from compcalc.records import Frames, Geometries, Molecule
from compcalc.reference.labelling import Labeller
from compcalc.reference.sampler import SamplerSettings, sample, sample_around

SAMPLER = SamplerSettings(starts=5)
"""Conformers and dynamics that a reference labels; fewer starts than the tasks' data, whose averages are compared."""

N_FRAMES = 20


class OwnInput(RunInput):
    """Molecules of the user's own.

    Args:
        settings: what to do.
        kept: what `kept` gave earlier; None to read the molecules.

    Raises:
        MoleculeError: not one of them can be used.
        CompcalcError: an unknown name.
    """

    def __init__(self, settings: RunSettings, kept: dict[str, Any] | None = None):
        super().__init__(settings)
        if settings.reference is not None:
            parse_spec(settings.reference)
        if kept is None:
            found, refusals = read_molecules(settings.molecules, seed=settings.seed)
            self.starts = [Geometries(m.molecule, m.numbers, m.positions[None], m.bonds) for m in found]
            self.refused = {refusal.source: f"{refusal.reason}. {refusal.remedy}".strip() for refusal in refusals}
        else:
            self.starts = [_geometries(one) for one in kept["molecules"]]
            self.refused = kept["refused"]
        if not self.starts:
            source, reason = next(iter(self.refused.items()))
            raise MoleculeError(source, f"none of the {len(self.refused)} molecules can be used; {reason.rstrip('.')}")
        self.examined = self.starts

    @property
    def subject(self) -> str:
        names = [one.molecule.name for one in self.starts]
        digest = content_hash([_plain(one) for one in self.starts], self.settings.reference)
        return f"own-{slug(names[0], 20)}{f'-and-{len(names) - 1}' if len(names) > 1 else ''}-{digest[:6]}"

    def described_data(self) -> dict[str, Any]:
        reference = self.settings.reference
        sampled = f"{N_FRAMES} frames a molecule from {SAMPLER.starts} starts"
        return {"path": None, "method": reference, "description": {"sampling": sampled} if reference else {}}

    def kept(self) -> dict[str, Any]:
        return {**super().kept(), "molecules": [_plain(one) for one in self.starts], "refused": self.refused}

    def reference_units(self) -> list[Unit]:
        """One unit a molecule whose geometries are to be sampled and labelled; none without a reference."""
        reference = self.settings.reference
        if reference is None or self.settings.only == "md":
            return []
        common = [reference, asdict(SAMPLER), N_FRAMES, self.settings.seed, result_versions()]
        return [_unit(reference, SampleReference(reference, one, self.settings.seed), common) for one in self.starts]

    def with_labels(self, store: ResultStore) -> "OwnInput":
        """The same with the frames that are in `store`; molecules that the reference failed on have none."""
        labelled = copy(self)
        labelled.ood_frames = []
        for unit in self.reference_units():
            result = store.read(unit)
            if result is not None and not result.lost:
                labelled.ood_frames.append(unpack_frames(unit.payload.geometry.molecule, result))
        return labelled


@dataclass(frozen=True)
class SampleReference(ReferenceTask):
    """Payload: geometries of one molecule are to be sampled and labelled.

    Attributes:
        geometry: the molecule.
        seed: of every random number.
    """

    geometry: Geometries
    seed: int

    @property
    def numbers(self) -> np.ndarray:
        """Atomic numbers, (N,)."""
        return self.geometry.numbers

    @property
    def evaluations(self) -> int:
        """How often the reference is asked."""
        steps = SAMPLER.settle_fs / SAMPLER.timestep_fs
        return round(SAMPLER.starts * steps + N_FRAMES * SAMPLER.spacing_fs / SAMPLER.timestep_fs)

    def compute(self, labeller: Labeller) -> Result:
        """The labelled frames."""
        return pack_frames(_with_checksum(_sampled(self, labeller)))


def label_own(given: OwnInput, executor: Executor, store: ResultStore, followed: Followed) -> OwnInput:
    """Sample and label what has no labels yet, and give the input with its labels."""
    run_units(given.reference_units(), executor, store, on_lost=_unlabelled, followed=followed)
    return given.with_labels(store)


def _sampled(payload: SampleReference, labeller: Labeller) -> Frames:
    one, molecule = payload.geometry, payload.geometry.molecule
    if molecule.smiles:
        try:
            return sample(molecule, "B", N_FRAMES, labeller, MMFF94Field, SAMPLER, payload.seed)
        except MoleculeError:  # MMFF94 has no parameters for it
            settings = replace(SAMPLER, torsion_fs=0.0)
            return sample(molecule, "B", N_FRAMES, labeller, MMFF94Field, settings, payload.seed)
    return sample_around(molecule, one.numbers, one.positions[0], one.bonds, N_FRAMES, labeller, SAMPLER, payload.seed)


def _unlabelled(unit: Unit, lost: Lost) -> Result:
    return Result({}, {"cause": lost.cause})


def _with_checksum(frames: Frames) -> Frames:
    digest = hashlib.sha256()
    for array in (frames.numbers, frames.positions, frames.energy, frames.forces):
        digest.update(np.ascontiguousarray(array, dtype=float).tobytes())
    return replace(frames, attributes={**frames.attributes, "sha256": digest.hexdigest()})


def _unit(reference: str, payload: SampleReference, common: list) -> Unit:
    digest = content_hash(common, _plain(payload.geometry))
    stem = payload.geometry.molecule.file_stem
    return Unit(f"units/{slug(reference, 60)}/reference/{stem}-{digest[:8]}", payload, digest)


def _plain(one: Geometries) -> dict[str, Any]:
    return {
        "name": one.molecule.name,
        "smiles": one.molecule.smiles,
        "numbers": one.numbers.tolist(),
        "positions": one.positions.tolist(),
        "bonds": one.bonds.tolist(),
    }


def _geometries(plain: dict[str, Any]) -> Geometries:
    return Geometries(
        Molecule(plain["name"], plain["smiles"]),
        np.array(plain["numbers"]),
        np.array(plain["positions"], dtype=float),
        np.array(plain["bonds"], dtype=int).reshape(-1, 2),
    )
