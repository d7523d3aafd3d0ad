"""The guard on synthetic geometries: what is an event, when it began, which atoms it names."""

import numpy as np
import pytest
from ase.data import covalent_radii

from compcalc.dynamics.guard import Guard, Limits
from compcalc.records import OutcomeKind

C, H, O, N = 6, 1, 8, 7  # noqa: E741
STEP_FS = 0.5


def reduced(a, b):
    return covalent_radii[a] + covalent_radii[b]


def watch(guard, geometry, until_fs=100.0, n=None, **changes):
    """The first outcome of a guard that sees `geometry(time_fs)` with quiet velocities, energy and forces."""
    for time_fs in np.arange(0, until_fs + STEP_FS, STEP_FS):
        positions = np.asarray(geometry(time_fs), dtype=float)
        values = {"velocities": np.zeros_like(positions), "energy": -1.0, "forces": np.zeros_like(positions)}
        values = {**values, "temperature_k": 300.0, **changes}
        outcome = guard.check(time_fs, positions, **values)
        if outcome is not None:
            return time_fs, outcome
    return None


def cc(ratio):
    """Two carbon atoms at `ratio` times the sum of their radii."""
    return [[0, 0, 0], [0, 0, ratio * reduced(C, C)]]


PAIR = np.array([[0, 1]])
NONE = np.empty((0, 2), dtype=int)


def test_quiet_molecule_is_no_event():
    assert watch(Guard([C, C], PAIR), lambda t: cc(1.0)) is None


def test_a_bond_breaks_after_the_patience_and_the_event_is_when_it_began():
    guard = Guard([C, C], PAIR)
    seen, outcome = watch(guard, lambda t: cc(1.0 if t < 20 else 1.6))
    assert outcome.kind is OutcomeKind.BOND_BROKEN
    assert outcome.atoms == (0, 1)
    assert outcome.time_ps == pytest.approx(0.020)
    assert seen == pytest.approx(30.0)
    assert outcome.cause == f"bond C0-C1 broke ({1.6 * reduced(C, C):.2f} angstrom)"


@pytest.mark.parametrize(("dip_fs", "broken"), [(4, False), (8, False), (12, True)])
def test_a_vibration_shorter_than_the_patience_is_no_event(dip_fs, broken):
    found = watch(Guard([C, C], PAIR), lambda t: cc(1.6 if 20 <= t < 20 + dip_fs else 1.2), until_fs=60)
    assert (found is not None) is broken


