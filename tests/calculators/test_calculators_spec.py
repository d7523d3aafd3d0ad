"""The grammar of specs, the catalogue of schemes and what other packages add to it."""

import hashlib
import pickle
from importlib.metadata import EntryPoint

import pytest
from ase.calculators.lj import LennardJones

from compcalc.calculators import Scheme, get_calculator, get_scheme, parse_spec
from compcalc.calculators.catalogue import SCHEMES
from compcalc.calculators.checked import CheckedCalculator
from compcalc.commands.listing import calculator_rows, calculator_table
from compcalc.errors import (
    DataError,
    InputError,
    MissingDependencyError,
    UnknownNameError,
    UnsupportedElementError,
)
from compcalc.registry import Registry


@pytest.mark.parametrize(
    ("text", "scheme", "argument", "options"),
    [
        ("mmff94", "mmff94", "", {}),
        ("tblite:GFN2-xTB?accuracy=0.1", "tblite", "GFN2-xTB", {"accuracy": 0.1}),
        (" mace:default ", "mace", "default", {}),
        ("mace:a/b.pt?dtype=float64&device=cuda:0", "mace", "a/b.pt", {"dtype": "float64", "device": "cuda:0"}),
        ("not/there.model?dtype=float32", "mace", "not/there.model", {"dtype": "float32"}),
        ("file:a/b.py:make?x=1", "file", "a/b.py:make", {"x": 1}),
        ("python:pkg.mod:make?a=True&b=none&c=-2&d=1e-3&e=&f=x=y", "python", "pkg.mod:make",
         {"a": True, "b": None, "c": -2, "d": 1e-3, "e": "", "f": "x=y"}),
        ("mmff94?", "mmff94", "", {}),
    ],
)  # fmt: skip
def test_grammar(text, scheme, argument, options):
    spec = parse_spec(text)
    assert (spec.text, spec.scheme, spec.argument, spec.options) == (text, scheme, argument, options)
    assert [type(v) for v in spec.options.values()] == [type(v) for v in options.values()]


def test_an_existing_file_stands_for_mace(tmp_path, monkeypatch):
    (tmp_path / "potential.pt").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    spec = parse_spec("potential.pt?dtype=float32")
    assert (spec.scheme, spec.argument, spec.options) == ("mace", "potential.pt", {"dtype": "float32"})
    assert spec.file_hashes() == {"potential.pt": hashlib.sha256(b"weights").hexdigest()}


def test_files_of_a_python_file_spec(tmp_path):
    path, table = tmp_path / "mine.py", tmp_path / "table.txt"
    path.write_text("")
    table.write_text("1 2 3")
    assert parse_spec(f"file:{path}:make?table={table}&n=3").files() == [path, table]
    assert parse_spec("tblite:GFN2-xTB").files() == []


@pytest.mark.parametrize("text", ["", "  ", "?x=1"])
def test_empty_spec_is_refused(text):
    with pytest.raises(InputError, match="scheme:argument"):
        parse_spec(text)


@pytest.mark.parametrize("query", ["x", "=1", "1x=2", "x=1&y", "a b=1"])
def test_bad_options_are_refused(query):
    with pytest.raises(InputError, match="key=value pairs joined by &"):
        parse_spec(f"mmff94?{query}")


def test_a_name_longer_than_a_file_name_is_an_unknown_scheme():
    with pytest.raises(UnknownNameError, match="scheme"):
        get_calculator("x" * 300)


def test_unknown_scheme_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'tblite'") as caught:
        get_calculator("tblte:GFN2-xTB")
    assert "mmff94" in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [("mmff94?flavour=s", "variant"), ("tblite:GFN2-xTB?acuracy=1", "accuracy, charge, spin"), ("mace?x=1", "dtype")],
)
def test_unknown_option_names_the_allowed(spec, allowed):
    with pytest.raises(InputError, match=allowed):
        get_calculator(spec)


@pytest.mark.parametrize("spec", ["mmff94:MMFF", "mmff94?variant=3", "tblite:GFN3-xTB", "mace:x.model?dtype=64"])
def test_unknown_value_of_a_choice_names_the_choices(spec):
    with pytest.raises(UnknownNameError, match="MMFF94s|GFN2-xTB|float64"):
        get_calculator(spec)


@pytest.mark.parametrize(
    "option", ["accuracy=abc", "accuracy=none", "accuracy=1e-5", "accuracy=2000", "accuracy=true", "charge=abc",
               "spin=1.5", "spin=-1", "max_iterations=2.5", "max_iterations=0"],
)  # fmt: skip
def test_options_of_tblite_are_checked(option):
    name, _, _ = option.partition("=")
    with pytest.raises(InputError, match=f"{name}: got"):
        get_calculator(f"tblite:GFN2-xTB?{option}")


