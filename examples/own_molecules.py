"""Checks, errors and short MD on molecules of your own, from SMILES and from a file, and what is left out.

python examples/own_molecules.py        prints, with GFN2-xTB as the reference of MMFF94:

    left out: [NH4+]: charge 1. Only neutral molecules are supported.
    CCO: every check passed; force MAE 167 meV/angstrom
      nve completed, nvt completed
    dimethyl-ether: every check passed; force MAE 144 meV/angstrom
      nve completed, nvt completed
"""

import sys
from pathlib import Path

from ase.build import molecule
from ase.io import write

from compcalc.pipeline import RunSettings, run


def main(out: Path, spec: str = "mmff94", reference: str | None = "tblite:GFN2-xTB", preset: str = "quick") -> None:
    """Test `spec` on ethanol, dimethyl ether and an ion, which cannot be used."""
    out.mkdir(parents=True, exist_ok=True)
    geometry = out / "dimethyl-ether.xyz"
    write(geometry, molecule("CH3OCH3"))
    names = ("CCO", str(geometry), "[NH4+]")
    done = run(RunSettings(spec, molecules=names, reference=reference, preset=preset), out / "run")

    for name, reason in done["manifest"]["refused"].items():
        print(f"left out: {name}: {reason}")
    static = done["metrics"]["static"] or {"molecules": []}
    errors = {row["molecule"]: row["force_mae_mev_per_angstrom"] for row in static["molecules"]}
    for row in done["metrics"]["checks"]["molecules"]:
        name = row["molecule"]
        failed = [finding["name"] for finding in row["findings"] if finding["verdict"] == "fail"]
        error = f"; force MAE {errors[name]:.0f} meV/angstrom" if name in errors else ""
        print(f"{name}: {'failed ' + ', '.join(failed) if failed else 'every check passed'}{error}")
        endings = (f"{r['protocol']} {r['outcome']}" for r in done["metrics"]["md"]["runs"] if r["molecule"] == name)
        print(f"  {', '.join(endings)}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/own-molecules"))
