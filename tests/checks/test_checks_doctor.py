"""Each check finds the fault that it is for, and nothing in a calculator without faults."""

import json
import re
from pathlib import Path

import check_samples as samples
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import BaseCalculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from compcalc.calculators import get_calculator
from compcalc.calculators.checked import CheckedCalculator
from compcalc.checks import CHECKS, Doctor, Verdict, examine
from compcalc.checks.check import GUARD, check
from compcalc.checks.specimen import cluster
from compcalc.errors import InputError, UnknownNameError

FAIL, WARN, NOT_APPLICABLE = Verdict.FAIL, Verdict.WARN, Verdict.NOT_APPLICABLE
DIRECT = {
    "forces", "jacobian", "net_force", "net_torque", "rotation", "reflection", "two_copies", "single_atom"
}  # fmt: skip
# Calculator -> checks that fail, checks that warn, words of the first failing or warning one.
FAULTS = {
    samples.Negated: ({"forces"}, set(), "the gradient instead of the force"),
    samples.InHartree: ({"forces"}, set(), "27.21 times too small: forces in hartree/angstrom"),
    samples.InHartreePerBohr: ({"forces"}, set(), "51.42 times too small: forces in hartree/bohr"),
    samples.InKcal: ({"forces"}, set(), "23.06 times too large: forces in kcal/mol/angstrom"),
    samples.Noisy: ({"determinism", "noise_floor"}, set(), "partly random"),
    samples.Direct: (DIRECT, set(), "not the gradient of this energy"),
    samples.Stale: ({"moved_atoms", "nan_positions"}, set(), "energy and forces of the old geometry come back"),
    samples.Wraps: ({"atoms_untouched"}, set(), "caller's positions in a periodic cell"),
    samples.WritesInfo: ({"atoms_untouched"}, set(), "caller's info"),
    samples.GivesNaN: ({"evaluates"}, set(), "force on atom 2 is NaN"),
    samples.NaNWhenStretched: ({"bond_stretch"}, set(), "breaks at 1.34 times the bond length: .*NaN"),
    samples.Aliasing: ({"own_results"}, set(), "changes what it returns next"),
    samples.SharedBuffer: (set(), {"own_results"}, "overwritten by the next call"),
    samples.ZeroDimensional: ({"result_types"}, set(), r"float64 array of shape \(\)"),
    samples.SinglePrecision: (set(), {"result_types"}, "ASE copes"),
    samples.NoFreeEnergy: ({"free_energy"}, set(), "free_energy is missing"),
    samples.ExtraResults: (set(), {"result_names"}, "also holds node_energy"),
    samples.ClaimsTooMuch: (set(), {"implemented_properties"}, "dipole .*magmoms"),
    samples.NoDefaults: (set(), {"signature"}, "arguments without defaults"),
    samples.OtherSignature: ({"signature", "first_call"}, set(), "positional arguments"),
    samples.PressureForStress: ({"stress_from_strain"}, set(), "pressure instead of stress"),
    samples.NoVolume: ({"stress_from_strain"}, set(), "not divided by the volume"),
    samples.InfiniteStress: ({"stress_without_cell"}, set(), "NaN or infinite"),
    samples.ByIndex: ({"permutation", "two_copies"}, set(), "in another order changes"),
    samples.Anisotropic: ({"rotation", "net_torque"}, set(), "start to spin"),
    samples.Chiral: ({"reflection"}, set(), "mirror image changes"),
    samples.Anchored: (
        {"net_force", "net_torque", "rotation", "translation", "two_copies", "single_atom"}, set(), "pushes itself away"
    ),
    samples.HardCutoff: ({"bond_stretch", "torsion"}, set(), "the energy jumps by"),
    samples.KinkedCutoff: (set(), {"bond_stretch"}, "a force jumps by"),
    samples.NotExtensive: ({"two_copies"}, set(), "50 angstrom apart"),
    samples.ReadsIdleCell: ({"idle_cell"}, set(), "With a cell smaller than the molecule and pbc=False"),
    samples.NoNeighbours: ({"single_atom", "distant_pair"}, set(), "empty neighbour list"),
    samples.IgnoresCharge: (set(), {"charge", "spin"}, "charge in atoms.info is ignored"),
    samples.CachedCharge: ({"changed_charge"}, set(), "After a change of charge in atoms.info"),
    samples.StaleParameters: (set(), {"changed_parameters"}, r"calculator.set\(depth=...\)"),
    samples.Leaking: ({"other_molecules"}, set(), "After another system"),
    samples.NeedsNumbersFirst: ({"first_call"}, set(), r"system_changes is \['positions'\]"),
    samples.ServedAfterFailure: ({"after_failure"}, set(), "the second returns"),
    samples.AcceptsNaN: ({"nan_positions"}, set(), "returns a finite energy"),
    samples.AnyElement: ({"unknown_element"}, set(), "Og gives"),
    samples.Exits: ({"reflection", "permutation"}, set(), "SystemExit"),
    samples.Nested: (set(), {"determinism"}, "starts from what the last call left"),
    samples.LeakyBatch: ({"batched"}, set(), "In a batch"),
}  # fmt: skip


