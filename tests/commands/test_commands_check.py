"""What `compcalc check` prints and returns."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent / "checks"))

import check_samples as samples

from compcalc.checks import CHECKS
from compcalc.commands.check import check, readable
from compcalc.errors import MoleculeError, UnknownNameError


def printed(potential, *args, width=80, **options):
    console = Console(file=io.StringIO(), width=width)
    code = check(potential, *args, console=console, **options)
    return code, console.file.getvalue()


@pytest.mark.parametrize(("make", "code"), [(samples.Good, 0), (samples.IgnoresCharge, 0), (samples.Negated, 1)])
def test_the_exit_code(make, code):
    assert printed(make(), samples.ethanol())[0] == code


def test_failures_come_first_with_their_sentence_below():
    _, text = printed(samples.InHartree(), samples.ethanol())
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "InHartree on C2H6O, float64"
    assert lines[3].split()[:4] == ["FAIL", "forces", "=", "-gradient"]
    assert "forces are 27.21 times too small: forces in hartree/angstrom?" in " ".join(text.split())
    assert "InHartree fails 1 check: read why" in " ".join(text.split())
    assert f"{len(CHECKS)} checks: 1 failed, {len(CHECKS) - 2} passed, 1 not applicable." in " ".join(text.split())


def test_a_wide_table_has_the_sentences_of_what_passed():
    _, text = printed(samples.Good(), samples.ethanol(), width=150)
    assert max(map(len, text.splitlines())) <= 150
    assert "The forces add up to zero." in text
    assert "The forces add up to zero." not in printed(samples.Good(), samples.ethanol())[1]
    assert text.rstrip().endswith("Good is sound.")


def test_json_is_all_that_is_printed(capsys):
    class Chatty(samples.Good):
        def computed(self):
            print("computing")
            return super().computed()

    code, text = printed(Chatty(), samples.ethanol(), only=["symmetry"], as_json=True)
    found = json.loads(text)
    assert code == 0 and found["ok"] and found["counts"]["pass"] == 4
    assert [finding["name"] for finding in found["findings"]] == [
        "rotation",
        "reflection",
        "translation",
        "permutation",
    ]
    output = capsys.readouterr()
    assert output.out == "" and "computing" in output.err


def test_a_potential_and_a_molecule_by_name():
    code, text = printed("mmff94", "CCO", only=["rotation"])
    assert code == 0 and text.startswith("MMFF94 on C2H6O, float64")
    with pytest.raises(MoleculeError, match="no-such-file.xyz"):
        printed("mmff94", "no-such-file.xyz")
    with pytest.raises(UnknownNameError, match="rotatoin"):
        printed("mmff94", only=["rotatoin"])


def test_markup_in_a_message_is_printed_as_it_is():
    class Bracketed(samples.Good):
        label_name = "[red]x[/red]"

        def computed(self):
            raise RuntimeError("[/bold] [red]no")

    _, text = printed(Bracketed(), samples.ethanol())
    assert text.startswith("[red]x[/red] on") and "[/bold] [red]no" in text


@pytest.mark.parametrize(
    ("value", "limit", "text"),
    [
        (6.1e-14, 1e-5, "0"),
        (0.9e-8, 1e-5, "0"),
        (1.1e-8, 1e-5, "1.1e-08"),
        (2.8e-5, 1.2e-3, "0.000028"),
        (1e-5, None, "0"),
        (0.0012, None, "0.0012"),
        (12.34, 1.0, "12"),
        (None, 1.0, ""),
    ],
)
def test_numbers_are_read_against_their_limit(value, limit, text):
    assert readable(value, limit) == text
