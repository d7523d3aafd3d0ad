"""A whole run on a Dask cluster."""

import pytest
from test_pipeline_run import settings, without_clocks

from compcalc.pipeline import Progress, run

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")


@pytest.mark.parametrize("kind", [pytest.param("address", marks=pytest.mark.slow), "file"])
def test_a_run_on_a_cluster_has_the_numbers_of_one_here(kind, tiny_data, tmp_path):
    distributed = pytest.importorskip("distributed")
    here = run(settings(tiny_data, "mmff94"), tmp_path / "here")
    notices = []
    progress = Progress(notice=notices.append)
    if kind == "file":
        (tmp_path / "cluster.yaml").write_text("kind: local\noptions: {threads_per_worker: 1}\nscale: 2\n")
        there = run(
            settings(tiny_data, "mmff94", dask=str(tmp_path / "cluster.yaml")), tmp_path / "there", progress=progress
        )
    else:
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
            chosen = settings(tiny_data, "mmff94", dask=cluster.scheduler_address)
            there = run(chosen, tmp_path / "there", progress=progress)
        assert any("dashboard of the cluster: http" in text for text in notices)
    assert without_clocks(there["metrics"]) == without_clocks(here["metrics"])
    again = run(settings(tiny_data, "mmff94"), tmp_path / "there")
    assert again["metrics"] == there["metrics"]
