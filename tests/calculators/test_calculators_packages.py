"""Potentials of other packages: names, files, weights from a cache, and clear refusals."""

import os
import shutil
from urllib.error import URLError

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.lj import LennardJones

from compcalc import get_calculator
from compcalc.calculators.mace_file import shipped_model
from compcalc.errors import DataError, InputError, MissingDependencyError, UnknownNameError, UnsupportedElementError


@pytest.fixture
def mace_cache(tmp_path, monkeypatch):
    """An empty cache of mace-torch, and no network."""
    from mace.calculators import foundations_models

    def unreachable(url, filename, timeout=None):
        raise URLError("no route to host")

    monkeypatch.setattr(foundations_models, "get_cache_dir", lambda: str(tmp_path / "mace"))
    monkeypatch.setattr(foundations_models, "_urlretrieve_with_timeout", unreachable)
    return tmp_path / "mace"


@pytest.mark.parametrize(
    ("spec", "file"),
    [
        ("mace-off:small", "MACE-OFF23_small.model"),
        ("mace-off:small", "MACEOFF23_smallmodel"),
        ("mace-mp:medium-mpa-0", "macempa0mediummodel"),
    ],
)
def test_foundation_models_come_from_the_cache(spec, file, mace_cache):
    mace_cache.mkdir()
    shutil.copy(shipped_model(), mace_cache / file)
    propane = molecule("C3H8")
    expected = get_calculator("mace:default").get_potential_energy(propane)
    assert get_calculator(spec).get_potential_energy(propane) == expected


def test_a_foundation_model_out_of_reach_says_where_to_put_it(mace_cache):
    with pytest.raises(DataError, match=r"(?s)mace-off:small is not in .*no route to host.*Download https.*mace:path"):
        get_calculator("mace-off:small")
    assert not list(mace_cache.glob("*"))


def test_a_download_speaks_on_stderr_alone(mace_cache, monkeypatch, capsys):
    from mace.calculators import foundations_models

    def fetched(url, filename, timeout=None):
        print("Downloading: 100.0%")
        shutil.copy(shipped_model(), filename)

    monkeypatch.setattr(foundations_models, "_urlretrieve_with_timeout", fetched)
    get_calculator("mace-off:small")
    printed = capsys.readouterr()
    assert "Downloading" in printed.err and "Downloading" not in printed.out


def test_an_unknown_foundation_model_lists_the_known(mace_cache):
    with pytest.raises(UnknownNameError, match=r"'huge'; allowed: large, medium, small"):
        get_calculator("mace-off:huge")


def test_ase_calculators_by_name_take_their_options():
    dimer = molecule("H2")
    inner = LennardJones(sigma=0.7, epsilon=0.02, rc=4.0)
    calculator = get_calculator("ase:lj?sigma=0.7&epsilon=0.02&rc=4.0")
    assert calculator.get_potential_energy(dimer) == inner.get_potential_energy(dimer)
    assert np.array_equal(calculator.get_forces(dimer), inner.get_forces(dimer))


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("ase:lennardjones2", UnknownNameError, "'lennardjones2'"),
        ("ase:lj?sigmma=0.7", InputError, r"(?s)sigmma.*epsilon.*sigma"),
        ("ase:lj?smooth=a&rc=b", DataError, "ase:lj"),
    ],
)
def test_ase_calculators_are_refused_by_name_and_option(spec, error, words):
    with pytest.raises(error, match=words):
        calculator = get_calculator(spec)
        calculator.get_potential_energy(molecule("H2"))


@pytest.mark.parametrize("scheme", ["sevennet", "chgnet", "graph-pes", "metatomic", "aimnet2", "orb", "uma"])
def test_a_package_that_is_missing_is_named_with_the_remedy(scheme):
    from compcalc.calculators import get_scheme

    found = get_scheme(scheme)
    if not found.missing():
        pytest.skip(f"{found.requires} is installed")
    with pytest.raises(MissingDependencyError, match=r"pip install"):
        get_calculator(f"{scheme}:model")


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["sevennet:7net-0", "chgnet:0.3.0"])
def test_shipped_weights_run_in_another_environment(spec):
    """Needs an interpreter with sevenn and chgnet, named by COMPCALC_TEST_PYTHON."""
    python = os.environ.get("COMPCALC_TEST_PYTHON")
    if not python:
        pytest.skip("COMPCALC_TEST_PYTHON names no interpreter with sevenn and chgnet")
    calculator = get_calculator(spec, python=python)
    ethanol = molecule("CH3CH2OH")
    ethanol.rattle(0.03, seed=1)
    ethanol.calc = calculator
    forces, step = ethanol.get_forces(), 2e-3
    energies = []
    for sign in (1, -1):
        moved = ethanol.copy()
        moved.positions[2, 1] += sign * step
        energies.append(calculator.get_potential_energy(moved))
    assert forces[2, 1] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=5e-3)
    ethanol.numbers[0] = 118
    with pytest.raises(UnsupportedElementError, match="Og"):
        ethanol.get_potential_energy()