def names(examination, verdict):
    return {finding.name for finding in examination.with_verdict(verdict)}


@pytest.mark.parametrize("make", [samples.Good, samples.Batching])
def test_nothing_is_found_in_a_calculator_without_faults(make):
    found = examine(make(), samples.ethanol(), budget_s=None)
    assert [finding.message for finding in found.findings if finding.verdict in (FAIL, WARN)] == []
    assert names(found, NOT_APPLICABLE) == (set() if make is samples.Batching else {"batched"})
    assert found.ok and found.verdict is Verdict.PASS
    assert [finding.name for finding in found.findings] == list(CHECKS)
    assert found.evaluations < 320


def test_a_calculator_that_hardly_converges_is_not_excused():
    found = examine(samples.NestedLoosely(), samples.ethanol(), budget_s=None)
    assert not found.ok


@pytest.mark.parametrize("make", FAULTS, ids=lambda make: make.__name__)
def test_a_fault_is_found_by_the_checks_for_it_and_by_no_other(make):
    fails, warns, words = FAULTS[make]
    found = examine(make(), samples.ethanol(), budget_s=None)
    assert names(found, FAIL) == fails
    assert names(found, WARN) == warns
    first = next(f for f in found.findings if f.verdict in (FAIL, WARN))
    assert re.search(words, first.message)
    assert found.ok == (not fails)
    json.dumps(found.to_dict(), allow_nan=False)


def test_every_check_has_a_calculator_that_it_finds_fault_with():
    """Those of `changed_cell` and `changed_elements` stand below."""
    found = set().union(*(fails | warns for fails, warns, _ in FAULTS.values()))
    assert set(CHECKS) - found == {"changed_cell", "changed_elements", "speed"}


def test_every_check_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "checks.md").read_text()
    assert [name for name in CHECKS if f"| `{name}`" not in text] == []
    assert f"through {len(CHECKS)} checks" in text


@pytest.mark.parametrize(("ignored", "check_name"), [("cell", "changed_cell"), ("numbers", "changed_elements")])
def test_ignored_changes_are_found(ignored, check_name):
    class Ignoring(samples.Good):
        ignored_changes = frozenset({ignored, "pbc"} if ignored == "cell" else {ignored})

    finding = Doctor(Ignoring(), samples.ethanol()).finding(check_name)
    assert finding.verdict is FAIL and "the old result comes back" in finding.message


def test_forces_that_bend_within_a_step_are_not_called_non_conservative():
    start = samples.ethanol().positions

    class Bending(samples.Good):
        def computed(self):
            energy, forces, virial = super().computed()
            x, y = (self.atoms.positions - start)[[0, 1], [0, 1]] * (150, 10)
            forces = forces.copy()
            forces[0, 0] -= 0.05 * 150 * np.cos(x) * np.sin(y)
            forces[1, 1] -= 0.05 * 10 * np.sin(x) * np.cos(y)
            return energy + 0.05 * np.sin(x) * np.sin(y), forces, virial

    doctor = Doctor(Bending(), samples.ethanol())
    matrix = doctor.subject.displaced.jacobian
    assert np.linalg.norm(matrix - matrix.T) > 1.5 * doctor.subject.tolerances.asymmetry * np.linalg.norm(matrix)
    assert doctor.finding("jacobian").verdict is Verdict.PASS


def test_a_flat_potential_is_not_called_stale():
    class Flat(samples.Good):
        def calculate(self, atoms=None, properties=(), system_changes=()):
            super().calculate(atoms, properties, system_changes)
            self.results |= {"energy": 0.0, "free_energy": 0.0, "forces": 0 * self.results["forces"]}

    finding = Doctor(Flat(), samples.ethanol()).finding("moved_atoms")
    assert finding.verdict is WARN and "the potential is flat" in finding.message


