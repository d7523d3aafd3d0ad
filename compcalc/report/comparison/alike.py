"""Whether runs were measured alike: the same data, reference, dynamics and seed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compcalc.errors import IncomparableError
from compcalc.report.comparison.measured import Measured
from compcalc.report.comparison.pooling import Pool
from compcalc.report.rows import md_runs, static_entries
from compcalc.report.wording import plural

MOST_MOLECULES = 3
"""Molecules whose data differ that are named; the rest is counted."""

_REMEDIES = {
    "reference method": "Run them with the same --reference, or --data.",
    "data": "Run them on the same --data, or compare those that have it.",
    "molecules": "Run them on the same molecules, with the same version of compcalc.",
    "preset": "Run them with the same --preset and --replicas; a run of the same directory with more replicas grows.",
    "seed": "Run them with the same --seed; --pool-seeds takes runs of one potential that differ in it for replicas.",
    "metrics version": "Give the command of the older run again with this version of compcalc.",
}
_HARDWARE = ("cpu", "cores", "platform", "workers")


def refuse_unlike(runs: Sequence[Measured], pools: Sequence[Pool]) -> None:
    """Refuse runs on one subject whose numbers do not belong side by side.

    Dynamics and seeds count for runs that have dynamics: errors on given frames depend on neither. Each model has to
    have dynamics of the same seeds.

    Args:
        runs: all of them.
        pools: the rows in which they stand.

    Raises:
        IncomparableError: something differs; it names what, value against value.
    """
    facts = [*((run.label, _facts(run)) for run in runs), *_seeds(pools)]
    topics = {name: topic for _, mine in facts for topic, name in mine}
    found = _differences((label, {name: value for (_, name), value in mine.items()}) for label, mine in facts)
    if found:
        words = {name: _against(values) for name, values in found.items()}
        remedies = [_REMEDIES[topic] for topic in dict.fromkeys(topics[name] for name in found)]
        raise IncomparableError(runs[0].subject, _shortened(words, topics), remedies)


def hardware_differences(pools: Sequence[Pool]) -> dict[str, dict[str, list[str]]]:
    """What differs of the machines -> value -> rows; empty where speeds can be compared."""
    return _differences(
        (pool.label, {key: str((run.manifest.get("hardware") or {}).get(key)) for key in _HARDWARE})
        for pool in pools
        for run in pool.runs
    )


def version_differences(pools: Sequence[Pool]) -> dict[str, dict[str, list[str]]]:
    """Package -> version -> rows, where versions differ."""
    return _differences((pool.label, run.manifest.get("versions") or {}) for pool in pools for run in pool.runs)


def differences_in_words(found: Mapping[str, Mapping[str, list[str]]]) -> str:
    """`workers 1 (mmff94) against 2 (mace:default)`."""
    return "; ".join(f"{name} {_against(values)}" for name, values in found.items())


def _against(values: Mapping[str, list[str]]) -> str:
    return " against ".join(f"{value} ({', '.join(labels)})" for value, labels in values.items())


def _differences(facts: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, dict[str, list[str]]]:
    """Fact -> value -> labels, each once, of facts that not all runs that have them agree on."""
    found: dict[str, dict[str, list[str]]] = {}
    for label, mine in facts:
        for name, value in mine.items():
            labels = found.setdefault(name, {}).setdefault(value, [])
            if label not in labels:
                labels.append(label)
    return {name: values for name, values in found.items() if len(values) > 1}


def _seeds(pools: Sequence[Pool]) -> list[tuple[str, dict[tuple[str, str], str]]]:
    """Label of the first run of each model with dynamics, and the seeds of its dynamics, as `_facts` has them."""
    found = []
    for model in (model for pool in pools for model in pool.models):
        with_md = [run for run in model if run.has_md]
        if with_md:
            seeds = ", ".join(str(seed) for seed in sorted({int(run.manifest.get("seed") or 0) for run in with_md}))
            found.append((with_md[0].label, {("seed", "seed"): seeds}))
    return found


def _facts(run: Measured) -> dict[tuple[str, str], str]:
    """Topic and name of everything that must be the same -> value in words."""
    manifest, data = run.manifest, run.manifest.get("data") or {}
    facts = {("metrics version", "metrics version"): str(run.metrics.get("schema_version"))}
    facts[("reference method", "reference method")] = str(data.get("method"))
    checksums = data.get("sha256") or {}
    facts |= {("data", f"data of {name}"): digest[:12] for name, digest in checksums.items()}
    if static := static_entries(run.metrics):
        facts[("molecules", "molecules with errors")] = _in_words(f"{e['molecule']} ({e['split']})" for e in static)
    if run.has_md:
        names = dict.fromkeys(entry["molecule"] for entry in md_runs(run.metrics))
        facts[("molecules", "molecules with dynamics")] = _in_words(names)
        facts |= {("preset", name): value for name, value in _dynamics(manifest.get("preset") or {}).items()}
    return facts


def _dynamics(preset: Mapping[str, Any]) -> dict[str, str]:
    """Name of each setting of the dynamics -> value."""
    protocols = preset.get("protocols") or []
    settings = {
        "preset, replicas": str(preset.get("replicas")),
        "preset, protocols": ", ".join(str(protocol.get("name")) for protocol in protocols),
    }
    for protocol in protocols:
        mine = {key: value for key, value in protocol.items() if key != "name"}
        settings |= {f"preset, {key} of {protocol.get('name')}": str(value) for key, value in mine.items()}
    return settings


def _in_words(names: Iterable[str]) -> str:
    names = list(names)
    return f"{plural(len(names), 'molecule')}, {', '.join(names)}"


def _shortened(words: Mapping[str, str], topics: Mapping[str, str]) -> dict[str, str]:
    """Without most of the molecules, where the data of many differ."""
    dropped = [name for name in words if topics[name] == "data"][MOST_MOLECULES:]
    kept = {name: text for name, text in words.items() if name not in dropped}
    return kept | ({"data": f"of {plural(len(dropped), 'molecule')} more"} if dropped else {})
