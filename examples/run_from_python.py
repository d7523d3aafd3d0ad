"""A run from Python instead of the command line, and a look at its numbers.

python examples/run_from_python.py        prints:

    ood  dicarboxylic_acid/04     414.7 meV/angstrom
    ...
    id   carboxylic_acid/09       187.4 meV/angstrom
    OOD/ID ratio 1.45 (1.21 to 1.72)
"""

import sys
from pathlib import Path

from compcalc.pipeline import RunSettings, run


def main(out: Path, spec: str = "mmff94") -> None:
    """Static errors of `spec` on the task `duplication`, largest force error first."""
    done = run(RunSettings(spec, "duplication", only="static"), out)
    rows = done["metrics"]["static"]["molecules"]
    for row in sorted(rows, key=lambda row: -row["force_mae_mev_per_angstrom"]):
        print(f"{row['split']:4} {row['molecule']:22} {row['force_mae_mev_per_angstrom']:7.1f} meV/angstrom")
    ratio = done["metrics"]["static"]["summary"]["ratio"]
    print(f"OOD/ID ratio {ratio['value']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/example"))
