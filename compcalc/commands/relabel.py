"""`compcalc data relabel`: labels of another method on frames of a data set."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from rich.console import Console
from rich.text import Text

from compcalc.calculators import get_calculator, get_scheme, parse_spec
from compcalc.commands.progress import progress_bar
from compcalc.errors import DataError, InputError, RunDirectoryError, UnknownNameError
from compcalc.execution import Followed, Here, LocalPool, Lost, Result, ResultStore, Unit, content_hash, run_units
from compcalc.execution.environment import usable_cores
from compcalc.execution.files import make_directory
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.reference.labelling import CalculatorFactory, Labeller
from compcalc.reference.plan import FILES
from compcalc.reference.relabelling import SOURCE_FRAMES, choose_frames, choose_molecules
from compcalc.reference.store import FrameFile, write_frames
from compcalc.report.wording import duration, plural, printable

_PACKAGES = ("compcalc", "ase", "numpy")


@dataclass(frozen=True)
class Wanted:
    """Which frames are to be labelled, and with what.

    Attributes:
        method: spec of the potential that labels.
        data: directory of the data set; None for the shipped one.
        trajectory: `A`, `B` or `C`.
        families: of which the smallest members are taken.
        molecules: taken by name; without either, every family counts.
        members: how many of each family.
        frames: of each molecule.
    """

    method: str
    data: Path | None = None
    trajectory: str = "B"
    families: tuple[str, ...] = ()
    molecules: tuple[str, ...] = ()
    members: int = 1
    frames: int = 3


def relabel(wanted: Wanted, out: Path, workers: int | None, command: str, console: Console) -> int:
    """Label the frames and write them to `out`; goes on, frame by frame, where an earlier call was cut off.

    A frame that fails is named, in the file too, and left out.

    Args:
        wanted: which frames, and the method.
        out: HDF5 file; results are gathered in `out.parts` beside it until it is whole.
        workers: processes; None for one a core, 0 to compute in this one.
        command: kept in the file.
        console: for progress.

    Returns:
        the exit code: 1 if a frame failed.

    Raises:
        CompcalcError: unknown names, a method that cannot be built, a file that exists, or every frame failed.
    """
    if wanted.trajectory not in FILES:
        raise UnknownNameError("trajectory", wanted.trajectory, FILES)
    file = DataSet(wanted.data).file(wanted.trajectory)
    names = choose_molecules(file, wanted.families, wanted.molecules, wanted.members)
    _check_out(out)
    get_calculator(wanted.method)
    sources = {name: _Source.of(file, name, wanted.frames) for name in names}
    with _alone(out) as parts:
        groups, failures = _labelled(wanted, sources, ResultStore(parts), workers, console)
        write_frames(out, groups, _description(wanted, file, names, command, failures))
        shutil.rmtree(parts)
    return _tell(out, groups, failures, console)


@contextmanager
def _alone(out: Path) -> Iterator[Path]:
    """The directory of the results for `out`, which one call at a time may use."""
    parts = out.with_name(f"{out.name}.parts")
    make_directory(parts)
    try:
        with FileLock(parts / ".lock", timeout=0):
            yield parts
    except Timeout as error:
        raise RunDirectoryError(
            f"{out} is being made by another process. Wait for it, or choose another file."
        ) from error


def _labelled(
    wanted: Wanted, sources: Mapping[str, "_Source"], store: ResultStore, workers: int | None, console: Console
) -> tuple[list[Frames], dict[str, str]]:
    """Frames under their new labels, and frame -> reason of those that failed."""
    units = {name: _units(source, wanted.method) for name, source in sources.items()}
    everything = [unit for group in units.values() for unit in group]
    for unit in everything:
        if (old := store.read(unit)) is not None and _bad(old):
            store.path(unit).unlink()  # what failed in an earlier call is tried again
    _run(everything, store, wanted.method, workers, console)
    groups, failures = [], {}
    for name, source in sources.items():
        results = [store.read(unit) for unit in units[name]]
        failures |= {
            f"{name} frame {k}": r.meta["failure"] for k, r in zip(source.index, results, strict=True) if _bad(r)
        }
        groups += source.labelled(results, wanted.method)
    if not groups:
        frame, reason = next(iter(failures.items()))
        raise DataError(f"every frame failed; {frame}: {reason}")
    return groups, failures


@dataclass(frozen=True)
class _Source:
    """Frames of one molecule of the data set.

    Attributes:
        frames: with the labels of record.
        index: their places in the data set, (T,).
        sha256: checksum of the molecule's group.
    """

    frames: Frames
    index: np.ndarray
    sha256: str

    @classmethod
    def of(cls, file: FrameFile, name: str, count: int) -> "_Source":
        whole = file.read(name)
        index = choose_frames(whole.start, count)
        return cls(whole.select(index), index, file.checksum(name))

    def labelled(self, results: list[Result], method: str) -> list[Frames]:
        """The frames that did not fail under their new labels; empty where none is left."""
        good = [k for k, result in enumerate(results) if not _bad(result)]
        if not good:
            return []
        attributes = {
            SOURCE_FRAMES: self.index[good].tolist(),
            "source_sha256": self.sha256,
            "method": method,
            "seconds": [round(results[k].meta["seconds"], 1) for k in good],
        }
        return [
            replace(
                self.frames.select(np.array(good)),
                energy=np.array([float(results[k].arrays["energy"]) for k in good]),
                forces=np.array([results[k].arrays["forces"] for k in good]),
                attributes=attributes,
            )
        ]


def _bad(result: Result) -> bool:
    return "failure" in result.meta


def _units(source: _Source, method: str) -> list[Unit]:
    """One unit a frame, which belongs to the method and to the geometry alone."""
    spec = parse_spec(method)
    numbers = source.frames.numbers
    return [
        Unit(
            id=f"{source.frames.molecule.file_stem}/{k}",
            payload=(numbers, positions),
            hash=content_hash(spec.text, spec.file_hashes(), numbers.tolist(), positions.tolist()),
        )
        for k, positions in zip(source.index.tolist(), source.frames.positions, strict=True)
    ]


@dataclass(frozen=True)
class LabelWorker:
    """Worker factory: a geometry to energy (eV) and forces (eV/angstrom), or to the reason why there are none."""

    make: CalculatorFactory

    def __call__(self) -> Callable[[tuple[np.ndarray, np.ndarray]], Result]:
        import time

        labeller = Labeller(self.make())

        def work(geometry: tuple[np.ndarray, np.ndarray]) -> Result:
            started = time.process_time()
            try:
                energy, forces = labeller.label(*geometry)
            except Exception as error:
                return Result(meta={"failure": f"{type(error).__name__}: {error}"})
            return Result({"energy": np.array(energy), "forces": forces}, {"seconds": time.process_time() - started})

        return work


def _run(units: list[Unit], store: ResultStore, method: str, workers: int | None, console: Console) -> None:
    factory = LabelWorker(partial(get_calculator, method))
    with (
        progress_bar(console) as bar,
        Here(factory) if workers == 0 else LocalPool(factory, workers or usable_cores()) as executor,
    ):
        task = bar.add_task("labelling", total=len(units))
        followed = Followed(done=lambda unit, result: bar.advance(task))
        run_units(units, executor, store, on_lost=_lost, followed=followed)


def _lost(unit: Unit, lost: Lost) -> Result:
    return Result(meta={"failure": lost.cause})


def _check_out(out: Path) -> None:
    if not out.absolute().parent.is_dir():
        raise InputError("output file", str(out), "a file in a directory that exists", "Make the directory first.")
    if out.exists():
        raise InputError("output file", str(out), "a path that does not exist yet", "Choose another, or delete it.")


def _description(wanted: Wanted, file: FrameFile, names: list[str], command: str, failures: Mapping[str, str]) -> dict:
    source = {
        "file": file.path.name,
        "method": file.description.get("method", ""),
        "sha256": DataSet(wanted.data).fingerprint([file.read(name).molecule for name in names], wanted.trajectory),
    }
    return {
        "method": wanted.method,
        "trajectory": wanted.trajectory,
        "source": source,
        "command": command,
        "versions": _versions(wanted.method),
        "failures": dict(failures),
    }


def _versions(method: str) -> dict[str, str]:
    """Package -> version of what the labels depend on."""
    spec = parse_spec(method)
    needed = () if spec.python else get_scheme(spec.scheme).requires
    found = {}
    for package in dict.fromkeys((*_PACKAGES, *needed)):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # imported by another name than it is installed by
            continue
    return found


def _tell(out: Path, groups: list[Frames], failures: Mapping[str, str], console: Console) -> int:
    for frame, reason in failures.items():
        console.print(Text(printable(f"failed: {frame}: {reason}")), style="bold", highlight=False)
    count = sum(map(len, groups))
    spent = sum(sum(group.attributes["seconds"]) for group in groups)
    console.print(
        f"{plural(count, 'frame')} of {plural(len(groups), 'molecule')} in {out}, "
        f"{duration(spent / count)} of processor time each",
        highlight=False,
    )
    return 1 if failures else 0
