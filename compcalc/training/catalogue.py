"""Which architectures there are, by name."""

from compcalc.errors import InputError
from compcalc.registry import Registry
from compcalc.training.architecture import Architecture

ARCHITECTURES = Registry(
    "architecture",
    {
        "linear": "compcalc.training.linear:ARCHITECTURE",
        "additive": "compcalc.training.additive:ARCHITECTURE",
        "mace": "compcalc.training.mace:ARCHITECTURE",
        "ani": "compcalc.training.ani:ARCHITECTURE",
        "schnet": "compcalc.training.graph_pes:SCHNET",
        "painn": "compcalc.training.graph_pes:PAINN",
        "tensornet": "compcalc.training.graph_pes:TENSORNET",
        "nequip": "compcalc.training.graph_pes:NEQUIP",
        "delta": "compcalc.training.delta:ARCHITECTURE",
    },
    group="compcalc.architectures",
)


def get_architecture(name: str) -> Architecture:
    """The architecture called `name`.

    Raises:
        UnknownNameError: there is none.
        InputError: what another package adds by that name is something else.
    """
    found = ARCHITECTURES.load(name)
    if not isinstance(found, Architecture):
        raise InputError(f"architecture {name}", type(found).__name__, "an Architecture")
    return found
