"""What a run took, in a sentence."""

from typing import Any

from compcalc.report.wording import core_time, number, shown, size


def cost_words(cost: Any) -> str | None:
    """`1.2 core-hours, 843 steps/s a worker = 36 ns/day, at most 512 MiB a worker`; None where nothing is known.

    Args:
        cost: `cost` of run.json.
    """
    if not isinstance(cost, dict):
        return None
    reference = cost.get("reference_cpu_seconds")
    parts = [
        core_time(cost["cpu_seconds"]) if number(cost.get("cpu_seconds")) else "",
        f"{core_time(reference)} more for dynamics of the reference" if number(reference) else "",
        f"{shown(cost['frames_per_s'])} frames/s a worker" if number(cost.get("frames_per_s")) else "",
        speed_words(cost),
        f"at most {size(cost['memory_mib'] * 2**20)} a worker" if number(cost.get("memory_mib")) else "",
    ]
    return ", ".join(filter(None, parts)) or None


def speed_words(cost: dict) -> str:
    """`843 steps/s a worker = 36 ns/day`; empty where no step was made."""
    steps, ns = number(cost.get("steps_per_s")), number(cost.get("ns_per_day"))
    return "" if steps is None or ns is None else f"{shown(steps)} steps/s a worker = {shown(ns, 2)} ns/day"