def test_what_rests_on_stale_results_is_not_judged():
    found = examine(samples.Stale(), samples.ethanol())
    rotation = next(f for f in found.findings if f.name == "rotation")
    assert rotation.verdict is NOT_APPLICABLE
    assert "'moved atoms are recomputed' failed" in rotation.message


def test_a_calculator_that_changes_the_list_of_every_other_one(monkeypatch):
    shared = []
    monkeypatch.setattr(BaseCalculator, "implemented_properties", shared)

    class Extending(samples.Good):
        implemented_properties = shared  # as in a class that has no list of its own

        def __init__(self):
            super().__init__()
            self.implemented_properties.extend(["energy", "forces"])

    finding = Doctor(Extending(), samples.ethanol()).finding("implemented_properties")
    assert finding.verdict is FAIL and "the list that it inherited" in finding.message
    bystander = Doctor(samples.Good(), samples.ethanol()).finding("implemented_properties")
    assert bystander.verdict is Verdict.PASS


def test_numbers_of_the_worst_atom_are_in_the_details():
    finding = Doctor(samples.InHartree(), samples.ethanol()).finding("forces")
    assert finding.details["factor"] == pytest.approx(1 / 27.211386, rel=1e-4)
    assert finding.details["cosine"] == pytest.approx(1, abs=1e-6)
    assert finding.unit == "eV/angstrom" and finding.value > finding.tolerance == pytest.approx(1e-3, rel=0.1)


def test_noise_widens_the_step_of_the_differences():
    good, noisy = (Doctor(make(), samples.ethanol()) for make in (samples.Good, samples.Noisy))
    assert good.finding("forces").details["step_angstrom"] == 1e-3
    assert noisy.finding("forces").details["step_angstrom"] > 1e-2
    assert noisy.subject.noise.energy == pytest.approx(1e-3, rel=0.6)
    assert noisy.subject.noise.forces == pytest.approx(2e-2, rel=0.2)


def test_results_of_single_precision_are_seen():
    assert Doctor(samples.SinglePrecision(), samples.ethanol()).subject.dtype == "float32"
    assert Doctor(samples.Good(), samples.ethanol()).subject.dtype == "float64"


@pytest.mark.parametrize("make", [samples.Wraps, samples.ZeroDimensional, samples.NoFreeEnergy, samples.Aliasing])
def test_inside_a_wrapper_of_compcalc_the_authors_fault_is_seen(make):
    wrapped = CheckedCalculator(make(), "wrapped")
    found = examine(wrapped, samples.ethanol())
    assert names(found, FAIL) == FAULTS[make][0]
    assert all(GUARD in finding.message for finding in found.with_verdict(FAIL))
    assert found.potential == "wrapped"


def test_a_check_that_breaks_costs_itself_alone():
    @check("broken", evaluations=0)
    def broken(subject):
        raise ZeroDivisionError("no atoms")

    finding = broken(Doctor(samples.Good(), samples.ethanol()).subject)
    assert (finding.verdict, finding.name, finding.title) == (FAIL, "broken", "broken")
    assert "ZeroDivisionError: no atoms" in finding.message


