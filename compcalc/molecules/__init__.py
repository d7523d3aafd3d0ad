"""Molecules: SMILES families, 3D building, bond graph and functional groups, files of the user's own."""
