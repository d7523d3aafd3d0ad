"""Energy from nowhere: what the books say of potentials that make it, and of those that do not, in both engines."""

import dataclasses

import numpy as np
import pytest
from dynamics_samples import WATER, Springs, Tethers, water_springs
from lockstep_samples import Looped, assert_same, water, with_ase

from compcalc.dynamics.balance import Balance
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.dynamics.start import Start
from compcalc.metrics.temperature import temperature
from compcalc.records import Molecule, OutcomeKind
from compcalc.units import EV_PER_U_ANGSTROM2_PER_FS2, KB_EV_PER_K

NVE = Protocol("nve", production_ps=1.5, equilibration_ps=0.0, frame_every_fs=20.0)
NVT = dataclasses.replace(NVE, name="nvt")


def swirl(per_fs):
    """Forces `per_fs` times z x r, in eV/angstrom, on top of springs: no potential has them."""

    class Swirling(type(water_springs())):
        def calculate(self, atoms=None, properties=None, system_changes=("positions",)):
            super().calculate(atoms, properties, system_changes)
            self.results["forces"] = self.results["forces"] + per_fs * np.cross([0, 0, 1.0], atoms.positions)

    return Swirling([[0, 1], [0, 2], [1, 2]], [8.0, 8.0, 4.0], [0.96, 0.96, 1.52])


# The books

STILL = (np.zeros((2, 3)), np.zeros((2, 3)))


def add(balance, energies, kinetic, heat=0.0, state=STILL):
    balance.add(
        *state, *(np.asarray(values, dtype=float) * np.ones(len(balance.work)) for values in (energies, kinetic, heat))
    )


def test_the_excess_is_what_nothing_gave():
    balance = Balance([1, 1], [9.0, 3.0], NVT, thermostat=False)
    add(balance, [-2.0, 1.0], [0.5, 0.5])
    add(balance, [-3.0, 9.0], [0.5, 0.5])
    add(balance, [-2.5, 1.0], [1.5, 0.5], [0.5, -0.25])
    np.testing.assert_allclose(balance.excess, [0.0, 0.25])
    np.testing.assert_allclose(balance.rise_k, [0.0, 0.25 / (3 * KB_EV_PER_K)])
    balance.keep(np.array([False, True]), np.array([False, True]))
    for _ in range(2):
        add(balance, 1.0, 1.5, -0.25, (np.zeros((1, 3)), np.zeros((1, 3))))
    np.testing.assert_allclose(balance.rise_k, [1.25 / (3 * KB_EV_PER_K)])


def test_a_thermostat_takes_an_excess_out_at_its_friction():
    protocol = dataclasses.replace(NVT, friction_per_fs=0.01, timestep_fs=0.5)
    balance = Balance([2], [3.0], protocol, thermostat=True)
    for total in (0.0, *[1.0] * 202):
        add(balance, total, 0.0)
    assert balance.excess[0] == pytest.approx(np.exp(-0.01 * 100))


def test_without_degrees_of_freedom_the_rise_is_undefined():
    balance = Balance([2], [0.0], NVE, thermostat=False)
    add(balance, 0.0, 0.0)
    assert np.isnan(balance.rise_k).all()


def test_work_is_added_up_by_trapezoids_of_every_step_and_of_every_second():
    """Along x, against a force of -x^2: three steps of 1 angstrom from 0, and one of 2 and one of 1."""
    balance = Balance([1], [3.0], NVE, thermostat=False)
    for x in (0.0, 1.0, 2.0, 3.0):
        add(balance, 0.0, 0.0, state=(np.array([[x, 0, 0]]), np.array([[-(x**2), 0, 0]])))
    assert balance.work[0] == pytest.approx(-(0.5 + 2.5 + 6.5))
    assert balance.coarse_work[0] == pytest.approx(-(4.0 + 6.5))


def test_the_books_go_on_for_those_that_stay():
    both, alone = Balance([1, 1], [3.0, 3.0], NVE, False), Balance([1], [3.0], NVE, False)
    rng = np.random.default_rng(0)
    for step in range(9):
        x, f, e = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)
        if step < 5:
            both.add(x, f, e, e + 1, np.zeros(2))
        else:
            both.add(x[1:], f[1:], e[1:], e[1:] + 1, np.zeros(1))
        alone.add(x[1:], f[1:], e[1:], e[1:] + 1, np.zeros(1))
        if step == 4:
            both.keep(np.array([False, True]), np.array([False, True]))
    for name in ("work", "coarse_work", "excess", "rise_k"):
        np.testing.assert_array_equal(getattr(both, name), getattr(alone, name))
    assert both.cause(0) == alone.cause(0)


# Runs


@pytest.mark.parametrize("protocol", [NVE, NVT], ids=["nve", "nvt"])
def test_a_clean_potential_does_not_heat(protocol):
    protocol = dataclasses.replace(protocol, production_ps=0.5)
    (t,) = run_lockstep([water()], Looped(lambda z: water_springs()), protocol, limits=Limits(heating_k=30.0))
    assert t.outcome.kind is OutcomeKind.COMPLETED


