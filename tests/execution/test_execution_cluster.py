"""`cluster.yaml`: what it may say, what is refused, and what the batch systems are told."""

import subprocess
import sys

import pytest

pytest.importorskip("distributed")

from compcalc.errors import CompcalcError, InputError, MissingDependencyError, UnknownNameError
from compcalc.execution.cluster import ClusterFile, ask_for_workers, build_cluster, open_cluster, read_cluster_file
from compcalc.execution.devices import take_devices, visible_devices


def write(folder, text):
    path = folder / "cluster.yaml"
    path.write_text(text)
    return path


SLURM = """
kind: slurm
options: {queue: short, account: chem, cores: 4, processes: 2, memory: 16GB, walltime: "01:00:00", interface: lo}
adapt: {minimum: 0, maximum: 20}
gpus_per_worker: 1
devices: [0, GPU-8f]
"""


def test_a_file_is_read_whole(tmp_path):
    file = read_cluster_file(write(tmp_path, SLURM))
    assert (file.kind, file.options["cores"], file.options["walltime"]) == ("slurm", 4, "01:00:00")
    assert (file.scale, file.adapt, file.most_workers) == (None, (0, 20), 20)
    assert (file.gpus_per_worker, file.devices) == (1, ("0", "GPU-8f"))
    assert read_cluster_file(write(tmp_path, "kind: local\nscale: 3\n")).most_workers == 3
    assert read_cluster_file(write(tmp_path, "kind: local\nadapt: {maximum: 3}\n")).adapt == (0, 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: slrum\nscale: 1", r"kind in .*cluster.yaml: got 'slrum'; allowed: kubernetes, .* Did you mean 'slurm'"),
        ("scale: 1", "kind in .*: got None; allowed: kubernetes, "),
        ("kind: local\nscale: 1\nscal: 2", "key of .*: got 'scal'; allowed: .*adapt.* Did you mean 'scale'"),
        ("kind: local\nadapt: {maximum: 1, most: 2}", "key of adapt in .*: got 'most'; allowed: maximum, minimum"),
        ("kind: local", "scale and adapt in .*; allowed: one of the two"),
        ("kind: local\nscale: 1\nadapt: {maximum: 1}", "scale and adapt in .*; allowed: one of the two"),
        ("kind: local\nscale: '4'", "scale in .*: got '4'; allowed: a whole number, at least 1"),
        ("kind: local\nscale: true", "scale in .*: got True; allowed: a whole number"),
        ("kind: local\nscale: 0", "scale in .*: got 0; allowed: a whole number, at least 1"),
        ("kind: local\nadapt: 4", "adapt in .*: got 4; allowed: keys with values"),
        ("kind: local\nadapt: {minimum: 1}", "adapt: maximum in .*: got None"),
        ("kind: local\nadapt: {minimum: 5, maximum: 4}", "adapt: maximum in .*: got 4; allowed: .* at least 5"),
        ("kind: local\nscale: 1\noptions: [1]", r"options in .*: got \[1\]; allowed: keys with values"),
        ("kind: local\nscale: 1\ngpus_per_worker: -1", "gpus_per_worker in .*: got -1"),
        ("kind: local\nscale: 1\ndevices: 0", "devices in .*: got 0; allowed: a list of device numbers"),
        ("- local", r"cluster.yaml: got \['local'\]; allowed: keys with values"),
        ("kind: sub.package.Cluster\nscale: 1\ndevices: [1.5]", r"devices in .*: got \[1.5\]"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        read_cluster_file(write(tmp_path, text))


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(CompcalcError, match="cluster file .*missing.yaml cannot be read .* tcp://host:8786"):
        read_cluster_file(tmp_path / "missing.yaml")
    with pytest.raises(CompcalcError, match="cluster.yaml is not YAML"):
        read_cluster_file(write(tmp_path, "kind: {"))
    with pytest.raises(CompcalcError, match="cluster.yaml is not YAML"):
        read_cluster_file(write(tmp_path, "kind: !!python/object/apply:os.getcwd []"))


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        (
            "slurm",
            {"queue": "short", "account": "chem", "walltime": "01:30:00", "job_extra_directives": ["--gres=gpu:1"]},
            ("#SBATCH -p short", "#SBATCH -A chem", "#SBATCH -t 01:30:00", "#SBATCH --gres=gpu:1", "--cpus-per-task=4"),
        ),
        ("pbs", {"queue": "short", "resource_spec": "select=1:ncpus=4"}, ("#PBS -q short", "#PBS -l select=1:ncpus=4")),
        ("sge", {"queue": "short", "walltime": "01:30:00"}, ("#$ -q short", "#$ -l h_rt=01:30:00")),
    ],
)
def test_a_batch_system_is_told_what_the_file_says(tmp_path, monkeypatch, kind, options, told):
    options = {"cores": 4, "processes": 2, "memory": "16GB", "interface": "lo", **options}
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with build_cluster(ClusterFile(tmp_path / "cluster.yaml", kind, options, scale=2)) as cluster:
        script = cluster.job_script()
    for line in (*told, "--nthreads 2", "--nworkers 2", "--memory-limit 7.45GiB"):
        assert line in script, f"{line!r} is not in\n{script}"


