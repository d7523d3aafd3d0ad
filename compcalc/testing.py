"""Conformance tests for your own calculator, to run with pytest.

    from compcalc.testing import CalculatorConformance

    class TestMyCalculator(CalculatorConformance):
        skip = {"charge", "spin"}

        def make_calculator(self):
            return MyCalculator()

Each check of `compcalc check` becomes a test. A warning does not fail it, and a check that does not apply is skipped.
"""

import warnings
from collections.abc import Collection
from contextlib import suppress
from typing import ClassVar

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from compcalc.checks import CHECKS, Doctor, Examination, Finding, Verdict, examine
from compcalc.errors import UnknownNameError

__all__ = ["CalculatorConformance", "ConformanceWarning", "assert_conforms"]


class ConformanceWarning(UserWarning):
    """A check found something that a user should know of."""


class CalculatorConformance:
    """Base of a pytest class that puts one calculator through every check.

    Subclass it under a name that starts with `Test` and define `make_calculator`; it is called once a class.

    Attributes:
        skip: names of checks to leave out.
    """

    skip: ClassVar[Collection[str]] = ()

    def make_calculator(self) -> BaseCalculator:
        """A new calculator."""
        raise TypeError(f"{type(self).__name__} does not define make_calculator")

    def make_atoms(self) -> Atoms | None:
        """An isolated molecule with forces that are not zero; None for one that suits the calculator."""
        return None

    def pytest_generate_tests(self, metafunc) -> None:
        """One test a check; pytest calls this itself.

        Raises:
            UnknownNameError: a name in `skip` is no check.
        """
        if "check_name" in metafunc.fixturenames:
            _refuse_unknown(self.skip)
            metafunc.parametrize("check_name", [name for name in CHECKS if name not in self.skip])

    def test_check(self, check_name: str) -> None:
        """Fails with the message of the check."""
        import pytest

        finding = self._doctor().finding(check_name)
        if finding.verdict is Verdict.NOT_APPLICABLE:
            pytest.skip(finding.message)
        if finding.verdict is Verdict.FAIL:
            pytest.fail(_line(finding), pytrace=False)
        if finding.verdict is Verdict.WARN:
            # Also where warnings are errors, a warning is no failure here.
            with suppress(ConformanceWarning):
                warnings.warn(_line(finding), ConformanceWarning, stacklevel=2)

    @classmethod
    def _doctor(cls) -> Doctor:
        # Of this class itself: a subclass makes another calculator.
        if "_shared_doctor" not in cls.__dict__:
            made = cls()
            cls._shared_doctor = Doctor(made.make_calculator(), made.make_atoms(), budget_s=None)
        return cls._shared_doctor


def assert_conforms(
    calculator: BaseCalculator,
    atoms: Atoms | None = None,
    *,
    skip: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Examination:
    """Examine a calculator, and raise if a check fails; warnings are allowed.

    Args:
        calculator: any ASE calculator.
        atoms: an isolated molecule with forces that are not zero; one that suits the calculator where None.
        skip: names of checks to leave out.
        only: names of checks or topics; all where None.

    Raises:
        AssertionError: a check failed; the message has a line for each.
        UnknownNameError: a name in `skip` or `only` is not known.
    """
    _refuse_unknown(skip)
    if only is None and skip:
        only = [name for name in CHECKS if name not in skip]
    found = examine(calculator, atoms, only=only, budget_s=None)
    failures = [f for f in found.with_verdict(Verdict.FAIL) if f.name not in skip]
    if failures:
        raise AssertionError(
            f"{found.potential} fails {len(failures)} of {len(found.findings)} checks on {found.molecule}:\n"
            + "\n".join(f"- {_line(finding)}" for finding in failures)
        )
    return found


def _line(finding: Finding) -> str:
    numbers = ""
    if finding.value is not None and finding.tolerance is not None:
        numbers = f" [{finding.value:.3g} {finding.unit}; limit {finding.tolerance:.3g}]".replace(" ;", ";")
    return f"{finding.name}: {finding.message}{numbers}"


def _refuse_unknown(names: Collection[str]) -> None:
    for name in names:
        if name not in CHECKS:
            raise UnknownNameError("skip", name, CHECKS)
