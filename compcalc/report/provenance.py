"""What was run, as labelled lines."""

from collections.abc import Iterator, Mapping
from typing import Any

from compcalc.report.costs import cost_words
from compcalc.report.wording import MISSING, duration, moment, number, shown

SPLIT_NOTE = (
    "The splits of the tasks are reconstructed from public descriptions of arXiv:2605.08988; the authors' own files "
    "were not used. Numbers of the paper and of this report are not interchangeable."
)


def provenance(manifest: Mapping[str, Any], metrics: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
    """Label and text of everything that is needed to repeat the run; what the manifest lacks shows as a dash."""
    potential, data, hardware = (manifest.get(key) or {} for key in ("potential", "data", "hardware"))
    lines = [
        ("Command", manifest.get("command")),
        ("Question", manifest.get("question")),
        ("Potential", potential.get("name")),
        ("Specification", manifest.get("spec")),
        ("Precision", potential.get("dtype")),
        ("Examined before the run", _preflight(manifest.get("preflight"))),
        ("Evaluation", _evaluation(potential, metrics)),
        ("Model file SHA-256", potential.get("sha256")),
        ("Trained", potential.get("training")),
        ("Task", manifest.get("task") or "none: the molecules are the user's own"),
        ("Left out", _refused(manifest.get("refused"))),
        ("Parts run", {"all": "static checks and MD"}.get(manifest.get("only"), manifest.get("only"))),
        ("Preset", _preset(manifest.get("preset"))),
        ("Reference data", data.get("path")),
        ("Reference method", data.get("method")),
        *((f"Data: {key}", value) for key, value in _pairs(data.get("description"))),
        ("Seed", manifest.get("seed")),
        ("Started", manifest.get("started") and moment(manifest["started"])),
        ("Finished", manifest.get("finished") and moment(manifest["finished"])),
        ("Time", _timings(manifest.get("timings_s"))),
        ("Cost", cost_words(manifest.get("cost"))),
        ("Hardware", _hardware(hardware)),
        ("compcalc", manifest.get("compcalc")),
        ("Versions", _versions(manifest.get("versions"))),
    ]
    kept = [line for line in lines if line[0] != "Left out" or line[1]]
    return [(label, MISSING if value in (None, "") else str(value)) for label, value in kept]


def _refused(refused: object) -> str:
    return "; ".join(f"{name}: {why}" for name, why in refused.items()) if isinstance(refused, Mapping) else ""


def _evaluation(potential: Mapping, metrics: Mapping | None) -> str:
    if not potential.get("batch_atoms"):
        return "one molecule at a time"
    text = f"in batches of up to {potential['batch_atoms']} atoms; MD in lockstep"
    difference = number(((metrics or {}).get("static") or {}).get("batch_difference_mev_per_angstrom"))
    if difference is None:
        return text
    return f"{text}; largest difference of a force from single evaluations {shown(difference, 2)} meV/Å"


def _preflight(preflight: object) -> str | None:
    """`forces = -gradient: pass, ...; on alkane/02`."""
    if not isinstance(preflight, Mapping) or not preflight.get("findings"):
        return None
    words = ", ".join(f"{f.get('title')}: {str(f.get('verdict')).replace('_', ' ')}" for f in preflight["findings"])
    return f"{words}; on {preflight.get('molecule')}"


def _preset(preset: object) -> str | None:
    """A preset in words; one of another form than a name with protocols is written out as it is."""
    protocols = preset.get("protocols") if isinstance(preset, Mapping) else None
    if not isinstance(protocols, list | tuple) or not all(isinstance(p, Mapping) for p in protocols):
        return _flat(preset)
    runs = "; ".join(
        f"{str(p.get('name')).upper()} {_flat(p.get('production_ps'))} ps after {_flat(p.get('equilibration_ps'))} ps "
        f"of equilibration, {_flat(p.get('timestep_fs'))} fs steps, {_flat(p.get('temperature_k'))} K, "
        f"friction {_flat(p.get('friction_per_fs'))} /fs"
        for p in protocols
    )
    return f"{_flat(preset.get('name'))} (replicas: {_flat(preset.get('replicas'))}): {runs}"


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        yield from ((str(key), _flat(item)) for key, item in value.items())
    elif value:
        yield "description", str(value)


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_flat(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_flat(item) for item in value)
    return MISSING if value is None else str(value)


def _timings(timings: object) -> str:
    known = timings.items() if isinstance(timings, Mapping) else ()
    return ", ".join(f"{name} {duration(seconds)}" for name, seconds in known if number(seconds) is not None)


def _hardware(hardware: Mapping) -> str:
    parts = [hardware.get("cpu"), hardware.get("platform")]
    parts.insert(1, f"{hardware['cores']} cores" if hardware.get("cores") else None)
    parts.insert(2, f"{shown(hardware['memory_gib'])} GiB" if number(hardware.get("memory_gib")) is not None else None)
    return ", ".join(str(part) for part in parts if part)


def _versions(versions: object) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) if isinstance(versions, Mapping) else ""