def test_options_that_the_class_does_not_know_are_said(tmp_path):
    path = write(tmp_path, "kind: slurm\nscale: 1\noptions: {cores: 1, memory: 1GB, wall_time: '1:00'}\n")
    with pytest.raises(
        CompcalcError, match=r"slurm cluster cannot be made: (?s:.*)arguments of SLURMCluster .*wall_time"
    ):
        open_cluster(path)


@pytest.mark.parametrize(
    ("kind", "module", "says"),
    [
        ("slurm", "dask_jobqueue", r"kind 'slurm' in .* needs .*'dask_jobqueue'.*pip install 'compcalc\[dask\]'"),
        ("kubernetes", "dask_kubernetes", "kind 'kubernetes' in .*'dask_kubernetes'.*pip install dask-kubernetes"),
        ("nowhere.Cluster", "nowhere", "kind 'nowhere.Cluster' .*'nowhere'.*pip install nowhere"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_remedy(tmp_path, monkeypatch, kind, module, says):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=says):
        open_cluster(write(tmp_path, f"kind: {kind}\nscale: 1\n"))


def test_a_class_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="distributed has no LocalClutser"):
        open_cluster(write(tmp_path, "kind: distributed.LocalClutser\nscale: 1\n"))


class Recorder:
    """A cluster that keeps what it is asked for."""

    def __init__(self):
        self.asked = []

    def scale(self, n):
        self.asked.append(n)

    def adapt(self, minimum, maximum):
        self.asked.append((minimum, maximum))


def test_no_more_workers_are_asked_for_than_there_are_tasks(tmp_path):
    fixed, adaptive = (ClusterFile(tmp_path, "local", **many) for many in ({"scale": 8}, {"adapt": (4, 20)}))
    cluster = Recorder()
    for file in (fixed, adaptive):
        for n_tasks in (None, 100, 3):
            ask_for_workers(cluster, file, n_tasks)
    assert cluster.asked == [8, 8, 3, (4, 20), (4, 20), (3, 3)]


TAKE = """
import sys
from compcalc.execution.devices import take_devices
print(*take_devices("worker", 1), flush=True)
sys.stdin.read()
"""


def test_devices_go_to_one_process_each_and_are_free_when_it_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first, second = (subprocess.Popen([sys.executable, "-c", TAKE], **pipes) for _ in range(2))
    assert sorted(process.stdout.readline().strip() for process in (first, second)) == ["3", "5"]
    with subprocess.Popen([sys.executable, "-c", TAKE], **pipes) as third:
        _, errors = third.communicate("")
    assert "is to have 1 GPU(s), and of the devices that it sees (3, 5) 0 are free" in errors
    first.kill()
    first.communicate()
    with subprocess.Popen([sys.executable, "-c", TAKE], **pipes) as fourth:
        assert fourth.communicate("")[0].strip() in ("3", "5")
    second.communicate("")
    monkeypatch.setenv("SLURM_JOB_ID", "17")  # devices of another job are others, whatever they are called
    with subprocess.Popen([sys.executable, "-c", TAKE], **pipes) as other:
        assert other.communicate("")[0].strip() == "3"


def test_an_owner_keeps_its_devices(tmp_path, monkeypatch):
    monkeypatch.setattr("compcalc.execution.devices._taken", {})
    monkeypatch.setattr("compcalc.execution.devices._claims", None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert visible_devices() == ("3", "5")
    assert take_devices("a", 1) == take_devices("a", 1) == ("3",)
    assert take_devices("b", 1) == ("5",) and take_devices("c", 0) == ()
    with pytest.raises(CompcalcError, match="0 are free"):
        take_devices("d", 1)
