"""compcalc's calculators in ASE's own look-ups, and a scheme that another package adds."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ase.build import molecule
from ase.calculators.calculator import get_calculator_class

from compcalc import ase_plugin, get_calculator
from compcalc.calculators.mmff94 import MMFF94Calculator

PACKAGE = Path(__file__).parents[2] / "examples" / "third_party_package"


def test_ase_finds_the_calculators_by_name():
    ours = ase_plugin.register()
    # Importing tblite's own ASE module gives the name `tblite` to that.
    assert {"compcalc", "mace", "mmff94", "ani"} <= set(ours)
    assert ase_plugin.register() == ours
    water = molecule("H2O")
    by_name = get_calculator_class("mmff94")()
    assert isinstance(by_name, MMFF94Calculator)
    general = get_calculator_class("compcalc")("mmff94:MMFF94s")
    energy = get_calculator("mmff94").get_potential_energy(water)
    assert by_name.get_potential_energy(water) == general.get_potential_energy(water) == energy
    assert get_calculator_class("compcalc")("tblite:GFN1-xTB", accuracy=1.0).accuracy == 1.0


def test_names_of_ase_stay_ases():
    ase_plugin.register()
    assert get_calculator_class("emt").__module__ == "ase.calculators.emt"
    assert "ase" not in ase_plugin.register()


def test_the_entry_point_lists_the_plugins():
    code = (
        "from ase._4.plugins.plugin_collection import PluginCollection as P\n"
        "found = {p.name: p for p in P.from_entry_points() if p.package == 'compcalc'}\n"
        "print(sorted(found), found['mmff94'].version)\n"
        "print(type(found['mmff94']()()).__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "'compcalc'" in result.stdout
    assert result.stdout.splitlines()[-1] == "MMFF94Calculator"


def test_ase_info_lists_them():
    result = subprocess.run([sys.executable, "-m", "ase", "info", "--plugins"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "mmff94" in result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The example package, built and installed into a directory of its own."""
    root = tmp_path_factory.mktemp("third-party")
    source, target = root / "source", root / "site"
    shutil.copytree(PACKAGE, source)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target"]
    result = subprocess.run([*command, str(target), str(source)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return {**os.environ, "PYTHONPATH": str(target)}


def test_a_third_party_package_adds_a_scheme_by_one_entry_point(installed):
    command = [sys.executable, "-m", "compcalc", "calculators", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, env=installed)
    rows = {row["scheme"]: row for row in json.loads(result.stdout)}
    assert rows["morse"]["from"] == "morse-potential"
    assert rows["morse"]["available"]


def test_its_scheme_computes_and_its_options_are_checked(installed):
    code = (
        "from ase import Atoms\nfrom compcalc import get_calculator\nfrom compcalc.errors import InputError\n"
        "h2 = Atoms('H2', [[0, 0, 0], [0, 0, 0.74]], calculator=get_calculator('morse:?depth=4.0'))\n"
        "print(round(h2.get_potential_energy(), 6), abs(h2.get_forces()).max() < 1e-9)\n"
        "try:\n    get_calculator('morse:?deep=4.0')\nexcept InputError as error:\n    print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=installed)
    first, second = result.stdout.splitlines()
    assert first == "-4.0 True"
    assert "'deep'; allowed: depth, width, distance" in second
