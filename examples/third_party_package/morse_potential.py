"""A package of its own that adds a potential to compcalc: `compcalc check morse:HH?depth=4.7`."""

from ase.calculators.morse import MorsePotential


def build(argument="", *, depth=4.75, width=1.94, distance=0.74):
    """A Morse potential between all atoms.

    Args:
        argument: what follows `morse:`; not used here.
        depth: of the well, eV.
        width: inverse width of the well, 1/angstrom.
        distance: at the minimum, angstrom.
    """
    return MorsePotential(epsilon=depth, rho0=width * distance, r0=distance, rcut1=8.0, rcut2=10.0)
