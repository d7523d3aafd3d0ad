"""Exported models of metatomic (metatrain, PET-MAD, and others)."""

from pathlib import Path

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator
from compcalc.errors import DataError


def _build(
    argument: str, *, device: str | None = None, extensions: str | None = None, non_conservative: bool = False
) -> CheckedCalculator:
    from ase.data import chemical_symbols
    from metatomic_ase import MetatomicCalculator

    if not Path(argument).is_file():
        raise DataError(
            f"metatomic model {argument!r} does not exist. Give the path of its .pt file: metatomic:model.pt."
        )
    inner = MetatomicCalculator(
        argument, device=device, extensions_directory=extensions, non_conservative=non_conservative
    )
    # Where the model asks for them, metatomic reads the charge and the multiplicity under compcalc's own keys.
    asked = set(inner._model.requested_inputs())
    return CheckedCalculator(
        inner,
        f"metatomic {Path(argument).name}",
        knows_charge="charge" in asked,
        knows_spin="spin_multiplicity" in asked,
        known_elements=[chemical_symbols[z] for z in inner._model.capabilities().atomic_types],
        dtype=inner._model.capabilities().dtype,
    )


SCHEME = Scheme(
    _build,
    summary="an exported metatomic model file, with the directory of its extensions where it has any",
    example="metatomic:path/to/model.pt?extensions=path/to/extensions",
    requires=("metatomic_ase",),
    install="pip install 'compcalc[metatomic]'",
)
