"""Density functional theory and Hartree-Fock through PySCF."""

import warnings

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.data import chemical_symbols

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.state import ElectronicState, check_state_arguments, electronic_state
from compcalc.errors import InputError, MissingDependencyError, UnknownNameError
from compcalc.units import BOHR_ANGSTROM, HARTREE_EV

_NLC_GRID = 1
"""Level of the grid of a non-local correlation such as VV10, which is smooth and costs the square of its points."""

_START_GRID, _START_TOLERANCE = 0, 1e-4
"""Level of the grid, and convergence in hartree, of the cycles that make a start for those on the grid asked for."""


class PySCFCalculator(PotentialCalculator):
    """Kohn-Sham DFT or Hartree-Fock of a molecule (Sun et al., J. Chem. Phys. 153, 024109 (2020)).

    The self-consistent cycle starts on a coarse grid without non-local correlation, and along a trajectory from the
    last density, which `forget()` drops. Forces contain the response of the integration grid: they are the derivatives
    of the energy that is given, and sum to zero.

    Args:
        method: functional by its name in libxc as PySCF spells it (`wb97x`, `wb97m-v`, `b3lyp`), or `hf`.
        basis: basis set (`6-31g*`, `def2-tzvpd`), with the effective core potentials that belong to it.
        charge: total charge in units of e; None: as the atoms say, else 0.
        spin: multiplicity 2S+1; None: as the atoms say, else the lowest. Above 1 the calculation is unrestricted.
        cart: Cartesian d and f functions, as in Gaussian's 6-31G*; default: spherical ones.
        density_fit: fit the density in the Coulomb and exchange integrals; faster, at a fraction of a meV/angstrom.
        grid: level of PySCF's integration grid, 0 (coarse) to 9 (fine).
        conv_tol: change of the energy at which the cycle has converged, hartree.
        max_cycles: limit of self-consistent cycles.
        max_memory: MiB that PySCF may use.
        threads: of PySCF; None: as the environment says.

    Raises:
        UnknownNameError: a functional or basis that PySCF does not know.
        InputError: an option outside its range.
    """

    def __init__(
        self,
        *,
        method: str,
        basis: str,
        charge: int | None = None,
        spin: int | None = None,
        cart: bool = False,
        density_fit: bool = False,
        grid: int = 3,
        conv_tol: float = 1e-9,
        max_cycles: int = 100,
        max_memory: int = 4000,
        threads: int | None = None,
    ):
        check_state_arguments(charge, spin)
        _check_flags(cart=cart, density_fit=density_fit)
        _check_number("grid", grid, int, 0, 9, "a whole number, 0 (coarse) to 9 (fine)")
        _check_number("conv_tol", conv_tol, (int, float), 1e-14, 1e-4, "1e-14 to 1e-4 hartree")
        _check_number("max_cycles", max_cycles, int, 1, 10**6, "a whole number, 1 or more")
        _check_number("max_memory", max_memory, int, 100, 10**9, "MiB, a whole number, 100 or more")
        if threads is not None:
            _check_number("threads", threads, int, 1, 10**4, "a whole number, 1 or more, or none")
        _check_functional(method)
        super().__init__()
        self.method, self.basis, self.charge, self.spin = method, basis, charge, spin
        self.cart, self.density_fit, self.grid, self.conv_tol = cart, density_fit, grid, conv_tol
        self.max_cycles, self.max_memory, self.threads = max_cycles, max_memory, threads
        self.known_elements = _elements_of(basis)
        self.label_name = f"{method}/{basis}"
        self._density = self._subject = None

    def forget(self) -> None:
        """Drop the density of the last geometry, so that the next cycle starts from scratch."""
        super().forget()
        self._density = None

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of a molecule.

        Raises:
            InputError: a periodic cell, or a charge or spin that is impossible or given twice, differently.
            CalculationFailed: the self-consistent cycle did not converge, or PySCF failed.
        """
        from pyscf import lib

        state = electronic_state(atoms, self.charge, self.spin)
        if atoms.pbc.any():
            raise InputError("atoms.pbc", atoms.pbc.tolist(), "no periodic direction", "Call atoms.set_pbc(False).")
        start, self._density = self._density, None
        subject = (atoms.numbers.tobytes(), state)
        try:
            with lib.with_omp_threads(self.threads):
                field = self._field(atoms, state)
                same = start is not None and subject == self._subject
                field.kernel(dm0=start if same else self._coarse_density(atoms, state))
                if not field.converged:
                    raise CalculationFailed(
                        f"{self.label_name}: the self-consistent cycle did not converge in {self.max_cycles} cycles"
                    )
                gradient = self._gradient(field, len(atoms))
        except (ImportError, CalculationFailed):
            raise
        except Exception as error:
            raise CalculationFailed(f"{self.label_name}: {type(error).__name__}: {error}") from error
        self._density, self._subject = field.make_rdm1(), subject
        return float(field.e_tot) * HARTREE_EV, -gradient * (HARTREE_EV / BOHR_ANGSTROM)

    def _field(self, atoms: Atoms, state: ElectronicState):
        """PySCF's self-consistent field object of a molecule."""
        from pyscf import dft

        molecule = self._molecule(atoms, state)
        kind = dft.RKS if state.unpaired == 0 else dft.UKS
        field = kind(molecule, xc=self.method)
        if self.density_fit:
            field = field.density_fit()
        field.conv_tol, field.max_cycle, field.max_memory = self.conv_tol, self.max_cycles, self.max_memory
        field.grids.level, field.nlcgrids.level = self.grid, _NLC_GRID
        field.chkfile = None
        return field

    def _molecule(self, atoms: Atoms, state: ElectronicState):
        from pyscf import gto

        return gto.M(
            atom=list(zip(atoms.get_chemical_symbols(), atoms.positions / BOHR_ANGSTROM, strict=True)),
            unit="Bohr",
            basis=self.basis,
            ecp=_core_potentials(self.basis, atoms),
            charge=state.charge,
            spin=state.unpaired,
            cart=self.cart,
            max_memory=self.max_memory,
            verbose=0,
        )

    def _coarse_density(self, atoms: Atoms, state: ElectronicState) -> np.ndarray:
        """A density to start from; it does not have to be converged."""
        coarse = self._field(atoms, state)
        coarse.grids.level, coarse.conv_tol, coarse.nlc = _START_GRID, _START_TOLERANCE, False
        coarse.kernel()
        return coarse.make_rdm1()

    def _gradient(self, field, n_atoms: int) -> np.ndarray:
        """Derivatives of the energy, hartree/bohr, (N, 3)."""
        if n_atoms == 1:  # nothing to move against
            return np.zeros((1, 3))
        gradient = field.nuc_grad_method()
        gradient.grid_response = True
        return gradient.kernel()


