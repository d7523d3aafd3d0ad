"""Predictions on labelled frames: values of the right frame, and each failure kept with its reason."""

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from compcalc.calculators import get_calculator
from compcalc.checks.accuracy import evaluate, predict
from compcalc.records import Frames, Molecule

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
