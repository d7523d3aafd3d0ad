"""What ASE scripts use: guarded runs of an Atoms, and the guard on a dynamics of their own."""

import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixAtoms
from ase.md.bussi import Bussi
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from dynamics_samples import WATER, WATER_NUMBERS, diatomic_springs, water_springs
from energy_samples import Faulty, swirling

import compcalc.dynamics
from compcalc.dynamics import Guard, Limits, Unstable, run_heat, run_nve, run_nvt
from compcalc.errors import InputError
from compcalc.records import OutcomeKind
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2


def water(calculator=None):
    return Atoms(WATER_NUMBERS, WATER, calculator=calculator or water_springs())


# Runs


@pytest.mark.parametrize(("run", "kind", "freedom"), [(run_nve, "nve", 3), (run_nvt, "nvt", 9), (run_heat, "heat", 9)])
def test_a_run_of_an_atoms(run, kind, freedom):
    atoms = water()
    limits = Limits(broken=9.0, formed=0.0, torn=9.0)
    t = run(atoms, 0.02, equilibration_ps=0.01, frame_every_fs=4.0, limits=limits, seed=5)
    assert t.outcome.kind is OutcomeKind.COMPLETED
    assert (t.ensemble, t.degrees_of_freedom, t.molecule.name, len(t.frame_time_fs)) == (kind, freedom, "H2O", 6)
    np.testing.assert_array_equal(atoms.positions, WATER)
    assert not atoms.has("momenta")
    again = run(water(), 0.02, equilibration_ps=0.01, frame_every_fs=4.0, limits=limits, seed=5)
    np.testing.assert_array_equal(t.positions, again.positions)


def test_masses_of_the_atoms_count():
    """A heavy diatomic swings more slowly: w = sqrt(k/mu)."""
    k, mass = 10.0, 100.0
    atoms = Atoms([7, 7], [[0, 0, 0], [0, 0, 1.4]], masses=[mass, mass], calculator=diatomic_springs(k, 1.4))
    t = run_nve(atoms, 0.1, equilibration_ps=0.0, timestep_fs=0.25, frame_every_fs=1.0, seed=3)
    w = np.sqrt(k / (mass / 2) / EV_PER_U_ANGSTROM2_PER_FS2)
    length = np.linalg.norm(t.positions[:, 1] - t.positions[:, 0], axis=1)
    relative = t.velocities[0, 1, 2] - t.velocities[0, 0, 2]
    np.testing.assert_allclose(length, 1.4 + relative / w * np.sin(w * t.frame_time_fs), atol=2e-4)
    assert np.ptp(length) > 0.01


def test_charge_and_spin_reach_the_calculator():
    seen = []

    class Charged(Calculator):
        implemented_properties = ("energy", "forces")

        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            seen.append((atoms.info, atoms.get_initial_charges().sum()))
            self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}

    atoms = water(Charged())
    atoms.info["charge"] = 1
    atoms.set_initial_charges([1, 0, 0])
    run_nve(atoms, 0.002, equilibration_ps=0.0)
    assert seen and all(charge == 1 and info["charge"] == 1 for info, charge in seen)


def test_what_cannot_be_run_is_refused():
    with pytest.raises(InputError, match="atoms.calc"):
        run_nve(Atoms(WATER_NUMBERS, WATER), 0.01)
    periodic, fixed = water(), water()
    periodic.pbc = [False, True, False]
    fixed.set_constraint(FixAtoms([0]))
    for atoms, argument in ((periodic, "atoms.pbc"), (fixed, "atoms.constraints")):
        with pytest.raises(InputError, match=argument):
            run_nvt(atoms, 0.01)
    with pytest.raises(InputError, match="timestep_fs: got 1e-15"):
        run_nve(water(), 0.01, timestep_fs=1e-15)


# The guard on another's dynamics


def dynamics_of(kind, atoms):
    thermalize_momenta(atoms, 300, rng=np.random.default_rng(0))
    step, rng = 0.5 * units.fs, np.random.default_rng(1)
    if kind == "verlet":
        return VelocityVerlet(atoms, step)
    if kind == "bussi":
        return Bussi(atoms, step, temperature_K=300, taut=100 * units.fs, rng=rng)
    return Langevin(atoms, step, temperature_K=300, friction=0.01 / units.fs, rng=rng, fixcm=False)


