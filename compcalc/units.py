"""Every conversion factor of compcalc.

Inside compcalc energies are eV, lengths angstrom, times fs, masses u and temperatures K; forces are eV/angstrom and
velocities angstrom/fs. Conversions happen only where data enter or leave. CODATA 2018 values.
"""

KB_EV_PER_K = 8.617333262e-5
"""Boltzmann constant, eV/K."""

EV_PER_U_ANGSTROM2_PER_FS2 = 103.64269652680505
"""One u (angstrom/fs)^2 in eV: kinetic energy is 0.5 * m * v**2 * this factor."""

HARTREE_EV = 27.211386245988
BOHR_ANGSTROM = 0.529177210903
KCAL_PER_MOL_EV = 0.0433641043
"""1 kcal/mol (thermochemical) in eV."""

MEV_PER_EV = 1000.0
FS_PER_PS = 1000.0
FS_PER_NS = 1e6
SECONDS_PER_MINUTE = 60.0
SECONDS_PER_DAY = 86400.0

PER_CM_PER_CYCLE_PER_FS = 1 / 2.99792458e-5
"""A frequency of one cycle a fs as a wavenumber, 1/cm: one over the speed of light in cm/fs."""

KJ_PER_MOL_EV = KCAL_PER_MOL_EV / 4.184

ENERGY_UNITS_EV = {
    "eV": 1.0,
    "meV": 1.0 / MEV_PER_EV,
    "hartree": HARTREE_EV,
    "rydberg": HARTREE_EV / 2,
    "kcal/mol": KCAL_PER_MOL_EV,
    "kJ/mol": KJ_PER_MOL_EV,
}
"""One unit of energy in eV, by the name that a user gives it."""

LENGTH_UNITS_ANGSTROM = {"angstrom": 1.0, "bohr": BOHR_ANGSTROM, "nm": 10.0}
"""One unit of length in angstrom, by the name that a user gives it."""
