"""The published schemas against what runs of every sort leave, and against what they must refuse."""

import copy
import json

import pytest

from compcalc.errors import UnknownNameError
from compcalc.metrics.dynamics import GROUPS, NUMBERS, WORDS
from compcalc.metrics.static import FRAME_METRICS, MOLECULE_METRICS
from compcalc.pipeline import RunSettings, run
from compcalc.report.glossary import ascii_unit
from compcalc.schemas import NAMES, schema, unit_of

validators = pytest.importorskip("jsonschema", reason="pip install 'compcalc[dev]'")

HALF_BROKEN = '''
from ase.calculators.calculator import Calculator, all_changes
from compcalc import get_calculator

class HalfBroken(Calculator):
    """MMFF94 that knows nothing of butane, and little of every fourth propane."""
    implemented_properties = ["energy", "free_energy", "forces"]

    def __init__(self):
        super().__init__()
        self.inner, self.count = get_calculator("mmff94"), 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.count += 1
        if len(atoms) == 14 or (len(atoms) == 11 and self.count % 4 == 0):
            raise RuntimeError("no such luck, 'quoted' and \\n of two lines")
        self.inner.calculate(atoms, properties, system_changes)
        self.results = dict(self.inner.results)
'''


def errors_in(name, content):
    validator = validators.Draft202012Validator(schema(name))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]


def on_task(tiny_data, spec="mmff94", **options):
    return RunSettings(spec, "length", data=tiny_data, **{"workers": 0, **options})


