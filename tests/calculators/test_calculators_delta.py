"""The sum of a base and a correction: energies, forces, caching, and files that do not belong together."""

import json
from dataclasses import replace

import numpy as np
import pytest
from additive_samples import random_parameters
from calculator_samples import numerical_forces, rattled

from compcalc.calculators import get_calculator
from compcalc.calculators.delta import save_delta
from compcalc.errors import DataError, UnsupportedElementError
from compcalc.testing import assert_conforms

ETHANOL = rattled("CH3CH2OH")


@pytest.fixture
def folder(tmp_path):
    random_parameters([ETHANOL, rattled("H2O"), rattled("CH4")]).save(tmp_path / "correction.json")
    save_delta(tmp_path / "delta.json", base="mmff94", scheme="additive", correction=tmp_path / "correction.json")
    return tmp_path


def test_energy_and_forces_are_those_of_both_together(folder):
    delta = get_calculator(f"delta:{folder}/delta.json")
    parts = [get_calculator("mmff94"), get_calculator(f"additive:{folder}/correction.json")]
    for seed in range(2):
        atoms = rattled("CH3CH2OH", seed=seed)
        assert delta.get_potential_energy(atoms) == pytest.approx(sum(p.get_potential_energy(atoms) for p in parts))
        np.testing.assert_allclose(delta.get_forces(atoms), sum(p.get_forces(atoms) for p in parts), atol=1e-12)


def test_forces_are_minus_the_gradient(folder):
    delta = get_calculator(f"delta:{folder}")
    pairs = [(0, 0), (2, 1), (5, 0), (8, 2)]
    expected = [delta.get_forces(ETHANOL)[pair] for pair in pairs]
    np.testing.assert_allclose(numerical_forces(delta, ETHANOL, 1e-4, pairs), expected, atol=1e-4)


def test_a_batch_is_its_molecules(folder):
    delta, frames = get_calculator(f"delta:{folder}"), [ETHANOL, rattled("H2O"), rattled("CH4")]
    assert delta.can_batch
    energies, forces = delta.evaluate(frames)
    for atoms, energy, force in zip(frames, energies, forces, strict=True):
        assert energy == pytest.approx(delta.get_potential_energy(atoms), abs=1e-9)
        np.testing.assert_allclose(force, delta.get_forces(atoms), atol=1e-9)


def test_it_conforms(folder):
    assert_conforms(get_calculator(f"delta:{folder}"), ETHANOL)


def test_elements_are_those_of_both(folder):
    with pytest.raises(UnsupportedElementError, match="delta mmff94 . additive"):
        get_calculator(f"delta:{folder}").get_potential_energy(rattled("SiH4"))


def test_another_correction_is_refused(folder):
    parameters = random_parameters([ETHANOL], seed=9)
    replace(parameters, centres=dict(parameters.centres)).save(folder / "correction.json")
    with pytest.raises(DataError, match="correction.json is not the correction that was fitted with it"):
        get_calculator(f"delta:{folder}")
    (folder / "correction.json").unlink()
    with pytest.raises(DataError, match="the correction .*correction.json does not exist"):
        get_calculator(f"delta:{folder}")


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("tblite:GFN9", "GFN1-xTB, GFN2-xTB"),
        ("nonsense:", "allowed: additive"),
        ("file:gone.py:make", "gone.py does not"),
    ],
)
def test_a_base_that_cannot_be_built_is_named(folder, base, message):
    save_delta(folder / "delta.json", base=base, scheme="additive", correction=folder / "correction.json")
    with pytest.raises(DataError, match=f"its base {base} cannot be built.*{message}"):
        get_calculator(f"delta:{folder}")


def test_a_base_whose_package_is_missing_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr("compcalc.calculators.catalogue._installed", lambda name: name != "tblite")
    save_delta(folder / "delta.json", base="tblite:GFN1-xTB", scheme="additive", correction=folder / "correction.json")
    with pytest.raises(DataError, match="its base tblite:GFN1-xTB cannot be built.*pip install tblite"):
        get_calculator(f"delta:{folder}")


def test_the_hash_is_that_of_the_file_which_holds_the_correction_s(folder):
    first = get_calculator(f"delta:{folder}").sha256
    random_parameters([ETHANOL], seed=9).save(folder / "correction.json")
    save_delta(folder / "delta.json", base="mmff94", scheme="additive", correction=folder / "correction.json")
    assert get_calculator(f"delta:{folder}").sha256 != first
    assert "correction_sha256" in json.loads((folder / "delta.json").read_text())
