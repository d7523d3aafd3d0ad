"""A run whose work units are computed by a Dask cluster; here one of this machine, from cluster.yaml.

pip install 'compcalc[dask]'
python examples/cluster_run.py        prints:

    note: dashboard of the cluster: http://127.0.0.1:8787/status
    note: waiting for workers of examples/cluster.yaml
    note: 2 workers with 2 threads at examples/cluster.yaml
    12 molecules, 600 frames
    report: runs/cluster/report.html

The same from the shell: compcalc run mmff94 --task duplication --only static --dask examples/cluster.yaml
"""

import sys
from pathlib import Path

from compcalc.pipeline import Progress, RunSettings, run

CLUSTER = Path(__file__).parent / "cluster.yaml"


def main(out: Path, spec: str = "mmff94", cluster: Path = CLUSTER) -> None:
    """Static errors of `spec` on the task `duplication`; what is finished is on this machine's disk at any time."""
    progress = Progress(notice=lambda text: print(f"note: {text}"))
    done = run(RunSettings(spec, "duplication", only="static", dask=str(cluster)), out, progress=progress)
    rows = done["metrics"]["static"]["molecules"]
    print(f"{len(rows)} molecules, {sum(row['n_frames'] for row in rows)} frames")
    print(f"report: {out / 'report.html'}")


# Dask starts its workers as new processes, which import this file once more.
if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/cluster"))