def test_missing_dependency_says_what_to_install(monkeypatch):
    scheme = Scheme(lambda argument: None, "s", "e", requires=("json", "absent_pkg.sub", "absent_pkg"), install="pip x")
    monkeypatch.setitem(SCHEMES._builtin, "odd", "compcalc.calculators.catalogue:Scheme")
    monkeypatch.setattr("compcalc.calculators.catalogue.get_scheme", lambda name: scheme)
    assert scheme.missing() == ["absent_pkg.sub", "absent_pkg"]
    with pytest.raises(MissingDependencyError, match="'absent_pkg.sub'.*pip x"):
        get_calculator("odd:a")


@pytest.mark.parametrize("name", ["mace", "tblite", "mmff94", "python", "file"])
def test_builtin_schemes_describe_themselves(name):
    scheme = get_scheme(name)
    assert scheme.summary and "\n" not in scheme.summary
    assert parse_spec(scheme.example).scheme == name
    assert SCHEMES.origin(name) == "compcalc"


# What another package's entry points refer to.
def build_lj(argument, rc=5.0, **options):
    """Lennard-Jones of another package.

    More words.
    """
    return LennardJones(rc=rc, **options)


def build_with_two_options(argument, rc=5.0, *, sigma=1.0):
    return LennardJones(rc=rc, sigma=sigma)


def build_nothing(argument):
    return "no calculator"


LJ_SCHEME = Scheme(build_lj, "a full scheme", "lj2")


@pytest.fixture
def plugins(monkeypatch):
    """Entry points as if other packages had been installed; `broken` refers to a module that is not there."""

    def fake(group):
        assert group == "compcalc.calculators"
        targets = {
            "lj": f"{__name__}:build_lj",
            "lj2": f"{__name__}:LJ_SCHEME",
            "two": f"{__name__}:build_with_two_options",
            "nothing": f"{__name__}:build_nothing",
            "broken": "package_that_is_not_there:Scheme",
            "gone": f"{__name__}:attribute_that_is_not_there",
            "mmff94": f"{__name__}:build_nothing",
        }
        return [EntryPoint(name, target, group) for name, target in targets.items()]

    monkeypatch.setattr("compcalc.registry.entry_points", fake)


def test_scheme_of_another_package(plugins):
    built = get_calculator("lj?rc=4.0&sigma=2")
    assert isinstance(built, CheckedCalculator) and isinstance(built.inner, LennardJones)
    assert built.inner.parameters.rc == 4.0
    assert get_scheme("lj").summary == "Lennard-Jones of another package."
    assert get_scheme("lj2") is LJ_SCHEME
    assert SCHEMES.origin("lj") == "unknown"


def test_options_of_another_package_may_be_ordinary_arguments(plugins):
    assert get_calculator("two?rc=4.0&sigma=3").inner.parameters.sigma == 3
    with pytest.raises(InputError, match="rc, sigma"):
        get_calculator("two?argument=1")


def test_a_builtin_scheme_wins_over_another_packages(plugins):
    assert type(get_calculator("mmff94")).__name__ == "MMFF94Calculator"


@pytest.mark.parametrize("name", ["broken", "gone"])
def test_a_broken_scheme_of_another_package_is_named(plugins, name):
    with pytest.raises(DataError, match=f"scheme '{name}'.*cannot be loaded.*(ModuleNotFound|Attribute)Error"):
        get_calculator(f"{name}:x")


def test_what_is_no_calculator_is_refused(plugins):
    with pytest.raises(InputError, match="an ASE calculator.*It built a str"):
        get_calculator("nothing:x")


def test_listing_survives_broken_schemes(plugins):
    rows = {row["scheme"]: row for row in calculator_rows()}
    assert {"mace", "tblite", "mmff94", "python", "file", "lj", "lj2", "broken", "gone"} <= set(rows)
    assert not rows["broken"]["available"] and "package_that_is_not_there" in rows["broken"]["summary"]
    assert rows["lj"]["available"] and rows["lj"]["summary"] == "Lennard-Jones of another package."
    assert rows["mmff94"]["from"] == "compcalc"
    assert calculator_table(list(rows.values())).row_count == len(rows)


def test_registry_without_a_group_knows_its_table_alone():
    registry = Registry("thing", {"path": "pathlib:Path"})
    assert registry.names() == ["path"]
    assert registry.load("path").__name__ == "Path"
    with pytest.raises(UnknownNameError, match="thing: got 'paht'; allowed: path. Did you mean 'path'?"):
        registry.load("paht")


@pytest.mark.parametrize(
    "error",
    [
        InputError("accuracy", 5, "1 to 2", "Change it."),
        UnknownNameError("scheme", "mase", ["mace", "tblite"], "See the list."),
        MissingDependencyError("x:", "pkg", "pip install pkg"),
        UnsupportedElementError("MACE", ["Si"], ["H", "C"]),
    ],
)
def test_errors_survive_the_way_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
