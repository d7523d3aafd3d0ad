"""The leakage guard: no molecule may stand on both sides of a split."""

from collections.abc import Iterable

from compcalc.errors import LeakageError
from compcalc.molecules.smiles import canonical_smiles
from compcalc.records import Molecule


def check_leakage(train: Iterable[Molecule], ood: Iterable[Molecule], name: str) -> None:
    """Compare canonical SMILES of the training and the OOD molecules.

    Raises:
        LeakageError: at least one molecule stands on both sides, however its SMILES is written.
    """
    seen = {canonical_smiles(m.smiles): m.name for m in train}
    shared = [(seen[key], m.name) for m in ood if (key := canonical_smiles(m.smiles)) in seen]
    if shared:
        pairs = ", ".join(f"{a} = {b}" for a, b in shared)
        raise LeakageError(
            f"task {name}: {len(shared)} molecule(s) stand in both the training and the OOD set ({pairs}). "
            "Remove them from one side."
        )
