"""Test a calculator of your own: any function or class that returns an ASE calculator.

compcalc check "file:examples/own_calculator.py:scaled_xtb?factor=1.1"
compcalc run "file:examples/own_calculator.py:scaled_xtb?factor=1.1" --task length --only static

python examples/own_calculator.py        prints:

    energy -340.974 eV
"""

from ase.calculators.calculator import Calculator, all_changes

from compcalc import get_calculator


class Scaled(Calculator):
    """Another calculator with energy and forces multiplied by a factor: a stand-in for a biased potential."""

    def __init__(self, inner, factor):
        self.implemented_properties = ["energy", "forces"]
        super().__init__()
        self.inner, self.factor = inner, factor

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {
            "energy": self.factor * self.inner.get_potential_energy(self.atoms),
            "forces": self.factor * self.inner.get_forces(self.atoms),
        }


def scaled_xtb(factor: float = 1.1):
    """GFN2-xTB with everything `factor` times too large."""
    return Scaled(get_calculator("tblite:GFN2-xTB"), factor)


if __name__ == "__main__":
    from ase.build import molecule

    atoms = molecule("CH3CH2OH")
    atoms.calc = scaled_xtb(1.1)
    print(f"energy {atoms.get_potential_energy():.3f} eV")
