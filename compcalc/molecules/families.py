"""The ten families of unbranched molecules, as SMILES by carbon count.

`families.json` holds the table: `start`, then C repeated n + `chain_offset` times, then `end`. n counts every carbon
of the chain, the functional carbon included.
"""

import json
import re
from functools import cache
from importlib.resources import files

from compcalc.errors import InputError, UnknownNameError
from compcalc.records import Molecule

_NAME = re.compile(r"(?P<family>[a-z_]+)/(?P<n>\d{1,3})")


@cache
def family_table() -> dict[str, dict]:
    """The family table, name -> {start, chain_offset, end, n_min}."""
    return json.loads(files("compcalc.molecules").joinpath("families.json").read_text())


def family_molecule(family: str, n_carbon: int) -> Molecule:
    """The molecule of `family` with `n_carbon` carbons, named like `alkane/07`.

    Raises:
        UnknownNameError: the family is not in the table.
        InputError: `n_carbon` is below the family's smallest member or above 99.
    """
    if family not in family_table():
        raise UnknownNameError("family", family, family_table())
    row = family_table()[family]
    if not row["n_min"] <= n_carbon <= 99:
        raise InputError("n_carbon", n_carbon, f"{row['n_min']} to 99 for family {family}")
    smiles = row["start"] + "C" * (n_carbon + row["chain_offset"]) + row["end"]
    return Molecule(name=f"{family}/{n_carbon:02d}", smiles=smiles)


def named_molecule(name: str) -> Molecule:
    """The family molecule called `name` (`alkane/07`; `alkane/7` is accepted).

    Raises:
        InputError: the name does not have the form family/n.
        UnknownNameError: the family is not in the table.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError("molecule", name, "family/n such as alkane/07", f"Families: {', '.join(family_table())}.")
    return family_molecule(match["family"], int(match["n"]))