def test_interrupts_are_not_swallowed():
    class Interrupted(samples.Good):
        def computed(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine(Interrupted(), samples.ethanol())


def test_a_time_limit_leaves_checks_out_and_says_so():
    found = examine(samples.Good(), samples.ethanol(), budget_s=0.0)
    left_out = [finding for finding in found.findings if "Left out" in finding.message]
    assert len(left_out) > 30 and {finding.verdict for finding in left_out} == {NOT_APPLICABLE}


def test_some_checks_alone():
    calls = []
    found = examine(samples.Good(), samples.ethanol(), only=["symmetry", "speed"], progress=lambda *a: calls.append(a))
    assert [f.name for f in found.findings] == ["rotation", "reflection", "translation", "permutation", "speed"]
    assert calls[0] == (0, 5, "choosing a test molecule") and calls[-1] == (5, 5, "done")
    with pytest.raises(UnknownNameError, match="rotatoin.*Did you mean 'rotation'"):
        examine(samples.Good(), samples.ethanol(), only=["rotatoin"])


@pytest.mark.parametrize("atoms", [bulk("Cu"), Atoms()])
def test_atoms_that_cannot_be_examined_are_refused(atoms):
    with pytest.raises(InputError, match="isolated molecule or cluster"):
        examine(samples.Good(), atoms)


@pytest.mark.parametrize(
    ("known", "chosen"),
    [(("H", "C", "N", "O"), "ethanol"), (("H", "C"), "propane"), (("H", "O"), "water"), (("Cu", "H"), "Cu13 cluster")],
)
def test_the_test_molecule_suits_the_potential(known, chosen):
    calculator = samples.Good()
    calculator.known_elements = known
    doctor = Doctor(calculator)
    assert doctor.subject.molecule == chosen
    assert doctor.finding("evaluates").value > 0.05


def test_rounding_of_a_large_energy_in_single_precision_is_noise():
    class Rounded(samples.Good):
        def store(self, energy, forces, virial, properties):
            super().store(np.float32(energy - 300), forces.astype(np.float32), virial, properties)

    doctor = Doctor(Rounded(), samples.ethanol())
    assert doctor.subject.noise.energy == pytest.approx(2.0**-15 / np.sqrt(12))
    assert doctor.finding("forces").verdict is Verdict.PASS


def test_finite_energy_with_nan_forces_is_a_failure_that_lasts():
    class HalfFailed(samples.Good):
        def computed(self):
            energy, forces, virial = super().computed()
            pairs = np.triu_indices(len(self.atoms), 1)
            close = self.atoms.get_all_distances()[pairs].min(initial=9) < 0.3
            return energy, forces * (np.nan if close else 1.0), virial

    finding = Doctor(HalfFailed(), samples.ethanol()).finding("after_failure")
    assert finding.verdict is Verdict.PASS
    assert "two atoms on top of each other" in finding.details["tried"]


def test_a_hydrocarbon_potential_that_declares_nothing_is_tested_on_one():
    class Hydrocarbons(samples.Good):
        def computed(self):
            [(6, 1).index(z) for z in self.atoms.numbers]
            return super().computed()

    assert examine(Hydrocarbons(), only=["evaluates"]).molecule == "propane"


def test_a_potential_that_needs_a_cell_gets_one():
    class NeedsCell(samples.Good):
        def computed(self):
            np.linalg.inv(self.atoms.cell.array)
            return super().computed()

    found = examine(NeedsCell(), samples.ethanol())
    assert names(found, FAIL) == {"idle_cell"}
    assert "With no cell and pbc=False it stops with LinAlgError" in found.with_verdict(FAIL)[0].message


def test_a_single_atom_can_be_examined():
    found = examine(samples.Good(), Atoms("O"))
    assert found.ok
    assert {"rotation", "permutation", "bond_stretch", "torsion"} <= names(found, NOT_APPLICABLE)


def test_emt_of_ase():
    found = examine(EMT(), cluster("Cu"))
    # It sets up on 'numbers' alone, and its neighbour list drops an atom at NaN.
    assert names(found, FAIL) == {"first_call", "nan_positions"}
    assert names(found, WARN) == {"implemented_properties", "own_results", "charge", "spin"}


def test_a_false_barrier_is_named_with_its_place():
    class Barrier(samples.Good):
        """A bump of 2 eV in the distance of the carbons, 1.4 times as far apart as they are."""

        def computed(self):
            energy, forces, virial = super().computed()
            if len(forces) == 9:
                vector = self.atoms.positions[1] - self.atoms.positions[0]
                r = np.linalg.norm(vector)
                bump = 2.0 * np.exp(-(((r - 2.1) / 0.1) ** 2))
                slope = -2 * (r - 2.1) / 0.1**2 * bump * vector / r
                forces[1] -= slope
                forces[0] += slope
                energy += bump
            return energy, forces, virial

    finding = Doctor(Barrier(), samples.ethanol()).finding("bond_stretch")
    assert finding.verdict is WARN
    assert re.search(r"changes direction 2 times, where 1 can be explained \(at 1.39, 1.5", finding.message)


def test_lennard_jones_of_ase():
    found = examine(LennardJones(sigma=3.4, epsilon=0.0103, rc=10.0), cluster("Ar"))
    assert names(found, FAIL) == set()
    assert names(found, WARN) == {"changed_parameters", "charge", "spin", "unknown_element"}


def test_lennard_jones_on_a_molecule_that_it_is_not_for():
    found = examine(LennardJones(sigma=3.4, epsilon=0.0103, rc=10.0), molecule("CH3CH2OH"))
    assert found.ok
    assert "evaluates" in names(found, WARN)


@pytest.mark.parametrize("spec", ["tblite:GFN2-xTB", "mmff94"])
def test_shipped_potentials_pass(spec):
    found = examine(get_calculator(spec))
    assert [finding.message for finding in found.findings if finding.verdict in (FAIL, WARN)] == []
    assert found.molecule == "ethanol"
