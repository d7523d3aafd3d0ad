"""Predictions on labelled frames: values of the right frame, and each failure kept with its reason."""

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from compcalc.calculators import get_calculator
from compcalc.checks.accuracy import evaluate, predict
from compcalc.records import BatchResult, Frames, Molecule

T, N = 6, 3
NUMBERS = np.array([8, 1, 1])
POSITIONS = np.array([[[0, 0, 0.1 * t], [0.76, 0.59, 0], [-0.76, 0.59, 0]] for t in range(T)])


class Marked(Calculator):
    """Energy and forces that tell the frame (from the height of atom 0); `faults` maps frames to what goes wrong."""

    implemented_properties = ("energy", "forces")

    def __init__(self, faults=()):
        super().__init__()
        self.faults, self.seen, self.forgotten = dict(faults), [], 0

    def forget(self):
        self.forgotten += 1
        self.results = {}

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        frame = round(atoms.positions[0, 2] / 0.1)
        self.seen.append(frame)
        energy, forces = -10.0 - frame, np.full((N, 3), float(frame))
        self.results = self.faults.get(frame, lambda e, f: {"energy": e, "forces": f})(energy, forces)


def frames(positions=POSITIONS):
    t = len(positions)
    return Frames(
        Molecule("water", "O"), NUMBERS, positions, np.zeros(t), np.zeros((t, N, 3)), np.array([[0, 1], [0, 2]]),
        np.zeros(t, dtype=int),
    )  # fmt: skip


def raising(error):
    def fault(energy, forces):
        raise error

    return fault


def nan_force(energy, forces):
    forces[2, 1] = np.nan
    return {"energy": energy, "forces": forces}


FAULTS = {
    1: (raising(RuntimeError("SCF not converged")), "RuntimeError: SCF not converged"),
    3: (nan_force, "ValueError: the force on atom 2 is NaN or infinite"),
    4: (lambda e, f: {"energy": np.nan, "forces": f}, "ValueError: energy is NaN or infinite"),
}


def test_every_frame_in_its_order():
    calculator = Marked()
    prediction = predict(calculator, frames())
    np.testing.assert_array_equal(prediction.energy, -10.0 - np.arange(T))
    np.testing.assert_array_equal(prediction.forces, np.arange(T)[:, None, None] * np.ones((T, N, 3)))
    assert calculator.seen == list(range(T))
    assert prediction.failures == {} and prediction.good.all()
    assert prediction.molecule.name == "water" and prediction.seconds > 0
    assert calculator.forgotten == T


def test_frames_out_of_order_stay_out_of_order():
    order = np.array([4, 0, 5, 2])
    np.testing.assert_array_equal(predict(Marked(), frames(POSITIONS[order])).energy, -10.0 - order)


def test_failures_keep_their_reason_and_cost_themselves_alone():
    prediction = predict(Marked({k: fault for k, (fault, _) in FAULTS.items()}), frames())
    assert prediction.failures == {k: reason for k, (_, reason) in FAULTS.items()}
    np.testing.assert_array_equal(prediction.good, [True, False, True, False, False, True])
    assert np.isnan(prediction.energy[~prediction.good]).all() and np.isnan(prediction.forces[~prediction.good]).all()
    np.testing.assert_array_equal(prediction.energy[prediction.good], [-10.0, -12.0, -15.0])
    np.testing.assert_array_equal(prediction.forces[prediction.good, 0, 0], [0.0, 2.0, 5.0])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda e, f: {"energy": np.inf, "forces": f}, "energy is NaN"),
        (lambda e, f: {"energy": np.array([1.0, 2.0]), "forces": f}, r"energy has shape \(2,\); allowed: one number"),
        (lambda e, f: {"energy": e, "forces": f.ravel()}, r"forces have shape \(9,\); allowed: \(3, 3\)"),
        (lambda e, f: {"energy": e, "forces": f[:, :2]}, r"forces have shape \(3, 2\); allowed: \(3, 3\)"),
        (lambda e, f: {"energy": e}, "forces"),
    ],
)
def test_values_of_another_shape_are_failures(fault, reason):
    with pytest.raises(Exception, match=reason):
        evaluate(Marked({0: fault}), NUMBERS, POSITIONS[0])
    prediction = predict(Marked({0: fault}), frames())
    assert list(prediction.failures) == [0]


