"""A data set of two small molecules; as a script, one whose process kills itself at a named point."""

import os
import shutil
import signal
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console

import compcalc.commands.data as data
import compcalc.reference.build as building
from compcalc.records import Molecule
from compcalc.reference.plan import PlannedTrajectory
from compcalc.reference.sampler import SamplerSettings

SETTINGS = SamplerSettings(starts=3, torsion_fs=20.0, settle_fs=10.0, spacing_fs=5.0)
MOLECULES = (Molecule("alcohol/01", "CO"), Molecule("alkane/04", "CCCC"))


def small_plan(tasks, *, train_frames, id_frames, ood_frames, control_frames):
    """A and B of methanol and butane, C of butane; `frames` sets their lengths as in a real plan."""
    plan = [PlannedTrajectory(m, "A", train_frames, SETTINGS) for m in MOLECULES]
    plan += [PlannedTrajectory(m, "B", n, SETTINGS) for m, n in zip(MOLECULES, (id_frames, ood_frames), strict=True)]
    return plan + [PlannedTrajectory(MOLECULES[1], "C", control_frames, SETTINGS)] * bool(control_frames)


def small_build(out: Path, *, seed: int = 0, workers: int = 0, method: str = "mmff94") -> str:
    """Build it; returns what was printed. `compcalc.commands.data.plan_dataset` must be `small_plan`."""
    console = Console(file=StringIO(), width=300)
    data.build(out, method, "mmff94", None, seed, (6, 3, 4, 5), workers, console)
    return console.file.getvalue()


def _die(*arguments, **settings):
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at(point: str) -> None:
    if point.startswith("unit"):
        store, count = data.ResultStore, int(point[4:])
        write = store.write

        def counted(self, unit, result, **facts):
            nonlocal count
            count -= 1
            if count < 0:
                _die()
            write(self, unit, result, **facts)

        store.write = counted
    elif point == "second file":
        write_frames = building.write_frames

        def first_only(path, groups, attributes):
            if path.name != "train.h5":
                _die()
            write_frames(path, groups, attributes)

        building.write_frames = first_only
    elif point == "energies":
        data.fit_atomic_energies = _die
    elif point == "clearing":
        shutil.rmtree = _die


if __name__ == "__main__":
    data.plan_dataset = small_plan
    _die_at(sys.argv[2])
    small_build(Path(sys.argv[1]))
