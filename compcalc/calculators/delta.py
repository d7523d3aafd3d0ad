"""The sum of a base potential and a correction that was fitted to what the base lacks."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.calculators.base import PotentialCalculator
from compcalc.calculators.catalogue import Scheme, get_calculator
from compcalc.calculators.model_file import describe, file_hash, model_content, write_model
from compcalc.errors import CompcalcError, DataError
from compcalc.records import Batch, BatchResult

FORMAT = "compcalc delta potential, version 1"
COMMAND = "compcalc train delta"
FILE = "delta.json"
"""Name of the file in a folder that is given in its place."""


class DeltaCalculator(PotentialCalculator):
    """E = E(base) + E(correction), and the forces that belong to it.

    Args:
        base: calculator of the base.
        correction: calculator of the correction.
        name: what the potential is called.

    Attributes:
        sha256: of the file that it was loaded from, which has the hash of the correction; None where there was none.
    """

    sha256: str | None = None

    def __init__(self, base: PotentialCalculator, correction: PotentialCalculator, name: str):
        super().__init__()
        self._parts, self.label_name = (base, correction), name
        self.known_elements = _shared_elements([part.known_elements for part in self._parts])
        self.can_batch = any(part.can_batch for part in self._parts)
        self.batch_atoms = min(part.batch_atoms for part in self._parts if part.can_batch or not self.can_batch)
        self.dtype = getattr(correction, "dtype", None)
        self.n_parameters = getattr(correction, "n_parameters", None)

    def energy_forces(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of a structure.

        Raises:
            Exception: whatever base or correction raises.
        """
        energies = [part.get_potential_energy(atoms) for part in self._parts]
        forces = [part.get_forces(atoms) for part in self._parts]
        return sum(energies), sum(forces)

    def evaluate_batch(self, batch: Batch) -> BatchResult:
        """Energies and forces of isolated, neutral molecules; each part in one call where it can."""
        self.check_batch(batch)
        first, second = (part.evaluate_batch(batch) for part in self._parts)
        return BatchResult(first.energies + second.energies, first.forces + second.forces, second.spread)

    def forget(self) -> None:
        """Drop what either part carries over from earlier geometries."""
        super().forget()
        for part in self._parts:
            part.forget()

    def prepare(self, atoms: Atoms) -> None:
        """Told to both parts."""
        for part in self._parts:
            part.prepare(atoms)

    def prepare_batch(self, batch: Batch) -> None:
        """Told to both parts."""
        for part in self._parts:
            part.prepare_batch(batch)


def load_delta(path: Path) -> DeltaCalculator:
    """The calculator of a file, or of the one in a folder.

    Raises:
        DataError: the file or that of the correction is missing, damaged or not the one that belongs to it, or the base
            cannot be built.
    """
    path = path / FILE if path.is_dir() else path
    with model_content(path, FORMAT, COMMAND) as content:
        base, scheme = str(content["base"]), str(content["scheme"])
        correction, expected = path.parent / str(content["correction"]), content["correction_sha256"]
    if not correction.is_file():
        raise DataError(f"{path}: the correction {correction} does not exist. It has to lie beside {path.name}.")
    if file_hash(correction) != expected:
        raise DataError(f"{path}: {correction.name} is not the correction that was fitted with it. Put it back.")
    built = _built(base, path, "base"), _built(f"{scheme}:{correction}", path, "correction")
    calculator = DeltaCalculator(*built, f"delta {base} + {scheme} {path.parent.name}")
    describe(calculator, path)
    return calculator


def save_delta(path: Path, *, base: str, scheme: str, correction: Path) -> None:
    """Write the file of a delta potential.

    Args:
        path: of the file.
        base: spec of the base.
        scheme: of the correction.
        correction: its model file, in the same folder.
    """
    content = {"base": base, "scheme": scheme, "correction": correction.name}
    write_model(path, FORMAT, {**content, "correction_sha256": file_hash(correction)})


def _built(spec: str, path: Path, role: str) -> BaseCalculator:
    try:
        return get_calculator(spec)
    except CompcalcError as error:
        raise DataError(f"{path}: its {role} {spec} cannot be built. {error}") from error


def _shared_elements(known) -> tuple[str, ...] | None:
    sets = [set(symbols) for symbols in known if symbols is not None]
    return tuple(sorted(set.intersection(*sets))) if sets else None


def _build(argument: str) -> DeltaCalculator:
    return load_delta(Path(argument))


SCHEME = Scheme(
    _build,
    summary="a cheap potential with a correction that `compcalc train delta` has fitted",
    example="delta:path/to/delta.json",
)
