"""What a SMILES string says: the skeletal formula as inline SVG in the colours of the page, and the chain length."""

import re
from functools import lru_cache

WIDTH, HEIGHT = 150, 62

_PALETTE = {7: (0.22, 0.45, 0.85), 8: (0.84, 0.25, 0.12), 16: (0.62, 0.5, 0.0)}
"""Atomic number -> colour that stands out on white and on black; other elements take the colour of the text."""

_TEXT_COLOUR = (1.0, 0.0, 1.0)
"""Stand-in that is replaced by the text colour of the page."""


@lru_cache(maxsize=512)
def molecule_svg(smiles: str) -> str | None:
    """A 2D depiction, None where `smiles` is empty or cannot be read.

    The extension of a SMILES string (`|...|`) is not read: it can carry free text, which would end up in the page.
    """
    molecule = _molecule(smiles)
    return _draw(molecule) if molecule is not None else None


@lru_cache(maxsize=512)
def count_carbons(smiles: str) -> int | None:
    """Number of carbon atoms, None where `smiles` is empty or cannot be read."""
    molecule = _molecule(smiles)
    return None if molecule is None else sum(atom.GetAtomicNum() == 6 for atom in molecule.GetAtoms())


def _molecule(smiles: str):
    """As RDKit has it; None where `smiles` is empty or cannot be read."""
    from rdkit import Chem, rdBase

    if not smiles.strip():
        return None
    parameters = Chem.SmilesParserParams()
    parameters.allowCXSMILES, parameters.parseName = False, False
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles, parameters)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def _draw(molecule) -> str:
    from rdkit.Chem.Draw import rdMolDraw2D

    drawing = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
    options = drawing.drawOptions()
    options.clearBackground, options.fixedBondLength, options.padding = False, 18, 0.04
    options.setAtomPalette({-1: _TEXT_COLOUR, 6: _TEXT_COLOUR, 1: _TEXT_COLOUR, **_PALETTE})
    rdMolDraw2D.PrepareAndDrawMolecule(drawing, molecule)
    drawing.FinishDrawing()
    return _tidy(drawing.GetDrawingText())


def _tidy(svg: str) -> str:
    """Without XML header, comments and unused namespaces; in the text colour of the page."""
    svg = re.sub(
        r"<\?xml.*?\?>|<!--.*?-->|\s+xmlns:\w+='[^']*'|\s+xml:space='[^']*'| class='[^']*'", "", svg, flags=re.DOTALL
    )
    svg = re.sub(r"fill-rule:evenodd;|stroke-linecap:butt;|stroke-linejoin:miter;|;?stroke-opacity:1", "", svg)
    svg = svg.replace("#FF00FF", "currentColor").replace("<svg", "<svg role='img' aria-hidden='true'", 1)
    return "\n".join(line.strip() for line in svg.splitlines() if line.strip())
