"""Models of the package graph-pes."""

from pathlib import Path

from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.checked import CheckedCalculator
from compcalc.calculators.model_file import describe
from compcalc.errors import DataError


def _build(argument: str, *, device: str = "cpu", skin: float = 1.0) -> CheckedCalculator:
    from graph_pes.models import load_model

    if not Path(argument).is_file():
        raise DataError(
            f"graph-pes model {argument!r} does not exist. Give the path of its .pt file: graph-pes:model.pt."
        )
    model = load_model(argument)
    dtype = str(next(model.parameters()).dtype).removeprefix("torch.")
    inner = model.ase_calculator(device=device, skin=skin)
    # The elements that it was fitted to; one that was fitted to none takes them all.
    known = list(getattr(model, "elements_seen", ())) or None
    calculator = CheckedCalculator(
        inner, f"graph-pes {Path(argument).name}", knows_charge=False, known_elements=known, dtype=dtype
    )
    calculator.n_parameters = sum(parameter.numel() for parameter in model.parameters())
    describe(calculator, Path(argument))
    return calculator


SCHEME = Scheme(
    _build,
    summary="a model file of graph-pes (PaiNN, NequIP, TensorNet, ...); loading it runs the code pickled in it",
    example="graph-pes:path/to/model.pt",
    requires=("graph_pes",),
    install="pip install 'compcalc[graph-pes]'",
)
