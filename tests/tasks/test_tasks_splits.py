"""The tasks against the split table, spelled out here a second time."""

import pytest

from compcalc.errors import InputError, LeakageError, UnknownNameError
from compcalc.molecules.smiles import canonical_smiles
from compcalc.records import Molecule
from compcalc.tasks import all_tasks, get_task
from compcalc.tasks.leakage import check_leakage
from compcalc.tasks.splits import parse_counts


def _series(family: str, *counts: int) -> list[str]:
    return [f"{family}/{n:02d}" for n in counts]


def _four_to_ten(*families: str) -> list[str]:
    return [name for family in families for name in _series(family, 4, 5, 6, 7, 8, 9, 10)]


SPLITS = {
    "length/base": (
        _series("alkane", 2, 3, 4, 5, 6),
        _series("alkane", 7, 8, 9, 10, 11, 12, 13),
    ),
    "length/augmented": (
        _series("alcohol", 2, 3, 9, 10, 11, 12, 13, 14, 15) + _series("carboxylic_acid", 4, 5, 6, 7, 8),
        _series("alcohol", 4, 5, 6, 7, 8) + _series("carboxylic_acid", 2, 3, 9, 10, 11, 12, 13, 14, 15),
    ),
    "composition/base": (_four_to_ten("alcohol", "aldehyde", "hydroxyaldehyde"), _four_to_ten("carboxylic_acid")),
    "composition/augmented": (
        _four_to_ten("alcohol", "aldehyde", "hydroxyaldehyde", "amine", "amide"),
        _four_to_ten("carboxylic_acid"),
    ),
    "duplication/base": (
        _series("carboxylic_acid", 4, 5, 6, 7, 8, 9),
        _series("dicarboxylic_acid", 4, 5, 6, 7, 8, 9),
    ),
    "combination/base": (
        _series("dicarboxylic_acid", 2, 3, 4, 5, 6, 7, 8, 9) + _series("diamine", 2, 3, 4, 5, 6, 7, 8, 9),
        _series("amino_acid", 2, 3, 4, 5, 6, 7, 8, 9),
    ),
}
COUNTS = {
    "combination/base": (16, 8),
    "composition/base": (21, 7),
    "composition/augmented": (35, 7),
    "duplication/base": (6, 6),
    "length/base": (5, 7),
    "length/augmented": (14, 14),
}


@pytest.mark.parametrize("name", SPLITS)
def test_each_split_is_the_published_one(name):
    task = get_task(name)
    train, ood = SPLITS[name]
    assert sorted(m.name for m in task.train) == sorted(train)
    assert sorted(m.name for m in task.ood) == sorted(ood)
    assert (len(task.train), len(task.ood)) == COUNTS[name]
    assert task.name == name
    assert task.question.endswith("?")


def test_there_are_six_splits_of_92_molecules():
    tasks = all_tasks()
    assert sorted(t.name for t in tasks) == sorted(SPLITS)
    molecules = {m for t in tasks for m in t.train + t.ood}
    assert len(molecules) == 92
    assert len({canonical_smiles(m.smiles) for m in molecules}) == 92


def test_smiles_of_members_written_by_hand():
    smiles = {m.name: canonical_smiles(m.smiles) for t in all_tasks() for m in t.train + t.ood}
    by_hand = {
        "alkane/02": "CC",
        "alcohol/04": "OCCCC",
        "aldehyde/04": "O=CCCC",
        "hydroxyaldehyde/04": "O=CCCCO",
        "carboxylic_acid/02": "CC(O)=O",
        "amine/04": "NCCCC",
        "amide/04": "CCCC(N)=O",
        "dicarboxylic_acid/02": "OC(=O)C(O)=O",
        "diamine/02": "NCCN",
        "amino_acid/02": "NCC(O)=O",
    }
    assert {name: smiles[name] for name in by_hand} == {name: canonical_smiles(s) for name, s in by_hand.items()}


def test_a_variant_is_named_apart_or_with_the_task():
    assert get_task("length", "augmented") == get_task("length/augmented")
    assert get_task("length").variant == "base"
    assert get_task("length/augmented", "base").variant == "augmented"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lenght",), "task: got 'lenght'.*combination, composition, duplication, length.*Did you mean 'length'"),
        (("length", "augmentd"), "variant: got 'augmentd'.*augmented, base.*Did you mean 'augmented'.*length"),
        (("duplication/augmented",), "variant: got 'augmented'.*allowed: base"),
        (("",), "task: got ''"),
    ],
)
def test_unknown_names_come_with_the_known_ones(arguments, message):
    with pytest.raises(UnknownNameError, match=message):
        get_task(*arguments)


def test_carbon_counts():
    assert parse_counts("2,3,9-12") == [2, 3, 9, 10, 11, 12]
    assert parse_counts("7") == [7]
    assert parse_counts("7-7") == [7]


@pytest.mark.parametrize("text", ["", "2,", "2-", "-3", "a", "2..5", "2, 3", "9-3", "1-2-3", "²"])
def test_other_forms_of_carbon_counts_are_refused(text):
    with pytest.raises(InputError, match="carbon counts: got .*such as 2,3,9-15"):
        parse_counts(text)


@pytest.mark.parametrize("smiles", ["CCC(=O)O", "OC(=O)CC", "C(C)C(O)=O", "[CH3][CH2]C(=O)[OH]"])
def test_one_molecule_written_differently_is_leakage(smiles):
    train = [Molecule("mine", "CCC(=O)O"), Molecule("other", "CCO")]
    ood = [Molecule("far", "CCCCC"), Molecule("yours", smiles)]
    with pytest.raises(LeakageError, match=r"task x: 1 molecule.*mine = yours"):
        check_leakage(train, ood, "x")


def test_isomers_are_no_leakage():
    check_leakage([Molecule("a", "CCCO")], [Molecule("b", "CC(C)O"), Molecule("c", "CCOC")], "x")


def test_every_shared_molecule_is_named():
    train = [Molecule("a", "CCO"), Molecule("b", "CCN")]
    with pytest.raises(LeakageError, match=r"2 molecule.*a = c, b = d"):
        check_leakage(train, [Molecule("c", "OCC"), Molecule("d", "NCC")], "x")


def test_a_task_with_a_leak_in_its_table_is_refused(monkeypatch):
    table = {"bad": {"question": "?", "variants": {"base": {"train": {"alkane": "2-5"}, "ood": {"alkane": "5-7"}}}}}
    monkeypatch.setattr("compcalc.tasks.splits._task_table", lambda: table)
    with pytest.raises(LeakageError, match="task bad/base: 1 molecule.*alkane/05 = alkane/05"):
        get_task("bad")
