"""The energies of the elements that lead from a foundation model's scale to that of the data."""

import numpy as np
import pytest
from ase.data import atomic_numbers, chemical_symbols

from compcalc.calculators.base import PotentialCalculator
from compcalc.errors import UnsupportedElementError
from compcalc.records import Frames, Molecule
from compcalc.training.foundation import energy_shifts, refuse_elements

OWN = {"H": -1.0, "C": -10.0, "N": -20.0, "O": -30.0}
SCALE = {"H": -1.5, "C": -12.0, "N": -25.0, "O": -37.0}


class Sum(PotentialCalculator):
    """Energies by element, of the elements that it knows."""

    def __init__(self, known="HCNO"):
        super().__init__()
        self.known_elements = tuple(known)

    def energy_forces(self, atoms):
        """Energy (eV) and no forces."""
        return sum(OWN[symbol] for symbol in atoms.symbols), np.zeros((len(atoms), 3))


def frames_of(symbols: str, extra=lambda name: 0.0) -> Frames:
    numbers = np.array([atomic_numbers[name] for name in symbols])
    energy = sum(SCALE[name] + extra(name) for name in symbols)
    n = len(numbers)
    return Frames(
        Molecule(symbols, ""),
        numbers,
        np.random.default_rng(n).normal(size=(2, n, 3)) * 3,
        np.full(2, energy),
        np.zeros((2, n, 3)),
        np.zeros((0, 2), dtype=int),
        np.arange(2),
    )


@pytest.mark.parametrize("known", ["HCNO", "HCO"])
def test_shifts_are_the_data_minus_the_foundation(known):
    """With HCO alone the small molecules, which have nitrogen, give no E0 of it: its own have to do."""
    own = {name: OWN[name] for name in known}
    found = energy_shifts(Sum(known), own, SCALE, (frames_of("CHHHH"), frames_of("OHH"), frames_of("CO")))
    assert found == pytest.approx({name: SCALE[name] - OWN[name] for name in known}, abs=1e-6)


def test_what_the_molecules_do_not_determine_is_nearest_to_the_difference_of_the_e0():
    """Both molecules are CnH2nO2: one number a carbon, whose 0.3 eV go to C and H2 in the ratio of least squares."""
    groups = tuple(frames_of("C" * n + "HH" * n + "OO", lambda name: 0.3 * (name == "C")) for n in (2, 3, 4))
    found = energy_shifts(Sum(), OWN, SCALE, groups)
    change = {name: found[name] - (SCALE[name] - OWN[name]) for name in "HCO"}
    assert change == pytest.approx({"C": 0.06, "H": 0.12, "O": 0.0}, abs=1e-6)


def test_a_foundation_on_the_scale_of_the_data_keeps_it_where_nothing_is_seen(monkeypatch):
    monkeypatch.setattr("compcalc.training.foundation.fit_atomic_energies", lambda labeller: pytest.fail("not needed"))
    groups = (frames_of("CHHHH", lambda name: OWN[name] - SCALE[name]), frames_of("CC", lambda n: OWN[n] - SCALE[n]))
    assert energy_shifts(Sum(), OWN, OWN, groups) == pytest.approx(dict.fromkeys("HCNO", 0.0), abs=1e-9)


def test_an_unknown_element_is_refused_by_name():
    with pytest.raises(UnsupportedElementError, match="foundation model mine does not know .* O; it knows C, H"):
        refuse_elements("mine", ["H", "C"], {"C", "O"})
    refuse_elements("mine", chemical_symbols, {"C", "O"})
