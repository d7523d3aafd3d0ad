"""The parameters of an additive force field, and their file: JSON with the names of types, no code in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compcalc.calculators.additive.kinds import KINDS, PAIR_MONOMIALS
from compcalc.calculators.model_file import model_content, write_model
from compcalc.errors import CompcalcError, InputError

FORMAT = "compcalc additive force field, version 3"
COMMAND = "compcalc train additive"


class UnseenTermError(CompcalcError, ValueError):
    """A molecule has a term whose type was not among the training molecules."""

    def __init__(self, potential: str, kind: str, name: str, known: int):
        self.potential, self.kind, self.name, self.known = potential, kind, name, known
        super().__init__(potential, kind, name, known)

    def __str__(self) -> str:
        return (
            f"{self.potential} has no {self.kind} of type {self.name}: no training molecule had one, and none of the "
            f"{self.known} types of {self.kind} that it knows is kin to it. Train on molecules that have it, or leave "
            "the molecule out."
        )


@dataclass(frozen=True)
class AdditiveParameters:
    """What a fit gives.

    Attributes:
        elements: symbol -> energy of the free atom that the fit began with, eV.
        centres: bond type -> mean length, angstrom (of a looser name, over the sum of covalent radii), and angle type
            -> mean cosine.
        terms: kind (`pair` as well) -> type -> coefficient of each monomial, eV; a term has the sum of its types'.
        typical: kind -> any name that training terms go by -> mean of their sums, eV, for a term of unseen types.
    """

    elements: Mapping[str, float]
    centres: Mapping[str, float]
    terms: Mapping[str, Mapping[str, tuple[float, ...]]]
    typical: Mapping[str, Mapping[str, tuple[float, ...]]]

    def __post_init__(self):
        for kind, monomials in monomials_of_kinds().items():
            for name, values in (*self.terms.get(kind, {}).items(), *self.typical.get(kind, {}).items()):
                if np.shape(values) != (monomials,) or not np.isfinite(values).all():
                    raise InputError(f"coefficients of {kind} {name}", values, f"{monomials} finite numbers")
        for name, value in {**self.elements, **self.centres}.items():
            if not np.isfinite(value):
                raise InputError(f"value of {name}", value, "a finite number")

    @property
    def count(self) -> int:
        """Number of coefficients."""
        return sum(len(values) for types in self.terms.values() for values in types.values())

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        terms, typical = (
            {kind: {name: list(values) for name, values in types.items()} for kind, types in named.items()}
            for named in (self.terms, self.typical)
        )
        content = {"elements": dict(self.elements), "centres": dict(self.centres), "terms": terms, "typical": typical}
        write_model(path, FORMAT, content)

    @classmethod
    def load(cls, path: Path) -> "AdditiveParameters":
        """Read a file.

        Raises:
            DataError: it is missing, or not of this format.
        """
        with model_content(path, FORMAT, COMMAND) as content:
            terms, typical = (
                {
                    kind: {name: tuple(map(float, values)) for name, values in types.items()}
                    for kind, types in content[key].items()
                }
                for key in ("terms", "typical")
            )
            elements, centres = (
                {name: float(value) for name, value in content[key].items()} for key in ("elements", "centres")
            )
            if unknown := {*terms, *typical} - set(monomials_of_kinds()):
                raise ValueError(f"unknown kind of term {min(unknown)}")
            return cls(elements, centres, terms, typical)


def monomials_of_kinds() -> dict[str, int]:
    """Kind of term -> number of its basis functions."""
    return {**{kind: len(found.exponents) for kind, found in KINDS.items()}, "pair": PAIR_MONOMIALS}
