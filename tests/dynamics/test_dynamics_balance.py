"""Energy from nowhere: what the books say of potentials that make it, and of those that do not, in both engines."""

import dataclasses

import numpy as np
import pytest
from dynamics_samples import WATER, Tethers, water_springs
from lockstep_samples import Looped, assert_same, water, with_ase

from compcalc.dynamics.balance import Balance
from compcalc.dynamics.limits import Limits
from compcalc.dynamics.lockstep import run_lockstep
from compcalc.dynamics.protocols import Protocol
from compcalc.records import OutcomeKind
from compcalc.units import KB_EV_PER_K

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


def test_the_excess_is_what_nothing_gave():
    balance = Balance([9.0, 3.0], NVT, thermostat=False)
    balance.add(np.array([-2.0, 1.0]), np.array([0.5, 0.5]), np.zeros(2))
    balance.add(np.array([-2.5, 1.0]), np.array([1.5, 0.5]), np.array([0.5, -0.25]))
    np.testing.assert_allclose(balance.excess, [0.0, 0.25])
    np.testing.assert_allclose(balance.rise_k, [0.0, 0.25 / (3 * KB_EV_PER_K)])
    balance.keep(np.array([False, True]), np.ones(3, dtype=bool))
    balance.add(np.array([1.0]), np.array([1.5]), np.array([-0.25]))
    np.testing.assert_allclose(balance.rise_k, [1.25 / (3 * KB_EV_PER_K)])


def test_a_thermostat_takes_an_excess_out_at_its_friction():
    protocol = dataclasses.replace(NVT, friction_per_fs=0.01, timestep_fs=0.5)
    balance = Balance([3.0], protocol, thermostat=True)
    for total in (0.0, *[1.0] * 201):
        balance.add(np.array([total]), np.zeros(1), np.zeros(1))
    assert balance.excess[0] == pytest.approx(np.exp(-0.01 * 100))


def test_without_degrees_of_freedom_the_rise_is_undefined():
    balance = Balance([0.0], NVE, thermostat=False)
    balance.add(np.zeros(1), np.zeros(1), np.zeros(1))
    assert np.isnan(balance.rise_k).all()


# Runs


@pytest.mark.parametrize("protocol", [NVE, NVT], ids=["nve", "nvt"])
def test_a_clean_potential_does_not_heat(protocol):
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
