"""Energies by element: exact where they are determined, nearest to E0 where they are not."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from training_fields import job

from compcalc.calculators.linear import load_energies
from compcalc.training.linear import LinearSettings, fit_linear

TRUE = {"H": -13.625, "C": -1027.5, "O": -2041.25}


def energy(atoms: Atoms) -> tuple[float, np.ndarray]:
    return sum(TRUE[symbol] for symbol in atoms.symbols), np.zeros((len(atoms), 3))


def fitted(directory, names, known):
    fit = fit_linear(job(directory, {name: molecule(name) for name in names}, energy, known, count=4), LinearSettings())
    return load_energies(fit.model), fit


@pytest.mark.parametrize("known", [{}, {"H": -10.0, "C": -900.0, "O": 0.0}])
def test_energies_are_recovered_exactly(tmp_path, known):
    energies, fit = fitted(tmp_path / "work", ["CH4", "CH3CH2OH", "H2O"], known)
    assert energies == pytest.approx(TRUE, rel=1e-12)
    assert fit.details == {"rank": 3, "elements": 3}
    assert fit.notes == ("forces are zero, whatever the geometry",)


def test_the_model_has_the_elements_of_the_molecules_and_no_others(tmp_path):
    energies, _ = fitted(tmp_path / "work", ["CH4", "C2H6"], {"N": -1500.0})
    assert set(energies) == {"C", "H"}


def test_what_the_compositions_leave_open_stays_nearest_to_the_known_energies(tmp_path):
    """Acids are CnH2nO2: C and H count together, and so do the two O and whatever belongs to each acid."""
    known = {symbol: value + shift for (symbol, value), shift in zip(TRUE.items(), (0.25, -1.5, 0.75), strict=True)}
    energies, fit = fitted(tmp_path / "work", ["HCOOH", "CH3COOH"], known)
    change = np.array([energies[symbol] - known[symbol] for symbol in ("C", "H", "O")])
    counts = np.array([[1, 2, 2], [2, 4, 2]])
    target = counts @ np.array([TRUE[symbol] - known[symbol] for symbol in ("C", "H", "O")])
    np.testing.assert_allclose(counts @ change, target, atol=1e-9)  # the molecules are fitted
    assert change @ np.array([2.0, -1.0, 0.0]) == pytest.approx(0.0, abs=1e-9)  # and nothing else is changed
    assert abs(energies["H"] - TRUE["H"]) > 0.1
    (_, note) = fit.notes
    assert "do not determine the energies of H, C, O (rank 2 of 3)" in note
