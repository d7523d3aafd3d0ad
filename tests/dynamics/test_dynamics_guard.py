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
    length = f"{1.6 * reduced(C, C):.2f} angstrom"
    assert outcome.cause == f"bond C0-C1 broke ({length}): C1 left ({length} away)"


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


# Pieces that come off


def chain(*gaps, numbers=(O, C, C, H)):
    """Atoms on a line, `gaps` multiples of the radii between neighbours."""
    steps = [gap * reduced(a, b) for gap, a, b in zip(gaps, numbers[:-1], numbers[1:], strict=True)]
    return np.concatenate([[0.0], np.cumsum(steps)])[:, None] * [0.0, 0.6, 0.8]


CHAIN = np.array([[0, 1], [1, 2], [2, 3]])


@pytest.mark.parametrize(
    ("broken", "left", "named"), [(0, (0,), "O0"), (1, (2, 3), "C2, H3"), (2, (3,), "H3")], ids=["O", "C-C", "C-H"]
)
def test_the_smaller_piece_leaves_and_its_distance_is_told(broken, left, named):
    stretched = [1.6 if gap == broken else 1.0 for gap in range(3)]
    _, outcome = watch(Guard([O, C, C, H], CHAIN), lambda t: chain(1, 1, 1) if t < 20 else chain(*stretched))
    assert outcome.kind is OutcomeKind.BOND_BROKEN and outcome.fragment == left
    gap = np.linalg.norm(np.diff(chain(*stretched), axis=0)[broken])
    assert f"{named} left ({gap:.2f} angstrom away)" in outcome.cause


RING = np.array([[0, 1], [1, 2], [0, 2]])


def triangle(opening):
    """Three carbon atoms, two bonds of 1.5 angstrom that enclose `opening`, in angstrom."""
    half = opening / 2
    return np.array([[-half, 0, 0], [half, 0, 0], [0, np.sqrt(1.5**2 - half**2), 0]])


def test_a_ring_that_opens_sets_nothing_free():
    found = watch(Guard([C, C, C], RING), lambda t: triangle(1.5 if t < 20 else 2.5))
    assert found[1].kind is OutcomeKind.BOND_BROKEN and found[1].atoms == (0, 1)
    assert found[1].fragment == () and found[1].cause.endswith("the atoms hold together elsewhere")


def test_pieces_that_are_apart_from_the_start_may_part():
    def geometry(t):
        return np.concatenate([cc(1.0), np.add(cc(1.0), [3.0 + 0.2 * t, 0, 0])])

    assert watch(Guard([C, C, C, C], np.array([[0, 1], [2, 3]])), geometry) is None


# Pairs that begin near a limit


def test_a_strained_ring_is_judged_by_how_it_began():
    """Two bridgeheads 1.75 angstrom apart without a bond, and a bond of 2.2 angstrom, as they vibrate."""
    near, far = triangle(1.75), triangle(2.2)
    unbonded, bonded = RING[1:], RING
    wobble = [lambda t: triangle(1.75 + 0.15 * np.sin(t / 20)), lambda t: triangle(2.2 + 0.25 * np.sin(t / 20))]
    for bonds, start, geometry in ((unbonded, near, wobble[0]), (bonded, far, wobble[1])):
        assert watch(Guard([C, C, C], bonds, start=start), geometry, until_fs=200) is None
        assert watch(Guard([C, C, C], bonds), geometry, until_fs=200) is not None
    _, formed = watch(Guard([C, C, C], unbonded, start=near), lambda t: triangle(1.4))
    assert formed.kind is OutcomeKind.BOND_FORMED
    _, broken = watch(Guard([C, C, C], bonded, start=far), lambda t: triangle(2.7))
    assert broken.kind is OutcomeKind.BOND_BROKEN


def test_a_start_far_from_the_limits_changes_nothing():
    limits = Guard([C, C, H], PAIR, start=chain(1.0, 2.0, numbers=(C, C, H))).bonds
    plain = Guard([C, C, H], PAIR).bonds
    np.testing.assert_array_equal(limits.formed[~limits.bonded], plain.formed[~plain.bonded])
    for name in ("broken", "torn"):
        np.testing.assert_array_equal(getattr(limits, name)[limits.bonded], getattr(plain, name)[plain.bonded])


# Heating


def test_heating_is_an_event_when_it_lasts():
    guard = Guard([C, C], PAIR)
    found = None
    for time_fs in np.arange(0, 300, STEP_FS):
        rise_k = 600.0 if 20 <= time_fs < 60 or time_fs >= 100 else 100.0
        quiet = (np.zeros((2, 3)), -1.0, np.zeros((2, 3)), 300.0)
        found = found or guard.check(time_fs, np.array(cc(1.0)), *quiet, rise_k=rise_k)
        if found:
            break
    assert found.kind is OutcomeKind.EXPLODED and "warmed the molecule by 600 K (limit 500)" in found.cause
    assert (time_fs, found.time_ps) == (150.0, 0.1)


def test_an_undefined_rise_is_no_event():
    assert watch(Guard([C, C], PAIR), lambda t: cc(1.0), rise_k=float("nan")) is None


def test_limits_of_a_hot_run_leave_room_for_its_thermostat():
    assert Limits().at(300.0) == Limits()
    assert Limits().at(1500.0).temperature_k > 1500 * 9
    assert Limits(temperature_k=1e6).at(1500.0).temperature_k == 1e6


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
