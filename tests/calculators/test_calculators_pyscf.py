"""DFT through PySCF: closed forms, central differences, PySCF's own numbers, and refusals instead of wrong energies."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed
from calculator_samples import numerical_forces, rotation

from compcalc import get_calculator
from compcalc.errors import InputError, MissingDependencyError, UnknownNameError, UnsupportedElementError
from compcalc.units import BOHR_ANGSTROM, HARTREE_EV

pyscf = pytest.importorskip("pyscf")


@pytest.fixture
def water() -> Atoms:
    """Away from its minimum, in no special orientation."""
    atoms = molecule("H2O")
    atoms.positions = (atoms.positions * 1.05) @ rotation()
    return atoms


def test_hartree_fock_of_helium_and_hydrogen_is_that_of_the_textbook():
    # Szabo and Ostlund, Modern Quantum Chemistry: STO-3G, H2 at 1.4 bohr, hartree.
    h2 = Atoms("H2", [[0, 0, 0], [0, 0, 1.4 * BOHR_ANGSTROM]])
    calculator = get_calculator("pyscf:hf/sto-3g")
    assert calculator.get_potential_energy(h2) / HARTREE_EV == pytest.approx(-1.1167, abs=1e-4)
    assert calculator.get_potential_energy(Atoms("He")) / HARTREE_EV == pytest.approx(-2.8078, abs=1e-4)
    assert calculator.get_potential_energy(Atoms("H")) / HARTREE_EV == pytest.approx(-0.4666, abs=1e-4)


@pytest.mark.parametrize("symbol", ["He", "H"])
def test_a_lone_atom_has_a_force_of_zero(symbol):
    forces = get_calculator("pyscf:wb97x/6-31g*?cart=true").get_forces(Atoms(symbol))
    np.testing.assert_array_equal(forces, np.zeros((1, 3)))


@pytest.mark.parametrize(
    "spec",
    [
        "pyscf:wb97x/sto-3g?grid=0",
        "pyscf:wb97x/sto-3g?grid=0&density_fit=true",
        "pyscf:pbe/sto-3g?grid=0&charge=1",
    ],
)
def test_forces_are_the_derivatives_of_the_energy_on_the_coarsest_grid(spec, water):
    calculator = get_calculator(f"{spec}&conv_tol=1e-11")
    pairs = [(0, 0), (1, 2), (2, 1)]
    forces = calculator.get_forces(water)
    numerical = numerical_forces(calculator, water, 1e-3, pairs)
    np.testing.assert_allclose([forces[pair] for pair in pairs], numerical, atol=2e-4)
    assert np.abs(numerical).max() > 0.5
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-5)


def test_without_the_response_of_the_grid_forces_would_miss_that(water):
    calculator = get_calculator("pyscf:wb97x/sto-3g?grid=0&conv_tol=1e-11")
    without = calculator._field(water, _neutral(water))
    without.kernel()
    forces = -without.nuc_grad_method().kernel() * HARTREE_EV / BOHR_ANGSTROM
    assert np.abs(forces - calculator.get_forces(water)).max() > 1e-3


def test_energy_and_forces_are_those_that_pyscf_gives_by_itself(water):
    from pyscf import dft, gto

    theirs = dft.RKS(gto.M(atom=list(zip("OHH", water.positions, strict=True)), basis="6-31g*", cart=True), xc="wb97x")
    energy = theirs.run(verbose=0, conv_tol=1e-10).e_tot
    gradient = theirs.nuc_grad_method().set(verbose=0, grid_response=True).kernel()
    ours = get_calculator("pyscf:wb97x/6-31g*?cart=true")
    assert ours.get_potential_energy(water) == pytest.approx(energy * HARTREE_EV, abs=1e-5)
    np.testing.assert_allclose(ours.get_forces(water), -gradient * HARTREE_EV / BOHR_ANGSTROM, atol=1e-4)


def test_cartesian_d_functions_lower_the_energy_and_fitting_the_density_hardly_changes_it(water):
    energies = [
        get_calculator(f"pyscf:wb97x/6-31g*?{options}").get_potential_energy(water)
        for options in ("cart=true", "cart=false", "cart=true&density_fit=true")
    ]
    assert energies[1] - energies[0] > 0.01
    assert 0 < abs(energies[2] - energies[0]) < 1e-3


def test_charge_and_spin_reach_pyscf():
    calculator = get_calculator("pyscf:hf/sto-3g")
    oxygen = Atoms("O")
    singlet = calculator.get_potential_energy(oxygen)
    oxygen.info["spin"] = 3
    assert calculator.get_potential_energy(oxygen) < singlet - 1
    assert get_calculator("pyscf:hf/sto-3g?spin=3").get_potential_energy(Atoms("O")) < singlet - 1
    oxygen.info |= {"charge": 1, "spin": 4}
    assert calculator.get_potential_energy(oxygen) > singlet + 5
    with pytest.raises(InputError, match="1, 3, ... for 8 electrons"):
        get_calculator("pyscf:hf/sto-3g?spin=2").get_potential_energy(Atoms("O"))


def test_a_cycle_that_does_not_converge_is_an_error_and_leaves_nothing(water):
    water.calc = get_calculator("pyscf:wb97x/sto-3g?max_cycles=2&grid=0&conv_tol=1e-12")
    for ask in (water.get_potential_energy, water.get_forces):
        with pytest.raises(CalculationFailed, match="wb97x/sto-3g: .* did not converge in 2 cycles"):
            ask()
    assert water.calc.results == {}


def test_a_last_density_changes_little_and_forget_all_of_it(water):
    used, fresh = (get_calculator("pyscf:pbe/sto-3g?grid=0") for _ in range(2))
    used.get_forces(molecule("H2O"))
    np.testing.assert_allclose(used.get_forces(water), fresh.get_forces(water), atol=1e-3)
    used.get_forces(molecule("H2O"))
    used.forget()
    np.testing.assert_array_equal(used.get_forces(water), fresh.get_forces(water))


def test_an_effective_core_potential_comes_with_its_basis():
    iodide = Atoms("HI", [[0, 0, 0], [0, 0, 1.61]])
    calculator = get_calculator("pyscf:hf/def2-svp")
    assert calculator._molecule(iodide, _neutral(iodide)).nelectron == 26
    assert calculator._molecule(molecule("H2O"), _neutral(molecule("H2O"))).nelectron == 10


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ("pyscf:b3lpy/6-31g*", UnknownNameError, "Did you mean 'b3lyp'"),
        ("pyscf:wb97x/6-13g*", UnknownNameError, "basis: got '6-13g"),
        ("pyscf:wb97x", InputError, "METHOD/BASIS, such as"),
        ("pyscf:wb97x/6-31g*?grid=10", InputError, "0 .coarse. to 9"),
        ("pyscf:wb97x/6-31g*?conv_tol=1", InputError, "1e-14 to 1e-4 hartree"),
        ("pyscf:wb97x/6-31g*?cart=1", InputError, "true or false"),
        ("pyscf:wb97x/6-31g*?threads=0", InputError, "1 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_built(spec, kind, words):
    with pytest.raises(kind, match=words):
        get_calculator(spec)


def test_a_dispersion_correction_that_is_not_installed_is_never_left_out(monkeypatch):
    from pyscf.scf import dispersion

    monkeypatch.setattr(dispersion, "dispersion", None)
    with pytest.raises(MissingDependencyError, match="pip install pyscf-dispersion"):
        get_calculator("pyscf:wb97m-d3bj/def2-svp")


def test_elements_and_cells_out_of_reach_are_refused():
    calculator = get_calculator("pyscf:hf/6-31g*")
    with pytest.raises(UnsupportedElementError, match="Xe"):
        calculator.get_potential_energy(Atoms("Xe"))
    periodic = Atoms("He", cell=[5, 5, 5], pbc=True)
    with pytest.raises(InputError, match=r"set_pbc\(False\)"):
        calculator.get_potential_energy(periodic)


def _neutral(atoms):
    from compcalc.calculators.state import electronic_state

    return electronic_state(atoms)
