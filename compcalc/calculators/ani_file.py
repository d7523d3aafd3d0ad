"""Files of fine-tuned ANI-1x ensembles: arrays of numbers alone, so that loading one runs no code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compcalc.calculators.model_file import damaged
from compcalc.errors import DataError

FORMAT = "compcalc ANI-1x ensemble, version 1"
COMMAND = "compcalc train ani"
_FORMAT, _SELF, _SCALE = "format", "self_energies_hartree", "atomic_energies_ev"


@dataclass(frozen=True)
class EnsembleFile:
    """What a file says that its constants, those of ANI-1x, do not.

    Attributes:
        members: of each member, torchani's name of a parameter such as `H.0.weight` -> its array.
        self_energies: of H, C, N, O, which the networks' energies are added to, hartree, (4,).
        atomic_energies: E0 of the data that the ensemble was fitted to, H, C, N, O, eV, (4,); NaN where there is none.
    """

    members: Sequence[Mapping[str, np.ndarray]]
    self_energies: np.ndarray
    atomic_energies: np.ndarray

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all; the same numbers give the same bytes."""
        arrays = {f"{m}/{name}": array for m, member in enumerate(self.members) for name, array in member.items()}
        own = {_FORMAT: np.array(FORMAT), _SELF: self.self_energies, _SCALE: self.atomic_energies}
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("wb") as file:
            np.savez(file, **own, **arrays)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "EnsembleFile":
        """Read a file.

        Raises:
            DataError: it is damaged or something else.
        """
        try:
            with np.load(path, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}
            found = str(arrays.pop(_FORMAT))
        except Exception as error:
            raise DataError(f"{path} is not a file that `{COMMAND}` has made ({error}).") from error
        if found != FORMAT:
            raise DataError(f"{path} has the format {found!r}; allowed: {FORMAT!r}. Make one with `{COMMAND}`.")
        try:
            energies, scale = (np.asarray(arrays.pop(name), dtype=float).reshape(4) for name in (_SELF, _SCALE))
            members: list[dict[str, np.ndarray]] = []
            for name in sorted(arrays, key=lambda name: int(name.partition("/")[0])):
                index, _, parameter = name.partition("/")
                if int(index) == len(members):
                    members.append({})
                members[int(index)][parameter] = arrays[name]
            if not members or not all(np.isfinite(array).all() for array in (energies, *arrays.values())):
                raise ValueError("no member, or numbers that are not finite")
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise damaged(path, error, COMMAND) from error
        return cls(members, energies, scale)


def restored(torch, ensemble: Any, path: Path) -> Any:
    """`ensemble`, torchani's ANI-1x, with the networks and self energies of the file at `path`.

    Raises:
        DataError: the file is damaged or something else, or its networks have other shapes.
    """
    file = EnsembleFile.load(path)
    networks = list(ensemble.neural_networks)
    if len(file.members) > len(networks):
        raise damaged(path, ValueError(f"{len(file.members)} members of {len(networks)}"), COMMAND)
    for network, member in zip(networks, file.members, strict=False):
        try:
            network.load_state_dict({name: torch.from_numpy(array) for name, array in member.items()})
        except (RuntimeError, TypeError) as error:
            raise damaged(path, error, COMMAND) from error
    ensemble.neural_networks = type(ensemble.neural_networks)(networks[: len(file.members)])
    ensemble.energy_shifter.self_energies = torch.tensor(file.self_energies)
    return ensemble
