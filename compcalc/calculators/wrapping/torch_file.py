"""Files that hold a torch module: TorchScript, an exported program, or, where the user trusts it, a pickle."""

import zipfile
from pathlib import Path

from ase.calculators.calculator import BaseCalculator

from compcalc.calculators.catalogue import Scheme
from compcalc.errors import DataError, InputError


def load_module(path: Path, trust_pickle: bool = False, device: str | None = None):
    """The module in a file, and the (name, required) of its parameters where they cannot be read from the module.

    A TorchScript file or an exported program runs the model's own operations only. A pickled module runs any code when
    it is loaded, and is loaded only with `trust_pickle`.

    Args:
        path: the file.
        trust_pickle: whether pickled code may run.
        device: torch device to load onto; None: the one it was saved from, where there is one.

    Raises:
        DataError: the file is missing, or is none of these.
        InputError: a pickle that is not trusted.
    """
    import torch

    if not path.is_file():
        raise DataError(f"{path} does not exist. Give the path of a TorchScript file or of an exported program.")
    kind = _kind(path)
    if kind == "pickle" and not trust_pickle:
        raise InputError(
            "trust_pickle",
            False,
            "True, where you trust whoever made the file",
            f"{path} is a pickled module: loading it runs whatever code it holds. Safer: save it with torch.jit.save "
            "or torch.export.save.",
        )
    try:
        if kind == "torchscript":
            return torch.jit.load(path, map_location=device), None
        if kind == "exported":
            return exported_module(torch.export.load(path))
        return torch.load(path, map_location=device, weights_only=False), None
    except Exception as error:
        raise DataError(f"{path} cannot be loaded as a torch module ({type(error).__name__}: {error}).") from error


def _kind(path: Path) -> str:
    """`torchscript`, `exported` or `pickle`, from what lies in the archive."""
    if not zipfile.is_zipfile(path):
        return "pickle"
    with zipfile.ZipFile(path) as archive:
        names = [name.partition("/")[2] for name in archive.namelist()]
    if any(name.startswith("code/") for name in names):
        return "torchscript"
    if any(name.startswith("models/") or name == "serialized_exported_program.json" for name in names):
        return "exported"
    return "pickle"


def exported_module(program):
    """The module of an exported program, and the (name, required) of its inputs in their order."""
    return program.module(), [(name, True) for name in program.graph_signature.user_inputs]


def _build(argument: str, *, trust_pickle: bool = False, **options) -> BaseCalculator:
    from compcalc.calculators.wrapping.wrap import wrap

    if not argument:
        raise InputError("potential", "torch:", "torch:path/to/file.pt")
    if isinstance(options.get("elements"), str):
        options["elements"] = options["elements"].split(",")
    return wrap(Path(argument), trust_pickle=trust_pickle, **options)


SCHEME = Scheme(
    _build,
    summary="a TorchScript file or an exported torch program; forces by autograd",
    example="torch:model.pt?cutoff=5.0&energy_unit=hartree",
    requires=("torch",),
    install="pip install torch",
)
