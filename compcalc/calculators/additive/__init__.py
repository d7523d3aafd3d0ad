"""An additive force field: energies of bonds, angles and torsions by the types of their atoms."""
