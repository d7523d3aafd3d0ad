"""Equipartition by element: does each element move at the temperature that the thermostat was set to?

Symbols in the shapes: F frames, N atoms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from compcalc.errors import InputError
from compcalc.metrics._arrays import as_shape
from compcalc.metrics.blocking import blocked_mean
from compcalc.metrics.temperature import atom_kinetic_energy, temperature

STEP_BIAS = 0.05
"""Relative deviation that a time step may cause: a mode of frequency w reads colder by (w dt/2)^2, 3% for O-H at 0.5
fs."""

FARTHEST = 3.0
"""Standard errors from the expected temperature within which an element is where it should be."""


@dataclass(frozen=True)
class ElementTemperature:
    """Kinetic temperature of one element over 3 degrees of freedom an atom.

    Attributes:
        temperature_k: mean over frames, atoms of the element and runs, K.
        standard_error_k: of the mean, frames being correlated, K; NaN for fewer frames than blocks are needed.
        expected_k: what equipartition asks for, K.
    """

    temperature_k: float
    standard_error_k: float
    expected_k: float

    @property
    def z(self) -> float:
        """Distance from the expected temperature in standard errors, with its sign; NaN without an error."""
        return (self.temperature_k - self.expected_k) / self.standard_error_k if self.standard_error_k else float("nan")

    @property
    def off(self) -> bool:
        """Whether the element is off by more than chance and by more than a time step does."""
        return abs(self.z) > FARTHEST and abs(self.temperature_k - self.expected_k) > STEP_BIAS * self.expected_k


def element_equipartition(
    numbers: ArrayLike,
    masses: ArrayLike,
    runs: Sequence[ArrayLike],
    temperature_k: float,
    *,
    centre_held: bool = False,
) -> dict[int, ElementTemperature]:
    """Atomic number -> temperature of the element beside the expected one, over independent runs of one molecule.

    Args:
        numbers: atomic numbers, (N,).
        masses: u, (N,).
        runs: velocities of each run in the order of time, angstrom/fs, (F, N, 3) each.
        temperature_k: what the thermostat was set to, K.
        centre_held: whether the centre-of-mass momentum was held at zero.

    Raises:
        InputError: shapes do not fit.
    """
    expected = expected_temperatures(numbers, masses, temperature_k, centre_held=centre_held)
    numbers = np.asarray(numbers)
    shaped = [as_shape(f"runs[{r}]", v, (None, len(numbers), 3), "(F, N, 3)") for r, v in enumerate(runs)]
    kinetic = [atom_kinetic_energy(masses, velocities) for velocities in shaped]
    result = {}
    for z, kelvin in expected.items():
        series = [temperature(energy[:, numbers == z].mean(axis=1), 3) for energy in kinetic]
        result[z] = ElementTemperature(*blocked_mean(series), expected_k=kelvin)
    return result


def expected_temperatures(
    numbers: ArrayLike,
    masses: ArrayLike,
    temperature_k: float,
    *,
    centre_held: bool = False,
    rotation_held_at: ArrayLike | None = None,
) -> dict[int, float]:
    """Atomic number -> what an element reads over 3 degrees of freedom an atom, in K, when all modes carry kT/2 each.

    Free motion: the temperature itself. A centre of mass at rest takes kT m_i / M a component from atom i of mass m_i
    in a molecule of mass M. Without angular momentum, a rigid rotation with <w w^T> = kT I^-1, I the tensor of inertia,
    is missing as well, with kinetic energy (kT/2) m_i tr[(r_i^2 - r_i r_i^T) I^-1] at atom i. Together that is 3N - 6
    over 3N of the temperature in the mean over atoms, and the heavy atoms lose most.

    Args:
        numbers: atomic numbers, (N,).
        masses: u, (N,).
        temperature_k: K.
        centre_held: whether the centre-of-mass momentum is zero.
        rotation_held_at: a geometry, angstrom, (N, 3), if the angular momentum is zero too.

    Raises:
        InputError: shapes do not fit.
    """
    masses = as_shape("masses", masses, (None,), "(N,)")
    numbers = as_shape("numbers", numbers, masses.shape, f"{masses.shape}, one an atom")
    missing = 3 * masses / masses.sum() if centre_held else np.zeros(len(masses))
    if rotation_held_at is not None:
        if not centre_held:
            raise InputError("rotation_held_at", "a geometry", "None where the centre of mass is free")
        missing = missing + _rotation_share(
            as_shape("rotation_held_at", rotation_held_at, (len(masses), 3), "(N, 3)"), masses
        )
    shares = 1 - missing / 3
    return {int(z): float(temperature_k * shares[numbers == z].mean()) for z in np.unique(numbers)}


def combine_elements(items: Sequence[Mapping[int, ElementTemperature]]) -> dict[int, ElementTemperature]:
    """Atomic number -> mean over molecules or runs, each counting alike, with the error of the mean.

    Args:
        items: from `element_equipartition`; those without an element do not count for it.
    """
    result = {}
    for z in sorted({z for item in items for z in item}):
        mine = [item[z] for item in items if z in item]
        errors = np.array([each.standard_error_k for each in mine])
        result[z] = ElementTemperature(
            float(np.mean([each.temperature_k for each in mine])),
            float(np.sqrt(np.sum(errors**2)) / len(mine)),
            float(np.mean([each.expected_k for each in mine])),
        )
    return result


def _rotation_share(positions: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Degrees of freedom that a rigid rotation takes from each atom, (N,); they add up to the number of rotations."""
    r = positions - masses @ positions / masses.sum()
    each = masses[:, None, None] * (np.sum(r**2, axis=1)[:, None, None] * np.eye(3) - r[:, :, None] * r[:, None, :])
    inverse = np.linalg.pinv(each.sum(axis=0), rcond=1e-6, hermitian=True)
    return np.einsum("nij,ji->n", each, inverse)
