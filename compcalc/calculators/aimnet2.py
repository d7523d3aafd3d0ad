"""AIMNet2 models of the package aimnet."""

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator


def _build(
    argument: str, *, charge: int | None = None, spin: int | None = None, device: str = "cpu"
) -> CheckedCalculator:
    from aimnet.calculators import AIMNet2ASE, AIMNet2Calculator
    from ase.data import chemical_symbols

    inner = AIMNet2ASE(AIMNet2Calculator(argument or "aimnet2", device=device))
    known = inner.implemented_species
    return CheckedCalculator(
        inner,
        f"AIMNet2 {argument or 'aimnet2'}",
        knows_charge=True,
        knows_spin=bool(inner.base_calc.is_nse),
        charge=charge,
        spin=spin,
        known_elements=None if known is None else [chemical_symbols[z] for z in known],
        dtype="float32",
    )


SCHEME = Scheme(
    _build,
    summary="AIMNet2, by name (its weights are fetched once) or by file; knows the charge, aimnet2nse the spin too",
    example="aimnet2:aimnet2?charge=-1",
    requires=("aimnet",),
    install="pip install 'compcalc[aimnet2]'",
)
