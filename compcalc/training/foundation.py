"""What every fine-tuning needs: the energies of the elements that lead from a foundation model's scale to the data's.

Energies of the isolated atoms belong to a level of theory. A foundation model's own are replaced before the first
epoch, since the networks would otherwise have to learn hundreds of eV.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from compcalc.calculators.base import PotentialCalculator
from compcalc.errors import CompcalcError, UnsupportedElementError
from compcalc.records import Batch, Frames
from compcalc.reference.atomic_energies import fit_atomic_energies
from compcalc.reference.labelling import Labeller
from compcalc.training.linear import element_energies

_SAME = 1e-3
"""E0 that agree within this, eV, are of one scale."""


def refuse_elements(name: str, known: Collection[str], molecules: Collection[str]) -> None:
    """Refuse training molecules with elements of which the foundation model knows nothing.

    Args:
        name: of the foundation model.
        known: its elements, symbols.
        molecules: those of the training molecules.

    Raises:
        UnsupportedElementError: one is unknown.
    """
    unknown = set(molecules) - set(known)
    if unknown:
        raise UnsupportedElementError(f"the foundation model {name}", unknown, known)


def energy_shifts(
    calculator: PotentialCalculator, own: Mapping[str, float], scale: Mapping[str, float], groups: tuple[Frames, ...]
) -> dict[str, float]:
    """Energies by element that the foundation model lacks to the scale of the data, symbol -> eV.

    The training molecules decide as far as their compositions can. For the rest (every saturated acid is CnH2nO2) the
    solution is the nearest to the difference of the data's E0 and the foundation model's, which come from the same
    small molecules.

    Args:
        calculator: of the foundation model.
        own: E0 on which it stands, symbol -> eV.
        scale: E0 of the data, symbol -> eV.
        groups: training frames.
    """
    known = _own_scale(calculator, own, scale)
    before = {symbol: scale[symbol] - known[symbol] for symbol in own if symbol in scale and symbol in known}
    missing = [replace(frames, energy=frames.energy - _energies(calculator, frames)) for frames in groups]
    fitted, _ = element_energies(missing, before)
    return {symbol: fitted.get(symbol, before.get(symbol, 0.0)) for symbol in own}


def _own_scale(calculator, own: Mapping[str, float], scale: Mapping[str, float]) -> Mapping[str, float]:
    """E0 of the foundation model that can be compared with `scale`."""
    if all(abs(energy - scale.get(symbol, energy)) < _SAME for symbol, energy in own.items()):
        return own
    try:
        return fit_atomic_energies(Labeller(calculator))
    except (CompcalcError, ArithmeticError):  # it does not know an element of the small molecules, or none of them
        return own


def _energies(calculator: PotentialCalculator, frames: Frames):
    """Energies of frames, eV, (T,)."""
    batch = Batch.of([(frames.numbers, positions) for positions in frames.positions])
    calculator.forget()
    return calculator.evaluate_batch(batch).energies
