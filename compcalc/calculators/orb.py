"""ORB models of the package orb-models."""

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator
from compcalc.errors import UnknownNameError


def _build(
    argument: str,
    *,
    weights: str | None = None,
    precision: str = "float32-high",
    charge: int | None = None,
    spin: int | None = None,
    device: str = "cpu",
) -> CheckedCalculator:
    from orb_models.forcefield import pretrained
    from orb_models.forcefield.calculator import ORBCalculator

    name = argument or "orb-v3-conservative-omol"
    if name not in pretrained.ORB_PRETRAINED_MODELS:
        raise UnknownNameError("ORB model", name, pretrained.ORB_PRETRAINED_MODELS)
    options = {"weights_path": weights} if weights else {}
    model = pretrained.ORB_PRETRAINED_MODELS[name](device=device, precision=precision, compile=False, **options)
    return CheckedCalculator(
        ORBCalculator(model, device=device),
        f"ORB {name}",
        knows_charge="omol" in name,
        charge=charge,
        spin=spin,
        dtype="float64" if "float64" in precision else "float32",
    )


SCHEME = Scheme(
    _build,
    summary="ORB, by name (weights are fetched once, or named by ?weights=file); omol models know charge and spin",
    example="orb:orb-v3-conservative-omol?charge=1&spin=2",
    requires=("orb_models",),
    install="pip install 'compcalc[orb]'",
)