def _check_number(name: str, value, kind: type | tuple[type, ...], low: float, high: float, allowed: str) -> None:
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        raise InputError(name, value, allowed)


def _check_flags(**flags) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise InputError(name, value, "true or false")


def _check_functional(method: str) -> None:
    from pyscf.dft import libxc
    from pyscf.scf import dispersion

    try:
        functional, _, correction = dispersion.parse_dft(method)
        libxc.parse_xc(functional)
    except (KeyError, NotImplementedError) as error:
        known = {str(name).lower().rpartition("_xc_")[2] for name in libxc.XC_CODES}
        raise UnknownNameError("method", method, known, "libxc lists its functionals.") from error
    if correction and dispersion.dispersion is None:
        raise MissingDependencyError(f"pyscf:{method}", "pyscf-dispersion", "pip install pyscf-dispersion")


def _elements_of(basis: str) -> tuple[str, ...]:
    """Symbols of the elements that the basis set covers."""
    from pyscf.gto.basis import ALIAS, load

    known = tuple(symbol for symbol in chemical_symbols[1:104] if _found(load, basis, symbol))
    if not known:
        raise UnknownNameError("basis", basis, ALIAS, "Names are read without regard to case, blanks and hyphens.")
    return known


def _core_potentials(basis: str, atoms: Atoms) -> dict[str, str]:
    """Element -> name of the effective core potential, where the basis set was made for one.

    PySCF takes none by itself, and would put all electrons into the functions of the valence.
    """
    from pyscf.gto.basis import load_ecp

    return {symbol: basis for symbol in sorted(set(atoms.get_chemical_symbols())) if _found(load_ecp, basis, symbol)}


def _found(load, basis: str, symbol: str) -> bool:
    """Whether PySCF's function `load` finds something for an element; it raises, warns or gives nothing if not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(load(basis, symbol))
        except Exception:  # of many kinds, by the file that the basis set lies in
            return False


def _build(
    argument: str,
    *,
    charge: int | None = None,
    spin: int | None = None,
    cart: bool = False,
    density_fit: bool = False,
    grid: int = 3,
    conv_tol: float = 1e-9,
    max_cycles: int = 100,
    max_memory: int = 4000,
    threads: int | None = None,
) -> PySCFCalculator:
    method, slash, basis = argument.partition("/")
    if not (method and slash and basis):
        raise InputError("pyscf: level of theory", argument, "METHOD/BASIS, such as wb97x/6-31g*")
    return PySCFCalculator(
        method=method,
        basis=basis,
        charge=charge,
        spin=spin,
        cart=cart,
        density_fit=density_fit,
        grid=grid,
        conv_tol=conv_tol,
        max_cycles=max_cycles,
        max_memory=max_memory,
        threads=threads,
    )


SCHEME = Scheme(
    _build,
    summary="DFT or Hartree-Fock with PySCF, METHOD/BASIS; seconds to minutes a molecule",
    example="pyscf:wb97x/6-31g*?cart=true",
    requires=("pyscf",),
    install="pip install 'compcalc[pyscf]'",
)
