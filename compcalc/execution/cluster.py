"""A `cluster.yaml`: which batch system to ask for Dask workers, and for how many."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from compcalc.errors import CompcalcError, InputError, MissingDependencyError, UnknownNameError

KINDS = {
    "slurm": "dask_jobqueue.SLURMCluster",
    "pbs": "dask_jobqueue.PBSCluster",
    "sge": "dask_jobqueue.SGECluster",
    "lsf": "dask_jobqueue.LSFCluster",
    "kubernetes": "dask_kubernetes.operator.KubeCluster",
    "local": "distributed.LocalCluster",
}
"""Name -> class; any other class is named by its own path."""

DASK_EXTRA = "pip install 'compcalc[dask]'"
_EXTRAS = {"dask_kubernetes": "pip install dask-kubernetes", "distributed": DASK_EXTRA, "dask_jobqueue": DASK_EXTRA}
_OWN_OPTIONS = {"local": {"n_workers": 0, "threads_per_worker": 1}}
_FIRST_GUESS = "1h"


@dataclass(frozen=True)
class ClusterFile:
    """The content of a `cluster.yaml`.

    Attributes:
        path: of the file.
        kind: a key of `KINDS`, or the dotted path of a class.
        options: arguments of the class.
        scale: how many workers to start; None where their number follows the work.
        adapt: fewest and most workers, where their number follows the work; else None.
        gpus_per_worker: devices that each worker takes for itself; 0 leaves them as the batch system gave them.
        devices: values of `CUDA_VISIBLE_DEVICES` to take them from; empty for those that a worker sees.
    """

    path: Path
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scale: int | None = None
    adapt: tuple[int, int] | None = None
    gpus_per_worker: int = 0
    devices: tuple[str, ...] = ()

    def __post_init__(self):
        if self.kind not in KINDS and "." not in self.kind:
            raise UnknownNameError(f"kind in {self.path}", self.kind, KINDS, "The path of a class is allowed, too.")
        if (self.scale is None) == (self.adapt is None):
            raise InputError(f"scale and adapt in {self.path}", (self.scale, self.adapt), "one of the two")
        if self.scale is not None:
            _check_count(f"scale in {self.path}", self.scale, 1)
        else:
            _check_count(f"adapt: minimum in {self.path}", self.adapt[0], 0)
            _check_count(f"adapt: maximum in {self.path}", self.adapt[1], max(1, self.adapt[0]))
        _check_count(f"gpus_per_worker in {self.path}", self.gpus_per_worker, 0)

    @property
    def most_workers(self) -> int:
        """How many workers there can be."""
        return self.scale if self.scale is not None else self.adapt[1]


def read_cluster_file(path: str | Path) -> ClusterFile:
    """Read and check a `cluster.yaml`.

    Raises:
        CompcalcError: it cannot be read, or is not YAML.
        InputError: a key or value that cannot be used.
        MissingDependencyError: the extra `dask` is not installed.
    """
    path = Path(path)
    content = _mapping(f"{path}", _read_yaml(path))
    _check_keys(path, "", content, ("kind", "options", "scale", "adapt", "gpus_per_worker", "devices"))
    if "kind" not in content:
        raise UnknownNameError(f"kind in {path}", None, KINDS)
    return ClusterFile(
        path,
        str(content["kind"]),
        _mapping(f"options in {path}", content.get("options", {})),
        content.get("scale"),
        _adapt(path, content["adapt"]) if "adapt" in content else None,
        content.get("gpus_per_worker", 0),
        _devices(path, content.get("devices", [])),
    )


def open_cluster(path: str | Path) -> Any:
    """The cluster of a `cluster.yaml`, its workers asked for.

    Returns:
        a Dask cluster; its `close` gives the workers back.

    Raises:
        InputError, MissingDependencyError: as for `read_cluster_file`.
        CompcalcError: the cluster cannot be made with these options.
    """
    file = read_cluster_file(path)
    cluster = build_cluster(file)
    ask_for_workers(cluster, file)
    return cluster


def build_cluster(file: ClusterFile) -> Any:
    """The cluster of `file`, without workers.

    Raises:
        MissingDependencyError: its package is not installed.
        CompcalcError: it cannot be made with these options.
    """
    cluster_class = _class_of(file)
    import dask

    # Until it has seen a task end, Dask takes it for half a second's work, and asks for one worker where 20 are wanted.
    dask.config.set({"distributed.scheduler.default-task-durations.compcalc": _FIRST_GUESS})
    options = {**_OWN_OPTIONS.get(file.kind, {}), **file.options}
    try:
        return cluster_class(**options)
    except Exception as error:
        given = ", ".join(sorted(file.options)) or "none"
        raise CompcalcError(
            f"{file.path}: the {file.kind} cluster cannot be made: {type(error).__name__}: {error}. "
            f"Its options are the arguments of {cluster_class.__name__} (given: {given})."
        ) from error


def ask_for_workers(cluster: Any, file: ClusterFile, n_tasks: int | None = None) -> None:
    """Ask for the workers of `file`, and for no more than there are tasks."""
    most = file.most_workers if n_tasks is None else max(1, min(file.most_workers, n_tasks))
    if file.scale is not None:
        cluster.scale(most)
    else:
        cluster.adapt(minimum=min(file.adapt[0], most), maximum=most)


def _class_of(file: ClusterFile) -> type:
    module, _, name = KINDS.get(file.kind, file.kind).rpartition(".")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise MissingDependencyError(
            f"kind {file.kind!r} in {file.path}", package, _EXTRAS.get(package, f"pip install {package}")
        ) from error
    except AttributeError as error:
        raise UnknownNameError(f"kind in {file.path}", file.kind, KINDS, f"{module} has no {name}.") from error


def _read_yaml(path: Path) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError(f"{path}", "pyyaml", DASK_EXTRA) from error
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CompcalcError(
            f"cluster file {path} cannot be read ({error.strerror}). Give the path of a YAML file, or the address of "
            "a scheduler such as tcp://host:8786."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CompcalcError(f"cluster file {path} is not YAML: {error}") from error


def _adapt(path: Path, value: Any) -> tuple[Any, Any]:
    adapt = _mapping(f"adapt in {path}", value)
    _check_keys(path, "adapt: ", adapt, ("minimum", "maximum"))
    if "maximum" not in adapt:
        raise InputError(f"adapt: maximum in {path}", None, "a whole number of workers, at least 1")
    return adapt.get("minimum", 0), adapt["maximum"]


def _devices(path: Path, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or any(isinstance(item, bool) or not isinstance(item, str | int) for item in value):
        raise InputError(f"devices in {path}", value, "a list of device numbers or names, such as [0, 1]")
    return tuple(str(item) for item in value)


def _mapping(argument: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InputError(argument, value, "keys with values, one `key: value` a line")
    return value


def _check_keys(path: Path, within: str, got: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in got:
        if key not in known:
            raise UnknownNameError(f"key of {within}{path}".replace(": ", " in "), key, known)


def _check_count(argument: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(argument, value, f"a whole number, at least {least}")