@pytest.mark.parametrize(("protocol", "strength"), [(NVE, 0.05), (NVT, 0.15)], ids=["nve", "nvt"])
def test_a_swirl_heats_and_is_stopped_well_before_5000_k(protocol, strength):
    limits = Limits(broken=9.0, formed=0.0, torn=9.0)
    (t,) = run_lockstep([water()], Looped(lambda z: swirl(strength)), protocol, limits=limits)
    assert t.outcome.kind is OutcomeKind.EXPLODED and "energy from nowhere warmed the molecule" in t.outcome.cause
    assert 0 < t.outcome.time_ps < protocol.production_ps
    assert np.nanmax(t.temperature) < 4000
    assert_same(t, with_ase(water(), swirl(strength), protocol, limits=limits), 1e-6)


def test_heat_from_the_thermostat_is_no_heating():
    """Cold springs warm to 300 K and back from a hot start: the thermostat's own doing."""
    cold = dataclasses.replace(NVT, temperature_k=3000.0, production_ps=0.3)
    limits = Limits(broken=9.0, formed=0.0, torn=9.0, heating_k=100.0)
    (t,) = run_lockstep([water()], Looped(lambda z: Tethers(WATER, 5.0)), cold, limits=limits)
    assert t.outcome.kind is OutcomeKind.COMPLETED
    total = t.potential_energy + t.kinetic_energy
    assert (total[-50:].mean() - total[0]) / (9 * KB_EV_PER_K) > 500


# The centre of mass


@pytest.mark.parametrize("engine", ["ase", "lockstep"])
def test_a_net_force_moves_the_molecule_and_does_not_warm_it(engine):
    class Pulled(type(water_springs())):
        def calculate(self, atoms=None, properties=None, system_changes=("positions",)):
            super().calculate(atoms, properties, system_changes)
            masses = atoms.get_masses()[:, None]
            # Each atom falls alike, so that the springs feel nothing of it.
            self.results["forces"] = self.results["forces"] + 0.02 * masses * [0.6, 0.0, 0.8]

    def make(numbers=None):
        return Pulled([[0, 1], [0, 2], [1, 2]], [8.0, 8.0, 4.0], [0.96, 0.96, 1.52])

    protocol = dataclasses.replace(NVE, production_ps=0.1)
    limits = Limits(heating_k=1e9)
    runs = {
        "ase": lambda calculator: with_ase(water(), calculator, protocol, limits=limits),
        "lockstep": lambda calculator: run_lockstep([water()], Looped(lambda z: calculator), protocol, limits=limits)[
            0
        ],
    }
    pulled, free = runs[engine](make()), runs[engine](water_springs())
    np.testing.assert_allclose(pulled.temperature, free.temperature, atol=1e-5)
    assert pulled.kinetic_energy[-1] > free.kinetic_energy[-1] + 0.3


class Turned(Springs):
    """Springs, and the torque about z that turns the molecule ever faster, which no energy has."""

    def __init__(self, *args, rate=0.06):
        super().__init__(*args)
        self.rate = rate

    def calculate(self, atoms=None, properties=None, system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        arms = atoms.positions - atoms.get_center_of_mass()
        turn = self.rate * atoms.get_masses()[:, None] * np.cross([0, 0, 1.0], arms)
        self.results["forces"] = self.results["forces"] + turn


def along_x(name, numbers, places):
    positions = np.zeros((len(numbers), 3))
    positions[:, 0] = places
    bonds = np.array([[k, k + 1] for k in range(len(numbers) - 1)])
    return Start(Molecule(name, ""), np.array(numbers), positions, bonds)


NITROGEN, CARBON_DIOXIDE = along_x("N2", [7, 7], [0, 1.4]), along_x("CO2", [8, 6, 8], [-1.16, 0, 1.16])
TURNED = {
    "diatomic": (NITROGEN, ([[0, 1]], [40.0], [1.4]), 1),
    "linear": (CARBON_DIOXIDE, ([[0, 1], [1, 2], [0, 2]], [40.0, 40.0, 20.0], [1.16, 1.16, 2.32]), 4),
    "bent": (water(), ([[0, 1], [0, 2], [1, 2]], [20.0, 20.0, 10.0], [0.96, 0.96, 1.52]), 3),
}


@pytest.mark.parametrize("name", TURNED)
@pytest.mark.parametrize("engine", ["ase", "lockstep"])
def test_a_net_torque_turns_the_molecule_and_does_not_warm_it(engine, name):
    begin, springs, freedom = TURNED[name]
    protocol = dataclasses.replace(NVE, production_ps=0.1, equilibration_ps=0.0, frame_every_fs=1.0)
    limits = Limits(heating_k=1e9)
    if engine == "ase":
        t = with_ase(begin, Turned(*springs), protocol, limits=limits)
    else:
        (t,) = run_lockstep([begin], Looped(lambda z: Turned(*springs)), protocol, limits=limits)
    assert (t.outcome.kind, t.degrees_of_freedom) == (OutcomeKind.COMPLETED, freedom)
    late = t.log_time_fs > 60
    assert temperature(t.kinetic_energy[late].mean(), freedom) > 1500
    assert 20 < t.temperature[late].mean() < 700
    if name == "diatomic":
        axis, relative = (array[:, 1] - array[:, 0] for array in (t.positions, t.velocities))
        along = np.einsum("fk,fk->f", axis, relative) / np.linalg.norm(axis, axis=1)
        vibration = 0.5 * (14.007 / 2) * along**2 * EV_PER_U_ANGSTROM2_PER_FS2
        np.testing.assert_allclose(t.temperature, 2 * vibration / KB_EV_PER_K, atol=1e-6)
