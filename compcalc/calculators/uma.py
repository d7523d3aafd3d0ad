"""UMA models of the package fairchem-core."""

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator


def _build(
    argument: str,
    *,
    task: str = "omol",
    charge: int | None = None,
    spin: int | None = None,
    device: str = "cpu",
) -> CheckedCalculator:
    from fairchem.core import FAIRChemCalculator, pretrained_mlip

    name = argument or "uma-s-1p1"
    unit = pretrained_mlip.get_predict_unit(name, device=device)
    return CheckedCalculator(
        FAIRChemCalculator(unit, task_name=task),
        f"UMA {name}",
        knows_charge=task == "omol",
        charge=charge,
        spin=spin,
        dtype="float32",
    )


SCHEME = Scheme(
    _build,
    summary="UMA, by name (its weights need an account with their host) or by file; omol knows charge and spin",
    example="uma:uma-s-1p1?task=omol&charge=0&spin=1",
    requires=("fairchem.core",),
    install="pip install fairchem-core, in an environment of its own, and name it by ?python=",
)
