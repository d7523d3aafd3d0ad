"""SevenNet models of the package sevenn."""

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator


def _build(argument: str, *, modal: str | None = None, device: str = "cpu") -> CheckedCalculator:
    from ase.data import chemical_symbols
    from sevenn.calculator import SevenNetCalculator

    inner = SevenNetCalculator(argument or "7net-0", modal=modal, device=device)
    known = getattr(inner, "type_map", None)
    return CheckedCalculator(
        inner,
        f"SevenNet {argument or '7net-0'}",
        knows_charge=False,
        known_elements=[chemical_symbols[z] for z in known] if known else None,
        dtype="float32",
    )


SCHEME = Scheme(
    _build,
    summary="SevenNet: a shipped model by name (7net-0, 7net-l3i5, ...) or a checkpoint file",
    example="sevennet:7net-0?python=/path/to/venv/bin/python",
    requires=("sevenn",),
    install="pip install sevenn, in an environment without mace-torch, and name it by ?python=",
)
