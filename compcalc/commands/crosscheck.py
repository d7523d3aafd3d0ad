"""`compcalc data crosscheck`: potentials and levels of theory, each judged by every level of theory."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from compcalc.calculators import get_calculator
from compcalc.checks.accuracy import predict
from compcalc.commands.progress import progress_bar
from compcalc.errors import InputError
from compcalc.metrics.agreement import Agreement, Labelled, agreement
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.reference.plan import FILES
from compcalc.reference.relabelling import Level, level_of_record, read_level, shipped_levels
from compcalc.reference.store import FrameFile
from compcalc.report.wording import printable, shown


@dataclass(frozen=True)
class Row:
    """One level or potential judged by a level.

    Attributes:
        judged: name of the level or potential that is judged.
        by: name of the level that judges.
        overall: over all molecules.
        families: family, or molecule where its name has none -> force MAE, meV/angstrom.
    """

    judged: str
    by: str
    overall: Agreement
    families: Mapping[str, float]


def crosscheck(
    potentials: Sequence[str], against: Sequence[Path] | None, data: Path | None, console: Console
) -> tuple[list[Row], dict[str, dict[str, str]]]:
    """Judge potentials, and the levels themselves, by every level.

    Args:
        potentials: specs.
        against: files of `compcalc data relabel`; None or empty for the shipped ones.
        data: directory of the data set that their frames come from; None for the shipped one.
        console: for progress.

    Returns:
        rows, and potential -> frame -> the reason for which it failed.

    Raises:
        CompcalcError: a potential that cannot be built, a file that cannot be read, or frames of other data.
    """
    levels = [read_level(path) for path in against or shipped_levels()]
    record = level_of_record(_source(levels, against or shipped_levels(), data), levels)
    levels = [record, *levels]
    calculators = [(spec, get_calculator(spec)) for spec in potentials]
    judged, failures = [], {}
    with progress_bar(console) as bar:
        task = bar.add_task("predicting", total=len(calculators) * len(record.frames))
        for spec, calculator in calculators:
            level, failures[spec] = _predicted(spec, calculator, record, lambda: bar.advance(task))
            judged.append(level)
    names = _distinct([level.name for level in [*judged, *levels]])
    judged = [replace(level, name=name) for level, name in zip([*judged, *levels], names, strict=True)]
    levels = judged[len(calculators) :]
    pairs = [(one, other) for one in judged for other in levels if one is not other]
    rows = [_row(one, other) for one, other in pairs if one.shared(other)]
    return rows, {spec: found for spec, found in failures.items() if found}


def _source(levels: Sequence[Level], paths: Sequence[Path], data: Path | None) -> FrameFile:
    """The file of the data set that the frames come from, of the one trajectory that all files name."""
    letters = {str(FrameFile(path).description.get("trajectory", "B")) for path in paths}
    if len(letters) > 1 or not letters <= FILES.keys():
        raise InputError("against", f"trajectories {', '.join(sorted(letters))}", f"one of {', '.join(FILES)}")
    return DataSet(data).file(letters.pop())


def _predicted(spec: str, calculator, record: Level, advance) -> tuple[Level, dict[str, str]]:
    """What a potential says of the frames of `record`, those that it fails on left out and named."""
    frames, index, failures = {}, {}, {}
    for name, known in record.frames.items():
        prediction = predict(calculator, known)
        places = record.index[name]
        failures |= {f"{name} frame {places[k]}": reason for k, reason in prediction.failures.items()}
        good = prediction.good
        if good.any():
            index[name] = places[good]
            frames[name] = replace(known.select(good), energy=prediction.energy[good], forces=prediction.forces[good])
        advance()
    return Level(spec, frames, index), failures


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, those that come again with a number."""
    return [name if (k := names[:i].count(name)) == 0 else f"{name} ({k + 1})" for i, name in enumerate(names)]


def _row(judged: Level, by: Level) -> Row:
    families: dict[str, list[Labelled]] = {}
    for one, other in judged.shared(by):
        family = one.molecule.name.rpartition("/")[0] or one.molecule.name
        families.setdefault(family, []).append(_labelled(one, other))
    everything = [molecule for group in families.values() for molecule in group]
    return Row(
        judged.name,
        by.name,
        agreement(everything),
        {family: agreement(group).force_mae for family, group in families.items()},
    )


def _labelled(one: Frames, other: Frames) -> Labelled:
    return Labelled(one.numbers, one.energy, one.forces, other.energy, other.forces)


def to_json(rows: Sequence[Row], failures: Mapping[str, Mapping[str, str]]) -> dict:
    """The rows with units in their names; a number that does not exist is null."""
    return {"rows": [_json_row(row) for row in rows], "failures": {key: dict(value) for key, value in failures.items()}}


def _json_row(row: Row) -> dict:
    found = asdict(row.overall)
    return {
        "judged": row.judged,
        "by": row.by,
        "molecules": found["n_molecules"],
        "frames": found["n_frames"],
        "force_mae_mev_per_angstrom": _finite(found["force_mae"]),
        "force_cosine": _finite(found["force_cosine"]),
        "relative_energy_mae_mev_per_atom": _finite(found["relative_energy_mae"]),
        "shifted_energy_mae_mev_per_atom": _finite(found["shifted_energy_mae"]),
        "element_shift_ev": {str(z): value for z, value in found["shift"].items()},
        "family_force_mae_mev_per_angstrom": {name: _finite(value) for name, value in row.families.items()},
    }


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def print_crosscheck(rows: Sequence[Row], failures: Mapping[str, Mapping[str, str]], console: Console) -> None:
    """One table of errors for each level that judges, then one of force errors by family."""
    for by in dict.fromkeys(row.by for row in rows):
        chosen = [row for row in rows if row.by == by]
        console.print(Text(printable(f"judged by {by}")), style="bold", highlight=False)
        console.print(_overall_table(chosen))
        console.print(_family_table(chosen))
    for spec, found in failures.items():
        for frame, reason in found.items():
            console.print(Text(printable(f"failed: {spec}: {frame}: {reason}")), style="bold", highlight=False)


def _table(*headers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(headers[0], overflow="fold")
    for header in headers[1:]:
        table.add_column(header, justify="right")
    return table


def _overall_table(rows: Sequence[Row]) -> Table:
    table = _table(
        "",
        "frames",
        "force MAE\nmeV/Å",
        "force\ncosine",
        "relative energy\nMAE, meV/atom",
        "shifted energy\nMAE, meV/atom",
    )
    for place, row in enumerate(rows, 1):
        found = row.overall
        cosine = f"{found.force_cosine:.4f}" if np.isfinite(found.force_cosine) else shown(None)
        errors = (found.relative_energy_mae, found.shifted_energy_mae)
        table.add_row(
            Text(printable(f"{place}  {row.judged}")),
            str(found.n_frames),
            shown(found.force_mae),
            cosine,
            *map(shown, errors),
        )
    return table


def _family_table(rows: Sequence[Row]) -> Table:
    table = _table("force MAE, meV/Å", *(str(place) for place in range(1, len(rows) + 1)))
    for family in dict.fromkeys(name for row in rows for name in row.families):
        table.add_row(family, *(shown(row.families.get(family)) for row in rows))
    return table
