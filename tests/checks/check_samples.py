"""A calculator that passes every check, and calculators with one fault each."""

import numpy as np
from ase.build import molecule
from ase.calculators.calculator import CalculationFailed, Calculator, PropertyNotImplementedError, all_changes
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress

CUTOFF = 5.0


def ethanol():
    """Ethanol with displaced atoms."""
    atoms = molecule("CH3CH2OH")
    atoms.positions += np.random.default_rng(7).normal(scale=0.03, size=atoms.positions.shape)
    return atoms


def smooth_step(r, cutoff=CUTOFF):
    """(1 - (r / cutoff)^2)^3 and its derivative."""
    u = 1 - (r / cutoff) ** 2
    return u**3, -6 * r / cutoff**2 * u**2


def neighbours(atoms):
    """Both directions of each pair within the cutoff, and the vectors between them."""
    if atoms.pbc.any():
        return neighbor_list("ijD", atoms, CUTOFF)
    vectors = atoms.positions[None] - atoms.positions[:, None]
    i, j = np.nonzero((np.linalg.norm(vectors, axis=2) < CUTOFF) & ~np.eye(len(atoms), dtype=bool))
    return i, j, vectors[i, j]


class Good(Calculator):
    """Morse terms between all pairs within a smooth cutoff, and a constant for each atom."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012
    default_parameters = {"depth": 1.0}  # noqa: RUF012
    discard_results_on_any_change = True
    known_elements = ("H", "C", "N", "O")

    def check_state(self, atoms, tol=1e-15):
        changes = super().check_state(atoms, tol=tol)
        if self.atoms is not None and atoms.info != self.atoms.info:
            changes = [*changes, "initial_charges"]
        return changes

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {}
        self.refuse()
        energy, forces, virial = self.computed()
        self.store(energy, forces, virial, properties)

    def refuse(self):
        unknown = set(self.atoms.symbols) - set(self.known_elements)
        if unknown:
            raise ValueError(f"no parameters for {', '.join(sorted(unknown))}")
        if not np.isfinite(self.atoms.positions).all():
            raise CalculationFailed("positions are not finite")
        self.refuse_charge()

    def refuse_charge(self):
        if self.atoms.info.get("charge", 0) or self.atoms.info.get("spin", 1) > 2:
            raise CalculationFailed(f"neutral ground states only, not {self.atoms.info}")

    def computed(self):
        """Energy, forces (N, 3) and the symmetric derivative with respect to strain (3, 3)."""
        atoms = self.atoms
        i, j, vectors = neighbours(atoms)
        energy, slopes = self.pairs(i, j, vectors)
        energy += -0.1 * atoms.numbers.sum()
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, slopes)
        np.add.at(forces, j, -slopes)
        virial = slopes.T @ vectors
        return energy, forces, 0.5 * (virial + virial.T)

    def pairs(self, i, j, vectors):
        """Energy, and its derivative with respect to each vector (P, 3)."""
        r = np.linalg.norm(vectors, axis=1)
        radii = covalent_radii[self.atoms.numbers]
        x = np.exp(-1.5 * (r - radii[i] - radii[j]))
        step, slope = self.step(r)
        depth = 0.5 * self.parameters.depth  # every pair stands there twice
        energies = depth * (x * x - 2 * x)
        slopes = energies * slope + depth * -3.0 * (x * x - x) * step
        return float(np.sum(energies * step)), (slopes / r)[:, None] * vectors

    def step(self, r):
        return smooth_step(r)

    def store(self, energy, forces, virial, properties):
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if self.atoms.cell.rank == 3:
            self.results["stress"] = full_3x3_to_voigt_6_stress(virial) / self.atoms.get_volume()
        elif properties and "stress" in properties:
            raise PropertyNotImplementedError("no volume")


class Rescaled(Good):
    """Forces times a factor."""

    factor = 1.0

    def computed(self):
        energy, forces, virial = super().computed()
        return energy, self.factor * forces, virial


class Negated(Rescaled):
    factor = -1.0


class InHartree(Rescaled):
    factor = 1 / 27.211386


class InHartreePerBohr(Rescaled):
    factor = 1 / 51.42207


class InKcal(Rescaled):
    factor = 23.0605


class Noisy(Good):
    rng = np.random.default_rng(0)

    def computed(self):
        energy, forces, virial = super().computed()
        return energy + self.rng.normal(scale=1e-3), forces + self.rng.normal(scale=2e-2, size=forces.shape), virial


class Direct(Good):
    """0.05 z x r and a net force added to the forces, not to the energy."""

    def computed(self):
        energy, forces, virial = super().computed()
        arms = self.atoms.positions - self.atoms.positions.mean(axis=0)
        return energy, forces + 0.05 * np.cross([0, 0, 1.0], arms) + 0.01 / len(arms), virial


class Stale(Good):
    """A cache of its own that knows formulas only."""

    def __init__(self):
        super().__init__()
        self.kept = {}

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        key = (atoms.get_chemical_formula(), tuple(atoms.pbc), str(atoms.info), atoms.cell.rank)
        if key not in self.kept:
            super().calculate(atoms, properties, system_changes)
            self.kept[key] = dict(self.results)
        Calculator.calculate(self, atoms, properties, system_changes)
        self.results = dict(self.kept[key])


class Wraps(Good):
    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        atoms.wrap()


class WritesInfo(Good):
    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        atoms.info["energy"] = self.results["energy"]


class GivesNaN(Good):
    def computed(self):
        energy, forces, virial = super().computed()
        forces[2] = np.nan
        return energy, forces, virial


class NaNWhenStretched(Good):
    """Breaks where two atoms that were bonded stand 2 angstrom apart."""

    def computed(self):
        energy, forces, virial = super().computed()
        if len(self.atoms) > 2 and self.atoms.get_distance(0, 1) > 2.0:
            energy = np.nan
        return energy, forces, virial


class Aliasing(Good):
    """Hands out its own array."""

    def get_forces(self, atoms=None):
        super().get_forces(atoms)
        return self.results["forces"]


class SharedBuffer(Good):
    """Writes all forces into one array."""

    buffer = np.zeros((1, 3))

    def store(self, energy, forces, virial, properties):
        if self.buffer.shape != forces.shape:
            self.buffer = np.zeros_like(forces)
        self.buffer[:] = forces
        super().store(energy, self.buffer, virial, properties)


class ZeroDimensional(Good):
    def store(self, energy, forces, virial, properties):
        super().store(np.array(energy), forces, virial, properties)


class SinglePrecision(Good):
    """Results of float32, computed in float64."""

    def store(self, energy, forces, virial, properties):
        super().store(np.float32(energy), forces.astype(np.float32), virial, properties)


class NoFreeEnergy(Good):
    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012

    def store(self, energy, forces, virial, properties):
        super().store(energy, forces, virial, properties)
        del self.results["free_energy"]


class ExtraResults(Good):
    def store(self, energy, forces, virial, properties):
        super().store(energy, forces, virial, properties)
        self.results["node_energy"] = np.zeros(len(forces))


class ClaimsTooMuch(Good):
    implemented_properties = [*Good.implemented_properties, "dipole", "magmoms"]  # noqa: RUF012


class NoDefaults(Good):
    def calculate(self, atoms, properties, system_changes):
        super().calculate(atoms, properties, system_changes)


class OtherSignature(Good):
    """Works from its own get_property only."""

    def calculate(self, atoms=None, what=None):
        super().calculate(atoms, what, all_changes)

    def get_property(self, name, atoms=None, allow_calculation=True):
        if name not in self.implemented_properties:
            raise PropertyNotImplementedError(name)
        if self.check_state(atoms) or name not in self.results:
            self.calculate(atoms, [name])
        result = self.results[name]
        return result.copy() if isinstance(result, np.ndarray) else result


class PressureForStress(Good):
    def computed(self):
        energy, forces, virial = super().computed()
        return energy, forces, -virial


class NoVolume(Good):
    def computed(self):
        energy, forces, virial = super().computed()
        return energy, forces, virial * (self.atoms.get_volume() if self.atoms.cell.rank == 3 else 1.0)


class InfiniteStress(Good):
    def store(self, energy, forces, virial, properties):
        if self.atoms.cell.rank == 3:
            super().store(energy, forces, virial, properties)
            return
        super().store(energy, forces, virial, None)
        self.results["stress"] = np.full(6, np.inf)


class ByIndex(Good):
    """The first atom binds a little less."""

    def pairs(self, i, j, vectors):
        weight = 1 - 0.01 * ((i == 0) | (j == 0))
        before = self.parameters.depth
        energies, slopes = [], []
        for mask in (weight == 1, weight != 1):
            self.parameters.depth = before * (weight[mask][0] if mask.any() else 1.0)
            energy, slope = super().pairs(i[mask], j[mask], vectors[mask])
            energies.append(energy)
            slopes.append((mask, slope))
        self.parameters.depth = before
        total = np.zeros_like(vectors)
        for mask, slope in slopes:
            total[mask] = slope
        return sum(energies), total


class Anisotropic(Good):
    """Lengths along z count a little more."""

    def pairs(self, i, j, vectors):
        scale = np.array([1.0, 1.0, 1.02])
        energy, slopes = super().pairs(i, j, vectors * scale)
        return energy, slopes * scale


class Chiral(Good):
    """A triple product of three sums over the neighbours of each atom."""

    def pairs(self, i, j, vectors):
        energy, slopes = super().pairs(i, j, vectors)
        n, r = len(self.atoms), np.linalg.norm(vectors, axis=1)
        weights, derivatives, sums = [], [], []
        for width in (1.0, 2.0, 4.0):
            step, slope = smooth_step(r)
            gauss = np.exp(-((r / width) ** 2))
            weights.append(gauss * step)
            derivatives.append(gauss * (slope - 2 * r / width**2 * step))
            total = np.zeros((n, 3))
            np.add.at(total, i, weights[-1][:, None] * vectors)
            sums.append(total)
        a, b, c = sums
        energy += float(np.sum(a * np.cross(b, c)))
        for k, other in enumerate((np.cross(b, c), np.cross(c, a), np.cross(a, b))):
            along = np.sum(other[i] * vectors, axis=1)
            slopes = slopes + weights[k][:, None] * other[i] + (derivatives[k] * along / r)[:, None] * vectors
        return energy, slopes


class Anchored(Good):
    """Held near the origin by a spring along z."""

    def computed(self):
        energy, forces, virial = super().computed()
        z = self.atoms.positions[:, 2]
        return energy + 0.01 * np.sum(z**2), forces - 0.02 * z[:, None] * np.array([0, 0, 1.0]), virial


class HardCutoff(Good):
    def step(self, r):
        return (r < 2.9).astype(float), np.zeros_like(r)


class KinkedCutoff(Good):
    """The energy is continuous at the cutoff and the forces are not."""

    def step(self, r):
        inside = r < 2.9
        return inside * (1 - r / 2.9), inside * (-1 / 2.9)


class NotExtensive(Good):
    def computed(self):
        energy, forces, virial = super().computed()
        return energy + 1e-3 * len(forces) ** 2, forces, virial


class ReadsIdleCell(Good):
    """Takes every cell for a periodic one."""

    def computed(self):
        if self.atoms.cell.rank == 3:
            self.atoms.pbc = True
        return super().computed()

    def check_state(self, atoms, tol=1e-15):
        return all_changes


class NoNeighbours(Good):
    """Cannot do without a pair."""

    def pairs(self, i, j, vectors):
        np.max(i)
        return super().pairs(i, j, vectors)


class IgnoresCharge(Good):
    def refuse_charge(self):
        pass


class CachedCharge(Good):
    """Uses the charge, and does not notice when it changes."""

    def refuse_charge(self):
        pass

    def check_state(self, atoms, tol=1e-15):
        return Calculator.check_state(self, atoms, tol=tol)

    def computed(self):
        energy, forces, virial = super().computed()
        return energy + 5.0 * self.atoms.info.get("charge", 0) + self.atoms.info.get("spin", 1) // 2, forces, virial


class StaleParameters(Good):
    discard_results_on_any_change = False


class Leaking(Good):
    """Something of the last molecule stays until it is reset."""

    last = None

    def reset(self):
        super().reset()
        self.last = None

    def computed(self):
        energy, forces, virial = super().computed()
        n = len(forces)
        energy += 0.01 * ((self.last or n) - n)
        self.last = n
        return energy, forces, virial


class NeedsNumbersFirst(Good):
    """Sets up its elements only when it is told that they have changed."""

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        if "numbers" in system_changes:
            self.elements = set(atoms.symbols)
        assert self.elements is not None
        super().calculate(atoms, properties, system_changes)


class ServedAfterFailure(Good):
    """Fills results before it raises."""

    def computed(self):
        energy, forces, virial = super().computed()
        if len(self.atoms) > 1 and self.atoms.get_all_distances()[np.triu_indices(len(self.atoms), 1)].min() < 0.3:
            self.results = {"energy": energy, "free_energy": energy, "forces": forces}
            raise CalculationFailed("not converged")
        return energy, forces, virial


class AcceptsNaN(Good):
    """Leaves out atoms whose positions are NaN."""

    def refuse(self):
        self.atoms.positions = np.nan_to_num(self.atoms.positions, nan=50.0)
        super().refuse()


class AnyElement(Good):
    """Computes elements that it says it does not know."""

    def refuse(self):
        self.refuse_charge()
        if not np.isfinite(self.atoms.positions).all():
            raise CalculationFailed("positions are not finite")


class Exits(Good):
    """Ends the process when it meets a mirror image."""

    def computed(self):
        vectors = self.atoms.positions[1:4] - self.atoms.positions[0]
        if len(vectors) == 3 and np.linalg.det(vectors) < 0:
            raise SystemExit(3)
        return super().computed()


class Batching(Good):
    """Evaluates lists."""

    def evaluate(self, systems):
        return [(self.get_potential_energy(atoms), self.get_forces(atoms)) for atoms in systems]


class LeakyBatch(Batching):
    """Members of a batch share a mean."""

    def evaluate(self, systems):
        results = super().evaluate(systems)
        mean = np.mean([energy for energy, _ in results])
        return [(energy + 1e-3 * mean, forces) for energy, forces in results]


class Nested(Good):
    """A calculator of calculators: a self-consistent cycle inside starts from what the last call left."""

    carries, left = 5e-5, None

    def computed(self):
        energy, forces, virial = super().computed()
        relative = self.atoms.positions - self.atoms.positions.mean(axis=0)
        size = float(np.linalg.norm(relative))
        before, type(self).left = type(self).left, size
        if before is not None and size > 0:
            # Another molecule leaves no more than another geometry does.
            forces = forces + self.carries * np.tanh(20 * (before - size)) * relative / size
        return energy, forces, virial


class NestedLoosely(Nested):
    """The same, left over from a cycle that has hardly converged."""

    carries, left = 0.05, None
