"""A run small enough to be repeated many times, and what is looked at when it is over."""

import json
import os
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import faults_potential

from compcalc.execution.log import read_log

SEED = int(os.environ.get("FAULTS_SEED", secrets.randbelow(10**6)))
"""Of every random moment; printed with the name of this variable, so that a failure can be repeated."""

SOUND = f"file:{faults_potential.__file__}:Faulty"
CLOCKS = ("ms_per_frame", "ms_per_step", "seconds")
ETHANE, PROPANE, BUTANE = 8, 11, 14
"""Number of atoms."""


def faulty(**options: object) -> str:
    """Spec of a potential with these options."""
    return f"{SOUND}?{'&'.join(f'{name}={value}' for name, value in options.items())}"


class Small:
    """Runs on ethane, propane and butane.

    Args:
        data: directory of their reference data.
    """

    def __init__(self, data: Path):
        self.data = data

    def command(self, potential: str, out: Path, *options: object) -> list[object]:
        """Arguments of `compcalc`; two workers unless the options say otherwise."""
        workers = () if "--workers" in options else ("--workers", 2)
        return ["run", potential, "--task", "length", "--data", self.data, "--out", out, *workers, *options]

    def metrics(self, out: Path) -> Any:
        """The metrics of a finished run, without the wall times in them."""
        return without_clocks(json.loads((out / "metrics.json").read_text()))


def without_clocks(metrics: Any) -> Any:
    """Metrics without the wall times in them, and without the digits in which sums differ from process to process."""
    if isinstance(metrics, float):
        return float(f"{metrics:.9g}")
    if isinstance(metrics, dict):
        return {key: without_clocks(value) for key, value in metrics.items() if key not in CLOCKS}
    return [without_clocks(value) for value in metrics] if isinstance(metrics, list) else metrics


def stored(out: Path) -> list[Path]:
    """The results that a directory holds of a potential's static frames and dynamics."""
    return sorted(path for stage in ("static", "md") for path in out.glob(f"units/*/{stage}/*.npz"))


def times_done(out: Path) -> Counter:
    """Unit of static frames or dynamics -> how often the log says that it was done."""
    units = (event["unit"] for event in read_log(out / "log.jsonl") if event["event"] == "done")
    return Counter(unit for unit in units if unit.split("/")[-2] in ("static", "md"))
