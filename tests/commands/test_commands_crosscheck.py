"""`compcalc data crosscheck` on files whose disagreement is planted."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from ase import Atoms
from rich.console import Console

from compcalc import get_calculator
from compcalc.cli import call
from compcalc.commands.crosscheck import crosscheck, print_crosscheck, to_json
from compcalc.errors import DataError
from compcalc.reference.dataset import DataSet
from compcalc.reference.relabelling import SOURCE_FRAMES
from compcalc.reference.store import write_frames

MOLECULES = ("alkane/02", "alkane/03", "alcohol/02", "amine/04", "amino_acid/02", "carboxylic_acid/02")
SHIFT = {1: -0.5, 6: 3.0, 7: -7.0, 8: 11.0}
RECORD = "tblite:GFN2-xTB?accuracy=0.1"

PICKY = """
import numpy as np


def energy(numbers, positions):
    if 16 == len(numbers):
        raise RuntimeError("no nitrogen here")
    return 0.0, np.zeros(positions.shape)


def picky():
    return energy
"""


@pytest.fixture
def planted(tmp_path):
    """MMFF94's labels with a shift for each element, and forces that are 40 meV/angstrom off in alkanes."""
    calculator, groups = get_calculator("mmff94"), []
    for name in MOLECULES:
        frames = DataSet().file("B").read(name).select(np.array([0, 3, 7]))
        energies, forces = calculator.evaluate([Atoms(frames.numbers, positions) for positions in frames.positions])
        forces = np.array(forces) + (0.040 if name.startswith("alkane") else 0.0)
        total = sum(SHIFT[z] for z in frames.numbers.tolist())
        more = {SOURCE_FRAMES: [0, 3, 7]}
        groups.append(replace(frames, energy=energies - total, forces=forces, attributes=more))
    path = tmp_path / "planted.h5"
    write_frames(path, groups, {"method": "planted", "trajectory": "B"})
    return path


def rows_of(found) -> dict:
    return {(row.judged, row.by): row for row in found[0]}


def test_planted_shift_and_force_error_are_found(planted):
    rows = rows_of(crosscheck(["mmff94"], [planted], None, Console(file=StringIO())))
    row = rows["mmff94", "planted"]
    assert row.families == pytest.approx(
        {"alkane": 40, "alcohol": 0, "amine": 0, "amino_acid": 0, "carboxylic_acid": 0}, abs=1e-3
    )
    assert row.overall.force_mae == pytest.approx(40 * 2 / 6, abs=1e-3)
    assert row.overall.shift == pytest.approx(SHIFT, abs=1e-6)
    assert row.overall.shifted_energy_mae == pytest.approx(0, abs=1e-5)
    assert row.overall.relative_energy_mae == pytest.approx(0, abs=1e-5)


def test_the_label_of_record_is_judged_and_judges(planted):
    rows = rows_of(crosscheck(["mmff94"], [planted], None, Console(file=StringIO())))
    assert set(rows) == {("mmff94", RECORD), ("mmff94", "planted"), (RECORD, "planted"), ("planted", RECORD)}
    there, back = rows[RECORD, "planted"].overall, rows["planted", RECORD].overall
    assert there.force_mae == pytest.approx(back.force_mae)
    assert there.shift == pytest.approx({z: -value for z, value in back.shift.items()})
    assert there.n_frames == 18


def test_the_method_of_record_as_a_potential_is_that_label(planted):
    rows = rows_of(crosscheck([RECORD], [planted], None, Console(file=StringIO())))
    assert rows[RECORD, f"{RECORD} (2)"].overall.force_mae < 0.01


def test_a_potential_that_fails_is_named_with_its_frames(planted, tmp_path):
    (tmp_path / "picky.py").write_text(PICKY)
    spec = f"file:{tmp_path / 'picky.py'}:picky"
    rows, failures = crosscheck([spec], [planted], None, Console(file=StringIO()))
    assert set(failures[spec]) == {f"amine/04 frame {k}" for k in (0, 3, 7)}
    assert "no nitrogen here" in failures[spec]["amine/04 frame 3"]
    row = rows_of((rows, failures))[spec, "planted"]
    assert (row.overall.n_molecules, "amine" in row.families) == (5, False)
    console = Console(file=StringIO(), width=200)
    print_crosscheck(rows, failures, console)
    assert "amine/04 frame 3" in console.file.getvalue()


def test_frames_of_other_data_are_refused(planted, tmp_path):
    frames = DataSet().file("B").read("alkane/02").select(np.array([1]))
    write_frames(tmp_path / "b.h5", [replace(frames, attributes={SOURCE_FRAMES: [2]})], {"trajectory": "B"})
    with pytest.raises(DataError, match="Name the data set"):
        crosscheck([], [tmp_path / "b.h5"], None, Console(file=StringIO()))


def test_table_and_json_say_the_same(planted, capsys, monkeypatch):
    found = crosscheck(["mmff94"], [planted], None, Console(file=StringIO()))
    console = Console(file=StringIO(), width=120)
    print_crosscheck(*found, console)
    text = console.file.getvalue()
    assert "judged by planted" in text
    assert "13.3" in text
    assert call(["data", "crosscheck", "mmff94", "--against", str(planted), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == to_json(*found)
    row = next(row for row in printed["rows"] if (row["judged"], row["by"]) == ("mmff94", "planted"))
    assert row["force_mae_mev_per_angstrom"] == pytest.approx(13.333, abs=1e-2)
    assert row["element_shift_ev"]["8"] == pytest.approx(11.0)
