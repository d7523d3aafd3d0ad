"""`compcalc data info`: what a data set holds, and the evidence that its sampling worked."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from ase.data import atomic_masses, chemical_symbols
from rich.console import Console
from rich.table import Table

from compcalc.metrics.distributions import backbone_torsions, bond_lengths, gauche_fraction
from compcalc.metrics.sampling import bond_forces, bond_types, combine_means, equilibrium_bond_forces, start_means
from compcalc.records import Frames
from compcalc.reference.dataset import DataSet
from compcalc.reference.plan import FILES

ROLES = {"A": "training", "B": "test", "C": "control: long dynamics of the method alone"}


def info(directory: Path | None) -> dict:
    """Contents and evidence of a data set, JSON-able.

    Raises:
        DataError: the data are missing or damaged.
    """
    dataset = DataSet(directory)
    letters = [letter for letter in FILES if dataset.has(letter)]
    groups = {letter: [dataset.file(letter).read(n) for n in dataset.file(letter).names] for letter in letters}
    return {
        "directory": "shipped" if directory is None else str(directory),
        "description": dataset.description,
        "contents": {
            letter: {
                "file": FILES[letter],
                "role": ROLES[letter],
                "molecules": len(groups[letter]),
                "frames": sum(map(len, groups[letter])),
                "size_mb": round((dataset.directory / FILES[letter]).stat().st_size / 1e6, 2),
            }
            for letter in letters
        },
        "evidence": {
            "bond_force_ev_per_angstrom": {letter: _bond_forces(groups[letter]) for letter in letters},
            "temperature_k": {letter: _temperatures(groups[letter]) for letter in letters},
            "gauche_fraction": _gauche(groups),
            "control": _control(groups),
        },
    }


def _by_type(frames: Frames, values: np.ndarray) -> dict[str, list[float]]:
    """Bond type -> mean of `values` (T, B) over each start."""
    types = np.array(bond_types(frames.numbers, frames.bonds))
    return {str(t): start_means(values[:, types == t].mean(axis=1), frames.start) for t in np.unique(types)}


def _estimate(values: list[float]) -> dict:
    mean, error = combine_means(values)
    return {"mean": mean, "standard_error": error if np.isfinite(error) else None, "n": len(values)}


def _bond_forces(groups: list[Frames]) -> dict:
    """Bond type -> mean force along it, and what equilibrium at the sampler's temperature asks for."""
    found, expected = defaultdict(list), defaultdict(list)
    for frames in groups:
        kelvin = frames.attributes["sampler"]["temperature_k"]
        masses = atomic_masses[frames.numbers]
        measured = bond_forces(frames.positions, frames.forces, masses, frames.bonds)
        ideal = equilibrium_bond_forces(frames.positions, frames.bonds, kelvin)
        for kind, values in _by_type(frames, measured - ideal).items():
            found[kind] += values
        for kind, values in _by_type(frames, ideal).items():
            expected[kind] += values
    result = {}
    for kind in sorted(found):
        excess, ideal = _estimate(found[kind]), float(np.mean(expected[kind]))
        result[kind] = {
            "mean": excess["mean"] + ideal,
            "standard_error": excess["standard_error"],
            "equilibrium": ideal,
            "n_starts": excess["n"],
        }
    return result


def _temperatures(groups: list[Frames]) -> dict:
    found = defaultdict(list)
    for frames in groups:
        for z, kelvin in frames.attributes["element_temperature_k"].items():
            found[chemical_symbols[int(z)]].append(kelvin)
    return {symbol: _estimate(values) for symbol, values in sorted(found.items())}


def _gauche(groups: dict[str, list[Frames]]) -> dict:
    """Family -> trajectory -> gauche fraction of the C-C-C-C torsions, starts independent."""
    found = defaultdict(lambda: defaultdict(list))
    for letter, members in groups.items():
        for frames in members:
            torsions = backbone_torsions(frames.numbers, frames.bonds)
            torsions = torsions[(frames.numbers[torsions] == 6).all(axis=1)] if len(torsions) else torsions
            if len(torsions):
                starts = [frames.positions[frames.start == s] for s in np.unique(frames.start)]
                family = frames.molecule.name.split("/")[0]
                found[family][letter] += [gauche_fraction(positions, torsions) for positions in starts]
    return {
        family: {letter: _estimate(values) for letter, values in sorted(letters.items())}
        for family, letters in sorted(found.items())
    }


