"""Train a MACE on the known molecules of a task, and see what it makes of unseen ones.

python examples/train_a_mace.py        prints after a minute, for a model far too small to be good:

    runs/trained/model/mace-length-base-0: 450 training and 50 validation frames of 5 molecules
     validation: force MAE 201.9 meV/A, energy MAE 8.07 meV/atom
        id_test: force MAE 208.2 meV/A, energy MAE 8.18 meV/atom
       ood_test: force MAE 220.7 meV/A, energy MAE 15.17 meV/atom
    ...
    OOD/ID ratio 1.06 (1.00 to 1.13)
    report: runs/trained/run/report.html

Without the options that make it small, `compcalc train mace` takes ten minutes and reaches a tenth of these errors;
docs/training.md has figures.
"""

import sys
from pathlib import Path

from compcalc.cli import call
from compcalc.pipeline import RunSettings, run

SMALL = ["--epochs", "2", "--channels", "8", "--max-ell", "1", "--correlation", "1", "--layers", "1"]


def main(out: Path, task: str = "length", options: list[str] = SMALL) -> None:
    """Train, then compare the errors on known and unseen molecules."""
    code = call(["train", "mace", "--task", task, "--out", str(out / "model"), *options])
    if code:
        raise SystemExit(code)
    name = f"mace-{task}-base-0"  # architecture, task, variant and seed
    model = out / "model" / name / f"{name}.model"

    done = run(RunSettings(f"mace:{model}", task, only="static"), out / "run")
    summary = done["metrics"]["static"]["summary"]
    ratio = summary["ratio"]
    print(f"OOD/ID ratio {ratio['value']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})")
    print(f"report: {out / 'run/report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/trained"))
