"""Tables of a run as pandas frames. Symbols in the shapes: N atoms."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from compcalc.errors import MissingDependencyError
from compcalc.report.tables import TABLES_EXTRA
from compcalc.report.tidy import COLUMNS, tidy_lines
from compcalc.schemas import schema, unit_of
from compcalc.units import MEV_PER_EV

if TYPE_CHECKING:
    from pandas import DataFrame

_FRAME_UNITS = {
    "reference_energy_ev": "eV",
    "predicted_energy_ev": "eV",
    "energy_error_ev": "eV",
    "energy_spread_ev": "eV",
    "force_mae_mev_per_angstrom": "meV/angstrom",
}
_FRAME_COLUMNS = ("molecule", "smiles", "split", "frame", "start", "n_atoms", *_FRAME_UNITS, "failure")
_FORCE_COLUMNS = tuple(f"{whose}_f{axis}_ev_per_angstrom" for whose in ("reference", "predicted") for axis in "xyz")


def rows_frame(rows: Sequence[Mapping[str, Any]], described_as: str) -> "DataFrame":
    """Rows of metrics.json with the columns that hold one number or word; groups and lists are left to the tidy table.

    Args:
        rows: of one kind.
        described_as: what the schema calls them; its keys are the columns where there are no rows.
    """
    properties = schema("metrics")["$defs"][described_as]["properties"]
    flat = [key for key, described in properties.items() if described.get("type") not in ("object", "array")]
    new = [key for row in rows[:1] for key, value in row.items() if not isinstance(value, dict | list)]
    columns = list(dict.fromkeys([*(key for key in flat if not rows or key in rows[0]), *new]))
    made = _pandas().DataFrame([{key: row.get(key) for key in columns} for row in rows], columns=columns)
    return _with_units(made, {key: unit for key in columns if (unit := unit_of(key))})


def tidy_frame(metrics: Mapping[str, Any], manifest: Mapping[str, Any]) -> "DataFrame":
    """The lines of metrics.csv, `value` as float."""
    made = _pandas().DataFrame(list(tidy_lines(metrics, manifest)), columns=list(COLUMNS))
    return made.astype({"value": float, "replica": "Int64", "n": "Int64"})


def predictions_frame(images: Sequence[Atoms]) -> "DataFrame":
    """One row a frame with its energies, eV, and its force MAE, meV/angstrom; NaN where the frame failed.

    Args:
        images: as `pipeline.predictions` writes them.
    """
    made = _pandas().DataFrame([_frame_row(atoms) for atoms in images], columns=list(_FRAME_COLUMNS))
    return _with_units(made, _FRAME_UNITS)


def forces_frame(images: Sequence[Atoms]) -> "DataFrame":
    """One row an atom and frame with both forces, eV/angstrom; NaN where the frame failed.

    Args:
        images: as `pipeline.predictions` writes them.
    """
    sizes = [len(atoms) for atoms in images]

    def repeated(key: str) -> np.ndarray:
        return np.repeat(np.array([atoms.info[key] for atoms in images]), sizes)

    values = np.concatenate([np.hstack(_forces(atoms)) for atoms in images]) if images else np.empty((0, 6))
    columns = {
        **{key: repeated(key) for key in ("molecule", "split", "frame")},
        "atom": np.concatenate([np.arange(n) for n in sizes]) if images else np.empty(0, dtype=int),
        "element": [symbol for atoms in images for symbol in atoms.get_chemical_symbols()],
        **dict(zip(_FORCE_COLUMNS, values.T, strict=True)),
    }
    return _with_units(_pandas().DataFrame(columns), dict.fromkeys(_FORCE_COLUMNS, "eV/angstrom"))


def force_mae_mev_per_angstrom(atoms: Atoms) -> float:
    """Mean |predicted - reference| over the 3N components of one frame; NaN where it failed."""
    reference, predicted = _forces(atoms)
    return MEV_PER_EV * float(np.abs(predicted - reference).mean())


def _frame_row(atoms: Atoms) -> dict[str, Any]:
    info = atoms.info
    predicted = info.get("PRED_energy", float("nan"))
    return {
        **{key: info[key] for key in ("molecule", "smiles", "split", "frame", "start")},
        "n_atoms": len(atoms),
        "reference_energy_ev": info["REF_energy"],
        "predicted_energy_ev": predicted,
        "energy_error_ev": predicted - info["REF_energy"],
        "energy_spread_ev": info.get("PRED_energy_spread", float("nan")),
        "force_mae_mev_per_angstrom": force_mae_mev_per_angstrom(atoms),
        "failure": str(info["failure"]) if "failure" in info else None,
    }


def _forces(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Reference and predicted forces, eV/angstrom, (N, 3) each; the latter NaN where the frame failed."""
    reference = atoms.arrays["REF_forces"]
    return reference, atoms.arrays.get("PRED_forces", np.full(reference.shape, np.nan))


def _with_units(frame: "DataFrame", units: Mapping[str, str]) -> "DataFrame":
    frame.attrs["units"] = dict(units)
    return frame


def _pandas():
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError("a table of a run", "pandas", TABLES_EXTRA) from error
    return pandas