def torn():
    """Carbons on a spring that is twice as long as their bond."""
    return Atoms([6, 6], [[0, 0, 0], [0, 0, 1.5]], calculator=diatomic_springs(6.0, 3.3))


@pytest.mark.parametrize("kind", ["verlet", "langevin", "bussi"])
def test_a_bond_that_breaks_raises_with_the_outcome(kind):
    dynamics = dynamics_of(kind, torn())
    guard = Guard.attach(dynamics, limits=Limits(temperature_k=1e6, torn=9.0))
    with pytest.raises(Unstable, match=r"bond_broken at 0\.\d+ ps: bond C0-C1 broke .*C1 left") as ended:
        dynamics.run(2000)
    assert ended.value.outcome is guard.outcome
    assert guard.outcome.atoms == (0, 1)
    assert dynamics.nsteps * 0.5 == pytest.approx(1000 * guard.outcome.time_ps + 10.0)


@pytest.mark.parametrize("kind", ["verlet", "langevin", "bussi"])
def test_without_raising_the_run_ends_after_its_step(kind):
    dynamics = dynamics_of(kind, torn())
    guard = Guard.attach(dynamics, limits=Limits(temperature_k=1e6, torn=9.0), raises=False)
    dynamics.run(2000)
    assert guard.outcome.kind is OutcomeKind.BOND_BROKEN and dynamics.nsteps < 2000


def test_a_quiet_run_is_left_alone():
    dynamics = dynamics_of("verlet", water())
    guard = Guard.attach(dynamics)
    dynamics.run(100)
    assert guard.outcome is None and dynamics.nsteps == 100


def test_nan_stops_at_its_step():
    def nan(energy, forces):
        forces[1] = np.nan
        return energy, forces

    dynamics = dynamics_of("verlet", water(water_springs(fail_at=6, fault=nan)))
    guard = Guard.attach(dynamics)
    with pytest.raises(Unstable, match="forces of H1 became NaN"):
        dynamics.run(20)
    assert dynamics.nsteps == 5 and guard.outcome.kind is OutcomeKind.NON_FINITE


@pytest.mark.parametrize(("kind", "stopped"), [("verlet", True), ("langevin", False)])
def test_heating_is_seen_where_the_energy_should_stay(kind, stopped):
    dynamics = dynamics_of(kind, water(Faulty(swirling)))
    guard = Guard.attach(dynamics, limits=Limits(broken=99.0, torn=99.0, formed=0.0, heating_k=100.0), raises=False)
    dynamics.run(600)
    assert (guard.outcome is not None) is stopped
    if stopped:
        assert "energy from nowhere" in guard.outcome.cause


def test_a_guard_that_comes_late_counts_from_there():
    dynamics = dynamics_of("verlet", torn())
    dynamics.run(4)
    guard = Guard.attach(dynamics, bonds=[[0, 1]], limits=Limits(temperature_k=1e6, torn=9.0), raises=False)
    dynamics.run(2000)
    assert (dynamics.nsteps - 4) * 0.5 == pytest.approx(1000 * guard.outcome.time_ps + 10.0)


def test_what_cannot_be_watched_is_refused():
    with pytest.raises(InputError, match="dynamics: got 'BFGS'"):
        Guard.attach(BFGS(water(), logfile=None))
    periodic = water()
    periodic.pbc = True
    with pytest.raises(InputError, match="atoms.pbc"):
        Guard.attach(VelocityVerlet(periodic, 1.0))


# Imports


def test_every_export_exists_and_importing_them_is_cheap():
    for name in compcalc.dynamics.__all__:
        assert getattr(compcalc.dynamics, name) is not None
    with pytest.raises(AttributeError, match="run_npt"):
        compcalc.dynamics.run_npt  # noqa: B018
    code = "import sys, compcalc.dynamics; print(sorted({'ase', 'numpy', 'yaml', 'scipy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
