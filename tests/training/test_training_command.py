"""`compcalc train` from end to end on small data: one folder a seed, done once, with a card that says everything."""

import json

import pytest
from training_data import TASK, mmff94_data

from compcalc.calculators import get_calculator
from compcalc.calculators.model_file import file_hash
from compcalc.cli import call
from compcalc.training.linear import ARCHITECTURE as LINEAR


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    mmff94_data(directory)
    return directory


@pytest.fixture
def train(monkeypatch, capsys, tmp_path, data):
    """Run `compcalc train` on the small task; gives exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("compcalc.commands.train.get_task", lambda name, variant="base": TASK)

    def run(*words):
        words = ("train", *words, "--task", "tiny", "--data", str(data), "--out", "models")
        monkeypatch.setattr("sys.argv", ["compcalc", *words])
        code = call(list(words))
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def card(tmp_path, name):
    return json.loads((tmp_path / "models" / name / "card.json").read_text())


def test_a_linear_model_and_its_card(train, tmp_path, data):
    code, out, _ = train("linear")
    assert code == 0
    found = card(tmp_path, "linear-tiny-base-0")
    model = tmp_path / "models/linear-tiny-base-0/linear-tiny-base-0.json"
    assert found["sha256"] == file_hash(model)
    assert found["train_molecules"] == ["alkane/01", "alkane/02"]
    assert found["frames"] == {"train": 12, "validation": 4}
    assert found["data"]["method"] == "mmff94" and len(found["data"]["hash"]) == 64
    assert found["command"] == f"compcalc train linear --task tiny --data {data} --out models"
    assert (found["architecture"], found["task"], found["seed"]) == ("linear", "tiny/base", 0)
    assert found["parameters"] == 2
    assert found["versions"]["numpy"]
    assert set(found["errors"]) == {"validation", "id_test", "ood_test"}
    assert found["errors"]["id_test"]["frames"] == 16
    # Forces of the model are zero: its error is the mean size of the reference's.
    assert found["errors"]["ood_test"]["force_mae_mev_per_angstrom"] > 100
    assert "Try it: compcalc run linear:models/linear-tiny-base-0/linear-tiny-base-0.json --task tiny" in out
    assert get_calculator(f"linear:{model}").n_parameters == 2


def test_seeds_have_folders_and_what_is_finished_is_left_alone(train, tmp_path):
    code, _, _ = train("additive", "--seed", "1")
    assert code == 0
    first = (tmp_path / "models/additive-tiny-base-1/card.json").read_text()
    code, out, _ = train("additive", "--seeds", "0,1,2")
    assert code == 0
    assert "additive-tiny-base-1: finished before" in out
    assert out.count("finished before") == 1
    assert (tmp_path / "models/additive-tiny-base-1/card.json").read_text() == first
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [
        f"additive-tiny-base-{s}" for s in range(3)
    ]
    assert "force MAE of 3 seeds" in out
    files = [(tmp_path / f"models/additive-tiny-base-{s}/additive-tiny-base-{s}.json").read_bytes() for s in range(3)]
    assert len(set(files)) > 1  # the seed decides which frames are fitted


def test_the_same_seed_gives_the_same_bytes(train, tmp_path):
    hashes = []
    for _ in range(2):
        assert train("additive", "--seed", "3")[0] == 0
        hashes.append(card(tmp_path, "additive-tiny-base-3")["sha256"])
        (tmp_path / "models").rename(tmp_path / f"models-{len(hashes)}")
    assert hashes[0] == hashes[1]


def test_molecules_that_the_model_cannot_compute_are_counted_not_dropped(train, tmp_path):
    """Propane has atoms four bonds apart, which methane and ethane have not."""
    code, out, _ = train("additive")
    assert code == 0
    errors = card(tmp_path, "additive-tiny-base-0")["errors"]
    assert errors["ood_test"]["force_mae_mev_per_angstrom"] is None
    assert errors["ood_test"]["failed_molecules"] == 1
    assert "no pair of type far" in errors["ood_test"]["reason"]
    assert "failed_frames" not in errors["id_test"]
    assert "ood_test: no molecule could be computed; 8 frames of 1 molecules failed: UnseenTermError" in out


def test_a_training_that_was_killed_goes_on_with_the_seed_that_it_was_at(train):
    fitted, real = [], LINEAR.fit

    def fit(job, settings):
        fitted.append(job.seed)
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return real(job, settings)

    object.__setattr__(LINEAR, "fit", fit)
    try:
        assert train("linear", "--seeds", "0,1,2")[0] != 0
        assert train("linear", "--seeds", "0,1,2")[0] == 0
    finally:
        object.__setattr__(LINEAR, "fit", real)
    assert fitted == [0, 1, 1, 2]


def test_other_settings_in_the_same_folder_are_refused(train):
    assert train("additive")[0] == 0
    code, _, err = train("additive", "--ridge", "3")
    assert code == 2
    assert "additive-tiny-base-0 holds another training: settings.ridge is None there and 3.0 here" in err


def test_delta_learning_from_the_command_line(train, tmp_path):
    code, _, _ = train("delta", "--base", "mmff94", "--arch", "additive", "--ridge", "0.5")
    assert code == 0
    found = card(tmp_path, "delta-mmff94-additive-tiny-base-0")
    assert found["settings"] == {
        "base": "mmff94",
        "arch": "additive",
        "correction": {"energy_weight": None, "ridge": 0.5, "free_pairs": False},
    }
    assert found["errors"]["id_test"]["force_mae_mev_per_angstrom"] < 10  # of 500 and more
    assert found["spec"] == "delta:delta.json"
    assert get_calculator(f"delta:{tmp_path}/models/delta-mmff94-additive-tiny-base-0").can_batch


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mase",), "Did you mean 'mace'?"),
        (("additive", "--seeds", "0,one"), "--seeds: got '0,one'"),
        (("additive", "--ridge", "0"), "ridge: got 0.0"),
        (("delta", "--arch", "nothing"), "architecture: got 'nothing'"),
        (("delta", "--arch", "delta"), "any architecture but delta itself"),
        (("mace", "--epochs", "0"), "epochs: got 0"),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(train, tmp_path, words, message):
    code, _, err = train(*words)
    assert code == 2
    assert message in err and err.startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_an_option_of_another_architecture_is_a_usage_error(train):
    code, _, err = train("linear", "--epochs", "3")
    assert code == 2
    assert "--epochs" in err


def test_help_lists_the_architectures_and_their_options(train, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert call(["train", "--help"]) == 0
    listed = capsys.readouterr().out
    for name in ("linear", "additive", "mace", "delta"):
        assert f" {name} " in listed
    assert call(["train", "mace", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--max-L" in shown and "--patience" in shown and "--seeds" in shown
    assert call(["train", "delta", "--arch", "additive", "--help"]) == 0
    assert "--ridge" in capsys.readouterr().out
