"""What the report of a run shows of its trajectories, against the files of the trajectories."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest
from ase.io import read

from compcalc.pipeline import RunSettings, run
from compcalc.report.trajectories import STEP_ANGSTROM

pytestmark = pytest.mark.usefixtures("tiny_task", "tiny_preset")

REPELLING = """
from ase.calculators.calculator import Calculator, all_changes

class Repelling(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        r = atoms.positions - atoms.positions.mean(axis=0)
        self.results = {"energy": -2.0 * (r**2).sum(), "forces": 4.0 * r}
"""


def embedded(out, name):
    page = (out / "report.html").read_text()
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page).group(1))


def test_frames_of_events_are_those_of_the_exported_files(tiny_data, tmp_path):
    (tmp_path / "repelling.py").write_text(REPELLING)
    spec, out = f"file:{tmp_path / 'repelling.py'}:Repelling", tmp_path / "run"
    done = run(RunSettings(spec, "length", data=tiny_data, workers=0), out)
    runs, events = done["metrics"]["md"]["runs"], embedded(out, "events")
    assert [event["run"] for event in events] == ["alkane/04, NVE, replica 0", "alkane/04, NVT, replica 0"]
    for event, row, protocol in zip(events, runs, ("nve", "nvt"), strict=True):
        frames = read(out / "trajectories" / f"alkane-04-{protocol}-0.event.extxyz", ":")
        steps = np.frombuffer(b64decode(event["positions"]), dtype="<i2")
        positions = STEP_ANGSTROM * steps.reshape(len(frames), len(frames[0]), 3)
        for mine, frame, time_fs in zip(positions, frames, event["time_fs"], strict=True):
            distances = np.linalg.norm(mine[:, None] - mine, axis=-1)
            assert distances == pytest.approx(frame.get_all_distances(), abs=2 * STEP_ANGSTROM)
            assert time_fs == pytest.approx(frame.info["time_fs"] - 1000 * row["time_ps"], abs=0.01)
        assert event["cause"] == row["cause"] and event["unstable"]
        assert len(event["bonds"]) == 13 and event["symbols"] == frames[0].get_chemical_symbols()


def test_distances_have_the_difference_that_the_metrics_have(tiny_data, tmp_path):
    done = run(RunSettings("tblite:GFN2-xTB", "length", data=tiny_data, workers=0, only="md"), tmp_path)
    (row,) = [row for row in done["metrics"]["md"]["runs"] if row["protocol"] == "nvt"]
    figure = embedded(tmp_path, "figures")["distances"]
    reference, potential = (np.array(trace["y"]) for trace in figure["data"])
    difference = np.abs(reference - potential).sum() * figure["data"][0]["dx"]
    assert difference == pytest.approx(row["distance_distribution_mae"], abs=2e-3)