def test_one_element_energies_become_floats():
    fault = {0: lambda e, f: {"energy": np.array([-1.5], dtype="f4"), "forces": f.astype("f4")}}
    energy, forces = evaluate(Marked(fault), NUMBERS, POSITIONS[0])
    assert type(energy) is float and energy == -1.5
    assert forces.dtype == np.float64


def test_interrupts_are_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        predict(Marked({2: raising(KeyboardInterrupt())}), frames())


def test_a_frame_does_not_depend_on_the_ones_before_it():
    """The self-consistent cycle would otherwise start from the density of the frame before."""
    rng = np.random.default_rng(0)
    positions = POSITIONS[:1] + rng.normal(scale=0.03, size=(4, N, 3))
    calculator = get_calculator("tblite:GFN2-xTB")
    together = predict(calculator, frames(positions))
    backwards = predict(calculator, frames(positions[::-1]))
    np.testing.assert_array_equal(together.energy, backwards.energy[::-1])
    np.testing.assert_array_equal(together.forces, backwards.forces[::-1])
    assert np.ptp(together.energy) > 0.01


class MarkedBatch(Marked):
    """The same in one call; `batch_faults` maps frames to what goes wrong there alone."""

    can_batch = True

    def __init__(self, faults=(), batch_faults=()):
        super().__init__(faults)
        self.batch_faults, self.batches = dict(batch_faults), 0

    def evaluate_batch(self, batch):
        self.batches += 1
        energies, forces = np.empty(len(batch)), np.empty_like(batch.positions)
        for k, first in enumerate(batch.offsets[:-1]):
            frame = round(batch.positions[first, 2] / 0.1)
            fault = self.batch_faults.get(frame, lambda e, f: {"energy": e, "forces": f})
            made = fault(-10.0 - frame, np.full((N, 3), float(frame)))
            energies[k], forces[first : first + N] = made["energy"], made["forces"]
        return BatchResult(energies, forces)


def test_a_batch_that_agrees_is_taken():
    calculator = MarkedBatch()
    prediction = predict(calculator, frames())
    assert calculator.batches == 1 and calculator.seen == [0, 3]
    assert prediction.energy.tolist() == [-10.0 - t for t in range(T)]
    assert prediction.forces[:, 2, 1].tolist() == list(range(T))
    assert prediction.batch_difference == 0.0 and not prediction.failures


@pytest.mark.parametrize(
    "fault",
    [lambda e, f: {"energy": e, "forces": f + 0.01}, lambda e, f: {"energy": e + 1e-3, "forces": f}],
    ids=["forces", "energy"],
)
def test_a_batch_that_differs_is_not_taken(fault):
    calculator = MarkedBatch(batch_faults=dict.fromkeys(range(T), fault))
    prediction = predict(calculator, frames())
    assert prediction.energy.tolist() == [-10.0 - t for t in range(T)]
    assert prediction.forces[:, 2, 1].tolist() == list(range(T))
    assert prediction.batch_difference in (pytest.approx(0.01), 0.0)


def test_frames_with_nan_in_a_batch_are_evaluated_alone_and_others_compared():
    nothing = lambda e, f: {"energy": np.nan, "forces": f}  # noqa: E731
    calculator = MarkedBatch(batch_faults={0: nothing, 3: nan_force})
    prediction = predict(calculator, frames())
    assert calculator.seen == [1, 4, 0, 3]
    assert prediction.batch_difference == 0.0 and not prediction.failures
    assert prediction.energy.tolist() == [-10.0 - t for t in range(T)]


def test_a_batch_that_cannot_be_compared_is_not_trusted():
    refusing = {t: raising(ValueError("not for this molecule")) for t in range(T)}
    prediction = predict(MarkedBatch(refusing), frames())
    assert sorted(prediction.failures) == list(range(T)) and np.isnan(prediction.energy).all()
    assert prediction.batch_difference is None


def test_a_batch_that_fails_leaves_single_evaluations():
    calculator = MarkedBatch({2: raising(RuntimeError("no such luck"))}, {2: raising(RuntimeError("no such luck"))})
    prediction = predict(calculator, frames())
    assert prediction.failures == {2: "RuntimeError: no such luck"}
    assert prediction.energy[[0, 1, 3]].tolist() == [-10, -11, -13]