def _control(groups: dict[str, list[Frames]]) -> dict:
    """Molecule -> bond type -> mean length (angstrom) in the data and in the control, and their distance in errors."""
    data = {frames.molecule.name: frames for letter in ("B", "A") for frames in groups.get(letter, [])}
    result = {}
    for control in groups.get("C", []):
        frames = data.get(control.molecule.name)
        if frames is None:
            continue
        mine, true = (_by_type(f, bond_lengths(f.positions, f.bonds)) for f in (frames, control))
        rows = {}
        for kind in sorted(mine):
            (a, ea), (b, eb) = combine_means(mine[kind]), combine_means(true[kind])
            spread = float(np.hypot(ea, eb))
            rows[kind] = {"data": a, "control": b, "standard_errors_apart": abs(a - b) / spread if spread > 0 else None}
        result[control.molecule.name] = rows
    return result


def print_data_info(content: dict, console: Console) -> None:
    """Show `info` to a person."""
    description = content["description"]
    console.print(f"Data set: {content['directory']}", style="bold")
    console.print(f"Labels {description.get('method')}, sampled with {description.get('dynamics_method')}")
    console.print(f"seed {description.get('seed')}; E0 {_energies(description.get('atomic_energies_ev', {}))}")
    versions = description.get("versions", {})
    console.print("made with " + ", ".join(f"{name} {number}" for name, number in versions.items()))
    console.print(_contents_table(content["contents"]))
    evidence = content["evidence"]
    console.print(_force_table(evidence["bond_force_ev_per_angstrom"]))
    console.print(_letter_table("Kinetic temperature by element, K (molecules independent)", evidence["temperature_k"]))
    gauche = {
        letter: {family: row[letter] for family, row in evidence["gauche_fraction"].items() if letter in row}
        for letter in content["contents"]
    }
    console.print(_letter_table("Gauche fraction of C-C-C-C torsions", gauche, digits=2))
    if evidence["control"]:
        console.print(_control_table(evidence["control"]))


def _energies(energies: dict) -> str:
    return ", ".join(f"{symbol} {value:.4f}" for symbol, value in energies.items()) + " eV"


def _contents_table(contents: dict) -> Table:
    table = Table(title="Contents")
    for header in ("trajectory", "role", "file", "molecules", "frames", "MB"):
        table.add_column(header)
    for letter, row in contents.items():
        table.add_row(
            letter, row["role"], row["file"], str(row["molecules"]), str(row["frames"]), f"{row['size_mb']:.2f}"
        )
    return table


def _force_table(forces: dict) -> Table:
    table = Table(title="Mean force along each bond, eV/angstrom; equilibrium is -2kT<1/r>")
    table.add_column("bond")
    table.add_column("equilibrium", justify="right")
    for letter in forces:
        table.add_column(f"{letter}", justify="right")
        table.add_column("errors off", justify="right")
    for kind in sorted({kind for row in forces.values() for kind in row}):
        cells, ideal = [], None
        for row in forces.values():
            found = row.get(kind)
            cells += _force_cells(found)
            ideal = ideal if found is None else found["equilibrium"]
        table.add_row(kind, f"{ideal:.3f}", *cells)
    return table


def _force_cells(found: dict | None) -> list[str]:
    if found is None:
        return ["", ""]
    error = found["standard_error"]
    if not error:
        return [f"{found['mean']:.3f}", ""]
    return [f"{found['mean']:.3f} ± {error:.3f}", f"{(found['mean'] - found['equilibrium']) / error:+.1f}"]


def _letter_table(title: str, rows: dict[str, dict], digits: int = 0) -> Table:
    table = Table(title=title)
    table.add_column("")
    for letter in rows:
        table.add_column(letter, justify="right")
    for name in sorted({name for row in rows.values() for name in row}):
        table.add_row(name, *(_estimate_words(row.get(name), digits) for row in rows.values()))
    return table


def _estimate_words(found: dict | None, digits: int) -> str:
    if found is None:
        return ""
    error = found["standard_error"]
    return f"{found['mean']:.{digits}f}" + (f" ± {error:.{max(1, digits)}f}" if error is not None else "")


def _control_table(control: dict) -> Table:
    table = Table(title="Mean bond length in the data and in the control, angstrom")
    for header in ("molecule", "bond", "data", "control", "errors apart"):
        table.add_column(header)
    for molecule, rows in control.items():
        for kind, row in rows.items():
            apart = row["standard_errors_apart"]
            table.add_row(
                molecule,
                kind,
                f"{row['data']:.4f}",
                f"{row['control']:.4f}",
                f"{apart:.1f}" if apart is not None else "",
            )
    return table