def test_repeated_dips_do_not_add_up():
    assert watch(Guard([C, C], PAIR), lambda t: cc(1.6 if (t // 6) % 2 else 1.3), until_fs=200) is None


def test_patience_and_limits_can_be_set():
    limits = Limits(broken=1.3, patience_fs=4.0)
    seen, outcome = watch(Guard([C, C], PAIR, limits), lambda t: cc(1.35 if t >= 10 else 1.0))
    assert (seen, outcome.time_ps) == (14.0, 0.010)


def test_a_torn_bond_is_an_event_at_once():
    seen, outcome = watch(Guard([C, C], PAIR), lambda t: cc(2.1 if t >= 20 else 1.0))
    assert outcome.kind is OutcomeKind.BOND_BROKEN
    assert seen == 20.0 and outcome.time_ps == pytest.approx(0.020)


def test_a_bond_torn_after_a_stretch_began_with_the_stretch():
    _, outcome = watch(Guard([C, C], PAIR), lambda t: cc(1.0 if t < 20 else 1.6 if t < 26 else 2.1))
    assert outcome.time_ps == pytest.approx(0.020)


def test_a_bond_forms_after_the_patience():
    seen, outcome = watch(Guard([C, C], NONE), lambda t: cc(2.0 if t < 20 else 1.1))
    assert outcome.kind is OutcomeKind.BOND_FORMED
    assert (seen, outcome.time_ps, outcome.atoms) == (30.0, 0.020, (0, 1))
    assert "bond C0-C1 formed" in outcome.cause


def test_a_close_contact_that_goes_away_is_no_event():
    assert watch(Guard([C, C], NONE), lambda t: cc(1.1 if 20 <= t < 28 else 1.6)) is None


def hydrogen_bond(oh, on):
    """O-H...N on a line: O at 0, then H, then N; distances as multiples of the radii."""
    h = oh * reduced(O, H)
    return [[0, 0, 0], [0, 0, h], [0, 0, h + on * reduced(N, H)]]


def test_proton_transfer_seen_by_the_new_bond():
    # The old bond is stretched, not yet broken; the new one lasts.
    guard = Guard([O, H, N], PAIR)
    _, outcome = watch(guard, lambda t: hydrogen_bond(1.0, 1.8) if t < 20 else hydrogen_bond(1.4, 1.1))
    assert outcome.kind is OutcomeKind.PROTON_TRANSFER
    assert outcome.atoms == (1, 0, 2)
    assert outcome.cause == "H1 moved from O0 to N2"
    assert outcome.time_ps == pytest.approx(0.020)


def test_proton_transfer_seen_by_the_old_bond():
    # The new bond is still longer than the limit of a formed one, the old one is gone.
    guard = Guard([O, H, N], PAIR)
    _, outcome = watch(guard, lambda t: hydrogen_bond(1.0, 1.8) if t < 20 else hydrogen_bond(1.6, 1.25))
    assert outcome.kind is OutcomeKind.PROTON_TRANSFER
    assert outcome.atoms == (1, 0, 2)


def test_a_hydrogen_that_leaves_for_nowhere_is_a_broken_bond():
    guard = Guard([O, H, N], PAIR)
    _, outcome = watch(guard, lambda t: hydrogen_bond(1.0, 2.5) if t < 20 else hydrogen_bond(1.8, 1.5))
    assert outcome.kind is OutcomeKind.BOND_BROKEN
    assert outcome.atoms == (0, 1)


def test_a_shared_proton_is_a_formed_bond():
    guard = Guard([O, H, N], PAIR)
    _, outcome = watch(guard, lambda t: hydrogen_bond(1.0, 1.8) if t < 20 else hydrogen_bond(1.05, 1.1))
    assert outcome.kind is OutcomeKind.BOND_FORMED
    assert outcome.atoms == (1, 2)


def test_of_two_events_the_one_that_began_first_is_named():
    def geometry(t):
        first, second = (1.6 if t >= 26 else 1.0), (1.6 if t >= 20 else 1.0)
        return [*cc(first), [50, 0, 0], [50, 0, second * reduced(C, C)]]

    _, outcome = watch(Guard([C, C, C, C], np.array([[0, 1], [2, 3]])), geometry)
    assert outcome.atoms == (2, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["forces", "velocities", "positions", "energy"])
def test_values_that_are_not_finite_name_the_atoms(what, bad):
    geometry = np.array([*cc(1.0), [0, 0, 20.0]])
    values = np.zeros((3, 3))
    values[1, 0] = values[2, 1] = bad
    if what == "positions":
        found = watch(Guard([C, C, O], PAIR), lambda t: geometry + values)
    else:
        found = watch(Guard([C, C, O], PAIR), lambda t: geometry, **{what: bad if what == "energy" else values})
    seen, outcome = found
    assert seen == 0 and outcome.kind is OutcomeKind.NON_FINITE
    assert outcome.atoms == (() if what == "energy" else (1, 2))
    named = "" if what == "energy" else " of C1, O2"
    assert outcome.cause == f"{what}{named} became NaN or infinite"


def test_long_lists_of_atoms_are_cut():
    forces = np.full((10, 3), np.nan)
    positions = np.arange(30.0).reshape(10, 3) * 5
    _, outcome = watch(Guard([C] * 10, NONE), lambda t: positions, forces=forces)
    assert len(outcome.atoms) == 10
    assert "C0, C1, C2, C3 and 6 more" in outcome.cause


def test_explosion_by_force_and_by_temperature():
    forces = np.zeros((2, 3))
    forces[1] = [0, 150, 150]
    _, outcome = watch(Guard([C, O], PAIR), lambda t: cc(1.0), forces=forces)
    assert outcome.kind is OutcomeKind.EXPLODED
    assert outcome.atoms == (1,) and "force on O1 reached 212 eV/angstrom (limit 200)" in outcome.cause
    assert watch(Guard([C, O], PAIR), lambda t: cc(1.0), forces=forces / 1.1) is None
    _, outcome = watch(Guard([C, O], PAIR), lambda t: cc(1.0), temperature_k=5001.0)
    assert outcome.kind is OutcomeKind.EXPLODED
    assert "temperature reached 5001 K (limit 5000)" in outcome.cause


def test_an_undefined_temperature_is_no_event():
    assert watch(Guard([C, C], PAIR), lambda t: cc(1.0), temperature_k=float("nan")) is None
    assert watch(Guard([H], NONE), lambda t: [[0, 0, 0]], temperature_k=float("nan")) is None


def test_bonds_may_be_given_in_either_order():
    _, outcome = watch(Guard([C, C], np.array([[1, 0]])), lambda t: cc(2.1))
    assert outcome.kind is OutcomeKind.BOND_BROKEN


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_physical_outcomes(kind):
    physical = {"completed", "bond_broken", "bond_formed", "proton_transfer", "exploded", "non_finite"}
    assert kind.physical is (kind.value in physical)
    assert kind.unstable is (kind.value in physical - {"completed"})