@pytest.fixture
def sorts_of_run(tiny_task, tiny_preset, tiny_data, tmp_path):
    """Name -> settings: whole, halves, with failures, and on own molecules without a reference."""
    (tmp_path / "half.py").write_text(HALF_BROKEN)
    return {
        "whole": on_task(tiny_data, reference_replicas=1),
        "static": on_task(tiny_data, only="static"),
        "md": on_task(tiny_data, only="md"),
        "failing": on_task(tiny_data, f"file:{tmp_path}/half.py:HalfBroken"),
        "own": RunSettings("mmff94", molecules=("C",), workers=0),
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_itself_is_valid(name):
    validators.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("sort", ["whole", "static", "md", "failing", "own"])
def test_what_a_run_leaves_keeps_to_the_schemas(sort, sorts_of_run, tmp_path):
    out = tmp_path / "run"
    done = run(sorts_of_run[sort], out, command="compcalc run")
    advice = "describe new keys in compcalc/schemas/*.schema.json"
    for name, file in (("metrics", "metrics.json"), ("run", "run.json")):
        assert not errors_in(name, json.loads((out / file).read_text())), advice
    metrics = done["metrics"]
    assert (metrics["static"] is None) == (sort in ("md", "own")) and (metrics["md"] is None) == (sort == "static")
    if sort == "failing":
        assert [row["n_failed"] for row in metrics["static"]["molecules"]] == [0, 1, 4]
        assert {row["outcome"] for row in metrics["md"]["runs"]} == {"calculator_error"}


def test_a_run_that_is_under_way_keeps_to_the_schema(sorts_of_run, tmp_path, monkeypatch):
    class CutOff(Exception):
        pass

    def cut_off(*_, **__):
        raise CutOff

    monkeypatch.setattr("compcalc.pipeline.running.run_units", cut_off)
    with pytest.raises(CutOff):
        run(sorts_of_run["static"], tmp_path / "run")
    manifest = json.loads((tmp_path / "run/run.json").read_text())
    assert manifest["finished"] is None and "cost" not in manifest
    assert not errors_in("run", manifest)


def _set(content, path, value):
    *parents, last = path
    for key in parents:
        content = content[key]
    content[last] = value


@pytest.fixture(scope="module")
def whole(tiny_data, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        from compcalc.dynamics.protocols import PRESETS, Preset, Protocol
        from compcalc.tasks import Task, get_task

        length = get_task("length")
        task = Task("length", "base", length.question, length.train[:2], length.train[2:3])
        patch.setattr("compcalc.pipeline.inputs.get_task", lambda name, variant="base": task)
        protocols = (Protocol("nve", 0.01, equilibration_ps=0.0), Protocol("nvt", 0.01, equilibration_ps=0.0))
        patch.setitem(PRESETS, "quick", Preset("quick", protocols, 1))
        done = run(on_task(tiny_data), tmp_path_factory.mktemp("whole") / "run")
    return {"metrics": done["metrics"], "run": done["manifest"]}


@pytest.mark.parametrize(
    ("name", "path", "value", "words"),
    [
        ("metrics", ("schema_version",), 2, "1 was expected"),
        ("metrics", ("extra",), 1, "'extra' was unexpected"),
        ("metrics", ("static", "molecules", 0, "force_mae_mev_per_angstrom"), "12", "not of type 'number', 'null'"),
        ("metrics", ("static", "molecules", 0, "force_mae_ev"), 1.0, "'force_mae_ev' was unexpected"),
        ("metrics", ("static", "molecules", 0, "split"), "train", "not one of"),
        ("metrics", ("static", "molecules", 0, "n_failed"), -1, "less than the minimum"),
        ("metrics", ("static", "molecules", 0, "force_mae_by_element", "C"), [1.0], "not of type 'number', 'null'"),
        ("metrics", ("static", "summary", "id", "force_mae"), {"value": 1}, "'force_mae' was unexpected"),
        ("metrics", ("md", "runs", 0, "outcome"), "melted", "not one of"),
        ("metrics", ("md", "runs", 0, "drift_resolved"), 1, "not of type 'boolean', 'null'"),
        ("metrics", ("md", "summary", "nve", "survival", "low"), [1.5], "greater than the maximum"),
        ("metrics", ("md", "stability", "molecules", 0, "rank"), 1, "'rank' was unexpected"),
        ("run", ("seed",), "0", "not of type 'integer'"),
        ("run", ("preset", "protocols", 0, "dt"), 0.5, "'dt' was unexpected"),
        ("run", ("data", "sha256", "alkane/02"), "abc", "does not match"),
        ("run", ("only",), "some", "not one of"),
    ],
)
def test_a_wrong_type_and_an_unknown_key_are_refused(name, path, value, words, whole):
    content = copy.deepcopy(whole[name])
    assert not errors_in(name, content)
    _set(content, path, value)
    assert any(words in error for error in errors_in(name, content)), errors_in(name, content)


def test_a_key_that_is_gone_is_refused(whole):
    content = copy.deepcopy(whole["metrics"])
    del content["static"]["molecules"][0]["ms_per_frame"]
    assert errors_in("metrics", content) == ["$.static.molecules[0]: 'ms_per_frame' is a required property"]


def _properties(node, path=""):
    """Name and description of every property anywhere below a schema."""
    if isinstance(node, dict):
        for key, described in node.get("properties", {}).items():
            yield f"{path}/{key}", described
        for key, item in node.items():
            yield from _properties(item, f"{path}/{key}")
    elif isinstance(node, list):
        for item in node:
            yield from _properties(item, path)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_has_a_description_and_every_number_a_unit(name):
    # `interval` and `finding` hold numbers in the unit of what they stand under, or of their own.
    for path, described in _properties(schema(name)):
        assert "description" in described or "$ref" in described, path
        numeric = {"number", "integer"} & {*described.get("type", ())} or described.get("type") in ("number", "integer")
        free = "/interval/" in path or "/finding/" in path
        assert not numeric or "unit" in described or free, path
        unit, key = described.get("unit"), path.rpartition("/")[2]
        assert not (unit and ascii_unit(key)) or unit == ascii_unit(key), path


def test_every_metric_has_its_unit_from_the_schema():
    keys = {*FRAME_METRICS, *MOLECULE_METRICS, *NUMBERS, *GROUPS}
    assert {key: unit_of(key) for key in keys if unit_of(key) is None} == {}
    assert {unit_of(key) for key in (*WORDS, "outcome", "no_such_key")} == {None}
    assert (unit_of("band_per_cm"), unit_of("force_mae_by_element"), unit_of("force_cosine")) == (
        "1/cm",
        "meV/angstrom",
        "1",
    )


def test_both_schemas_describe_a_finding_alike():
    assert schema("metrics")["$defs"]["finding"] == schema("run")["$defs"]["finding"]


def test_an_unknown_schema_is_named():
    with pytest.raises(UnknownNameError, match="allowed: metrics, run"):
        schema("metric")
