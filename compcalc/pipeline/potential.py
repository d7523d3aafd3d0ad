"""A potential before its first work unit: built, tried on every molecule and examined, in a worker process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compcalc.calculators import Spec
from compcalc.checks import Examination
from compcalc.checks.preflight import batches_well, fatal
from compcalc.errors import CompcalcError
from compcalc.execution import Done, Executor, Lost
from compcalc.pipeline.work import Description, Examine, Try
from compcalc.records import Frames

_MOST_DEATHS = 3
_MOST_ATTEMPTS = 5


class PotentialError(CompcalcError):
    """The potential fails on every molecule of the task, or gives results of other atoms than those it is asked for."""


@dataclass(frozen=True)
class Potential:
    """What is known of a potential that can be run.

    Attributes:
        described: name, dtype, sha256, files and batch_atoms (None where it does not batch, or batches wrongly);
            JSON-able.
        preflight: what its short examination found, JSON-able.
        training: how it was trained, in a sentence; None where that is not known. No result depends on what is known.
        trained: the same for programs, JSON-able.
    """

    described: dict[str, Any]
    preflight: dict[str, Any]
    training: str | None = None
    trained: Mapping[str, Any] | None = None

    @property
    def batch_atoms(self) -> int | None:
        """Atoms of one batch; None for one molecule at a time."""
        return self.described["batch_atoms"]


def try_potential(spec: Spec, frames: Sequence[Frames], executor: Executor) -> tuple[Potential, Examination]:
    """Build the potential, evaluate one frame of each molecule, and examine it on the smallest that works.

    Raises:
        CompcalcError: it cannot be built.
        PotentialError: not one molecule works, or results are kept too long.
    """
    described, failures = _tried(spec, frames, executor)
    if described is None or len(failures) == len(frames):
        name, reason = next(iter(failures.items()))
        raise PotentialError(
            f"{spec.text} fails on all {len(failures)} molecules that it was tried on; on {name}: "
            f"{reason.rstrip('.')}. Try the calculator on one molecule in an ASE script, or choose another task."
        )
    working = [f for f in frames if f.molecule.name not in failures]
    smallest = min(working, key=lambda f: len(f.numbers))
    found = _value(_asked(executor, Examine(smallest)), spec, f"examined on {smallest.molecule.name}")
    _refuse_fatal(found, spec)
    facts = {
        "name": described.name,
        "dtype": described.dtype,
        "sha256": described.sha256,
        "files": spec.file_hashes(),
        "batch_atoms": described.batch_atoms if batches_well(found) else None,
    }
    return Potential(facts, found.to_dict(), described.training, described.trained), found


def _tried(spec, frames, executor) -> tuple[Description | None, dict[str, str]]:
    """What the potential is, and molecule -> reason for those on which it fails."""
    ended = _asked(executor, Try(tuple(frames)))
    if isinstance(ended, Done):
        return ended.value
    if len(frames) == 1:
        return None, {frames[0].molecule.name: _words(ended)}
    # One molecule may have ended the process: each is tried alone, up to a potential that ends whatever it is given.
    described, failures = None, {}
    for one in frames:
        alone, failed = _tried(spec, [one], executor)
        described = described or alone
        failures |= failed
        if described is None and len(failures) >= _MOST_DEATHS:
            break
    return described, failures


def _asked(executor: Executor, payload: Try | Examine) -> Done | Lost:
    """The answer of a worker; of another one where the first was ended from outside."""
    for _ in range(_MOST_ATTEMPTS):
        ended = executor.submit(payload).result()
        if not (isinstance(ended, Lost) and ended.blameless):
            break
    return ended


def _words(lost: Lost) -> str:
    return f"{lost.kind}: {lost.cause}" if lost.kind != "calculator_error" else lost.cause


def _value(ended: Done | Lost, spec: Spec, what: str):
    if isinstance(ended, Lost):
        raise PotentialError(
            f"{spec.text} cannot be {what}: {_words(ended)}. `compcalc check {spec.text}` examines it step by step."
        )
    return ended.value


def _refuse_fatal(found: Examination, spec: Spec) -> None:
    reason = fatal(found)
    if reason is not None:
        raise PotentialError(
            f"{spec.text} cannot be measured: {reason.title!r} fails on {found.molecule}. "
            f"{reason.message} `compcalc check {spec.text}` examines it in full."
        )
