"""A small world: the package with tasks, data, dynamics and trainings so small that what takes hours takes seconds.

Every process of it calls `make_small` at its start, see `small/sitecustomize.py`, whoever started it: command lines,
trainings, workers. Nothing is put in the place of what the package does; only how much it does is another.
"""

import dataclasses
import inspect
import os
from pathlib import Path

DATA = "COMPCALC_SMALL_DATA"
"""Variable of the environment with the folder of the small data set."""

TRAIN_MOLECULES = 3
"""Of a task that has one or two families; of others one of each family."""

LIMITS = {"epochs": 1, "steps": 5}
"""Settings of trainings that are larger are fitted with these instead."""

SAMPLER = {"starts": 5, "torsion_fs": 20.0, "settle_fs": 4.0, "spacing_fs": 2.0}
"""Settings of the sampling of reference data, at most."""

PROTOCOL = {
    "production_ps": 0.04,
    "equilibration_ps": 0.02,
    "frame_every_fs": 5.0,
    "velocity_ps": 0.04,
    "control_ps": 0.01,
}
REPLICAS = 2
"""Of the dynamics of a preset, at most; those of a user's own file are as they are."""

CELLS = 7
"""Of a benchmark, at most: the last tasks are left out, then the last seeds."""

MEASURE_S = 1.0
"""For which `compcalc plan` measures a potential where nothing else is asked for, s."""

LOOPBACK, INTERFACE = "lo", "ib0"
"""The network of this machine with itself, and by which name it is known, too: that of the pages."""


def make_small() -> None:
    """Let this process know the small world alone."""
    _make_sampling_small()  # first: what the other modules make of its settings when they are imported is short
    _make_tasks_small()
    _make_data_small()
    _make_dynamics_small()
    _make_trainings_small()
    _make_benchmarks_small()
    _make_plans_small()
    _make_machine_small()


def small_table() -> dict[str, dict]:
    """The table of the tasks with the smallest molecules of each, and one OOD molecule a family."""
    from compcalc.tasks.splits import _task_table

    return {
        name: {
            **task,
            "variants": {
                variant: {"train": _first(sides["train"], TRAIN_MOLECULES), "ood": _first(sides["ood"], 1)}
                for variant, sides in task["variants"].items()
            },
        }
        for name, task in _task_table().items()
    }


def _first(side: dict[str, str], count: int) -> dict[str, str]:
    """The first molecules of each family, `count` in all, but one of each at least."""
    from compcalc.tasks.splits import parse_counts

    each = max(1, round(count / len(side)))
    return {family: ",".join(str(n) for n in parse_counts(counts)[:each]) for family, counts in side.items()}


def write_small_data(folder: Path) -> None:
    """Write a data set of the small tasks' molecules into `folder`: every fifth frame of the shipped one."""
    from compcalc.molecules.families import family_molecule
    from compcalc.reference.dataset import FILES, DataSet
    from compcalc.reference.store import write_frames
    from compcalc.tasks.splits import parse_counts

    shipped = DataSet()
    sides = [
        side for task in small_table().values() for variant in task["variants"].values() for side in variant.values()
    ]
    pairs = {(family, n) for side in sides for family, counts in side.items() for n in parse_counts(counts)}
    names = [family_molecule(family, n).name for family, n in sorted(pairs)]
    for letter in ("A", "B"):
        file = shipped.file(letter)
        groups = [file.read(name).select(slice(0, None, 5)) for name in names if name in file.names]
        write_frames(folder / FILES[letter], groups, file.description)


def _make_sampling_small() -> None:
    from compcalc.reference import sampler

    whole = sampler.SamplerSettings.__init__

    def short(self, *args, **kwargs):
        whole(self, *args, **kwargs)
        for name, most in SAMPLER.items():
            object.__setattr__(self, name, min(getattr(self, name), most))

    sampler.SamplerSettings.__init__ = short
    sampler.CORE, sampler.CONTROL = map(dataclasses.replace, (sampler.CORE, sampler.CONTROL))


def _make_tasks_small() -> None:
    from compcalc.tasks import splits

    table = small_table()
    splits._task_table = lambda: table


def _make_data_small() -> None:
    from compcalc.reference import dataset

    folder = Path(os.environ[DATA])
    dataset.shipped_directory = lambda: folder


def _make_dynamics_small() -> None:
    from compcalc.dynamics.protocols import PRESETS

    for name, preset in list(PRESETS.items()):
        protocols = tuple(
            dataclasses.replace(one, **{field: min(getattr(one, field), most) for field, most in PROTOCOL.items()})
            for one in preset.protocols
        )
        PRESETS[name] = dataclasses.replace(preset, protocols=protocols, replicas=min(preset.replicas, REPLICAS))


def _make_trainings_small() -> None:
    from compcalc.training.architecture import Architecture

    whole = Architecture.__init__

    def with_small_fit(self, *args, **kwargs):
        whole(self, *args, **kwargs)
        fit = self.fit
        object.__setattr__(self, "fit", lambda job, settings: fit(job, _small_settings(settings)))

    Architecture.__init__ = with_small_fit


def _small_settings(settings):
    """The same, none above its limit."""
    given = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    smaller = {name: most for name, most in LIMITS.items() if name in given and (given[name] or 0) > most}
    return dataclasses.replace(settings, **smaller)


def _make_benchmarks_small() -> None:
    from compcalc.benchmark.matrix import Matrix

    whole = Matrix.__init__

    def of_few(self, models, tasks, seeds, out):
        while len(tasks) > 1 and len(models) * len(tasks) * len(seeds) > CELLS:
            tasks = tasks[:-1]
        whole(self, models, tasks, seeds[: max(1, CELLS // (len(models) * len(tasks)))], out)

    Matrix.__init__ = of_few


def _make_plans_small() -> None:
    from compcalc.cli.runs import plan

    names = list(inspect.signature(plan).parameters)
    defaults = dict(zip(reversed(names), reversed(plan.__defaults__), strict=False))
    plan.__defaults__ = tuple(reversed((defaults | {"seconds": MEASURE_S}).values()))


def _make_machine_small() -> None:
    import psutil

    from compcalc.execution import environment

    # A second worker takes as long to import torch and to trace a model as the first takes for all the rest.
    environment.usable_cores = lambda: 1
    addresses = psutil.net_if_addrs
    psutil.net_if_addrs = lambda: {INTERFACE: addresses().get(LOOPBACK, []), **addresses()}
