"""Two potentials on one task, in one directory: errors side by side, and whether their difference is more than chance.

python examples/compare_two_models.py        prints, for GFN1-xTB and MMFF94 against GFN2-xTB:

    force MAE, meV/angstrom    tblite:GFN1-xTB            mmff94
    known molecules                       61.5             216.8
    unseen molecules                      64.4             314.1
    mmff94 less tblite:GFN1-xTB: 249.6 (208.3 to 294.8), unseen molecules
    more than chance

A table of ranks of any number of runs, dynamics included: compcalc compare runs/comparison
"""

import sys
from pathlib import Path

import numpy as np

from compcalc.metrics.statistics import bootstrap_mean
from compcalc.pipeline import RunSettings, run_all


def main(out: Path, specs: tuple[str, str] = ("tblite:GFN1-xTB", "mmff94"), task: str = "duplication") -> None:
    """Static errors of both potentials of `specs`, and their paired difference over the unseen molecules."""
    done = run_all([RunSettings(spec, task, only="static") for spec in specs], out)
    rows = {one["manifest"]["spec"]: one["metrics"]["static"]["molecules"] for one in done.values()}

    print(f"{'force MAE, meV/angstrom':24}" + "".join(f"{spec:>18}" for spec in specs))
    for split, words in (("id", "known molecules"), ("ood", "unseen molecules")):
        print(f"{words:24}" + "".join(f"{force_errors(rows[spec], split).mean():18.1f}" for spec in specs))

    # Paired by molecule: what is hard for one is hard for the other, and would hide the difference of two means.
    first, second = (force_errors(rows[spec], "ood") for spec in specs)
    found = bootstrap_mean([[d] for d in second - first], seed=0)
    print(f"{specs[1]} less {specs[0]}: {found.value:.1f} ({found.low:.1f} to {found.high:.1f}), unseen molecules")
    print("more than chance" if found.low > 0 or found.high < 0 else "not distinguishable")


def force_errors(rows: list[dict], split: str) -> np.ndarray:
    """Force MAE of each molecule of a split, meV/angstrom, in the order of the task."""
    return np.array([row["force_mae_mev_per_angstrom"] for row in rows if row["split"] == split])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/comparison"))
