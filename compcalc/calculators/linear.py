"""A sum of energies by element, without forces: what any potential has to beat."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.catalogue import Scheme
from compcalc.calculators.model_file import describe, model_content, write_model
from compcalc.calculators.state import refuse_charged
from compcalc.errors import InputError
from compcalc.records import Batch, BatchResult

FORMAT = "compcalc linear energies, version 1"
COMMAND = "compcalc train linear"


class LinearCalculator(PotentialCalculator):
    """The energy is the sum of the atoms' energies, whatever the geometry; forces are zero.

    Args:
        path: of a file that `compcalc train linear` has made.

    Attributes:
        sha256: of the file.
        n_parameters: number of elements.

    Raises:
        DataError: the file is missing or damaged.
    """

    can_batch = True
    dtype = "float64"

    def __init__(self, path: Path):
        super().__init__()
        energies = load_energies(path)
        describe(self, path)
        self.n_parameters, self.known_elements = len(energies), tuple(energies)
        self.label_name = f"linear {path.name}"
        self._energies = np.zeros(len(chemical_symbols))
        for symbol, energy in energies.items():
            self._energies[atomic_numbers[symbol]] = energy

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV), and forces (eV/angstrom) that are zero.

        Raises:
            InputError: a charge or spin, which would be ignored.
        """
        refuse_charged(atoms, self.label_name)
        return float(self._energies[atoms.numbers].sum()), np.zeros((len(atoms), 3))

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies and forces of isolated, neutral molecules in one call."""
        self.check_batch(batch)
        energies = np.add.reduceat(self._energies[batch.numbers], batch.offsets[:-1])
        return BatchResult(energies, np.zeros_like(batch.positions))


def save_energies(path: Path, energies: Mapping[str, float]) -> None:
    """Write the file of a linear model: symbol -> eV."""
    write_model(path, FORMAT, {"elements": dict(energies)})


def load_energies(path: Path) -> dict[str, float]:
    """Symbol -> eV of a linear model's file.

    Raises:
        DataError: the file is missing or damaged.
    """
    with model_content(path, FORMAT, COMMAND) as content:
        energies = {symbol: float(energy) for symbol, energy in content["elements"].items()}
        for symbol, energy in energies.items():
            if symbol not in atomic_numbers or not np.isfinite(energy):
                raise InputError("energy", f"{symbol}: {energy}", "symbols of elements with finite energies")
    return energies


def _build(argument: str) -> LinearCalculator:
    return LinearCalculator(Path(argument))


SCHEME = Scheme(
    _build,
    summary="energies by element that `compcalc train linear` has fitted; forces are zero",
    example="linear:path/to/model.json",
)
