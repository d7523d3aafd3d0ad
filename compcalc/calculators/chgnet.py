"""CHGNet models of the package chgnet."""

import io
from contextlib import redirect_stdout

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator


def _build(argument: str, *, device: str = "cpu") -> CheckedCalculator:
    from ase.data import chemical_symbols
    from chgnet.model import CHGNet
    from chgnet.model.dynamics import CHGNetCalculator

    with redirect_stdout(io.StringIO()):  # it announces its device
        model = CHGNet.load(model_name=argument or "0.3.0", use_device=device, verbose=False)
        inner = CHGNetCalculator(model, use_device=device, on_isolated_atoms="ignore")
    return CheckedCalculator(
        inner,
        f"CHGNet {argument or '0.3.0'}",
        knows_charge=False,
        needs_cell=True,
        known_elements=chemical_symbols[1:95],
        dtype="float32",
    )


SCHEME = Scheme(
    _build,
    summary="CHGNet, trained on crystals: a shipped version by name",
    example="chgnet:0.3.0",
    requires=("chgnet",),
    install="pip install 'compcalc[chgnet]'",
)
