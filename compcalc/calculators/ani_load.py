"""Loading ANI models: the one in torchani's wheel, a fine-tuned one, or a directory of NeuroChem's files."""

import importlib.util
import io
import sys
import tempfile
import types
import warnings
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from compcalc.calculators.ani_file import restored
from compcalc.errors import DataError

SHIPPED = "ani-1x"
"""The model whose weights lie in torchani's wheel: Smith et al., J. Chem. Phys. 148, 241733 (2018)."""


def load_ani(model: str):
    """torch, and the torchani ensemble called `ANI-1x`, of a fine-tuned file or of a directory.

    Raises:
        DataError: the directory is missing or incomplete, or the file is damaged.
    """
    torch, torchani = _import_torchani()
    shipped = Path(torchani.__file__).parent / "resources" / "ani-1x_8x"
    if model.lower() == SHIPPED:
        return torch, _load(torchani, shipped)
    if Path(model).is_file():
        return torch, restored(torch, _load(torchani, shipped), Path(model))
    return torch, _load(torchani, Path(model))


def _load(torchani, folder: Path):
    """The ensemble in a directory of NeuroChem files."""
    if not folder.is_dir():
        raise DataError(
            f"ANI model {folder} is no file and no directory. torchani ships ANI-1x alone; of others give the "
            "directory with their .params file, sae_*.dat file and train0, train1, ... folders: ani:path/to/ani-2x_8x."
        )
    constants, self_energies = sorted(folder.glob("*.params")), sorted(folder.glob("sae*.dat"))
    members = 0
    while any((folder / f"train{members}").rglob("*.nnf")):
        members += 1
    if not (constants and self_energies and members):
        raise DataError(
            f"{folder} holds {len(constants)} .params files, {len(self_energies)} sae*.dat files and {members} folders "
            "train0, train1, ... with networks; allowed: one, one and at least one."
        )
    lines = [constants[0], self_energies[0], folder / "train", members]
    with tempfile.TemporaryDirectory() as scratch:
        info = Path(scratch) / "model.info"
        # Absolute paths: torchani joins each line to the place where it would download to.
        info.write_text("".join(f"{line.resolve() if isinstance(line, Path) else line}\n" for line in lines))
        try:
            with redirect_stdout(io.StringIO()):  # it prints a path
                return torchani.models.BuiltinEnsemble._from_neurochem_resources(str(info))
        except Exception as error:
            raise DataError(f"{folder} cannot be read as an ANI model ({type(error).__name__}: {error}).") from error


def _import_torchani():
    """torch and torchani; what torchani's import needs of an old setuptools stands in where it is missing."""
    with _pkg_resources(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        import torchani
    return torch, torchani


@contextmanager
def _pkg_resources():
    """A stand-in for `pkg_resources`, which setuptools 82 no longer has, while torchani asks it for a version."""
    if importlib.util.find_spec("pkg_resources") is not None:
        yield
        return
    stand_in = types.ModuleType("pkg_resources")
    stand_in.DistributionNotFound = type("DistributionNotFound", (Exception,), {})
    stand_in.get_distribution = lambda name: types.SimpleNamespace(version="")
    sys.modules["pkg_resources"] = stand_in
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
