"""Random MACE models and a user's file of calculators."""

import pytest
from calculator_samples import USER_FILE, write_mace


@pytest.fixture(scope="session")
def mace_models(tmp_path_factory):
    """dtype -> path of a random MACE."""
    directory = tmp_path_factory.mktemp("mace")
    return {dtype: write_mace(directory / f"{dtype}.model", dtype) for dtype in ("float32", "float64")}


@pytest.fixture(scope="session")
def user_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("user") / "my_calculators.py"
    path.write_text(USER_FILE)
    return path


@pytest.fixture
def user_module(user_file, monkeypatch):
    monkeypatch.syspath_prepend(str(user_file.parent))
    return user_file.stem
