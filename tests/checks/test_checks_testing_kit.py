"""The public pytest kit: good calculators pass, faults fail under the name of their check, warnings do not."""

import sys
from pathlib import Path

import check_samples as samples
import pytest

from compcalc.checks import CHECKS, Verdict
from compcalc.errors import UnknownNameError
from compcalc.testing import CalculatorConformance, ConformanceWarning, assert_conforms

pytest_plugins = ["pytester"]


class TestGood(CalculatorConformance):
    def make_calculator(self):
        return samples.Good()

    def make_atoms(self):
        return samples.ethanol()


class TestSkipping(TestGood):
    skip = ("free_energy",)

    def make_calculator(self):
        return samples.NoFreeEnergy()


def test_assert_conforms():
    found = assert_conforms(samples.Good(), samples.ethanol(), only=["symmetry"])
    assert found.verdict is Verdict.PASS
    with pytest.raises(AssertionError, match=r"fails 1 of 4 checks on C2H6O:\n- reflection: The mirror image.*limit"):
        assert_conforms(samples.Chiral(), samples.ethanol(), only=["symmetry"])
    assert_conforms(samples.Chiral(), samples.ethanol(), only=["symmetry"], skip=["reflection"])
    with pytest.raises(UnknownNameError, match="skip: got 'reflexion'"):
        assert_conforms(samples.Good(), samples.ethanol(), skip=["reflexion"])


def test_a_warning_is_shown_and_is_no_failure():
    class Kit(TestGood):
        def make_calculator(self):
            return samples.IgnoresCharge()

    with pytest.warns(ConformanceWarning, match="charge in atoms.info is ignored"):
        Kit().test_check("charge")


@pytest.mark.filterwarnings("error")
def test_a_warning_is_no_failure_where_warnings_are_errors():
    class Kit(TestGood):
        def make_calculator(self):
            return samples.IgnoresCharge()

    Kit().test_check("charge")


def test_the_calculator_is_made_once_a_class_and_anew_for_a_subclass():
    class Kit(TestGood):
        made = 0

        def make_calculator(self):
            type(self).made += 1
            return samples.Good()

    class Sub(Kit):
        made = 0

    for kit in (Kit, Sub):
        kit().test_check("rotation")
        kit().test_check("net_force")
        assert kit.made == 1
        assert kit._doctor().subject.molecule == "C2H6O"


def test_one_test_a_check(pytester):
    pytester.makepyfile(
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import check_samples as samples
        from compcalc.testing import CalculatorConformance

        class TestMine(CalculatorConformance):
            skip = {{"speed", "noise_floor"}}

            def make_calculator(self):
                return samples.InHartree()

            def make_atoms(self):
                return samples.ethanol()
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(passed=len(CHECKS) - 4, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*TestMine.test_check?forces?*", "*forces in hartree/angstrom*"])
    assert "check_samples" in sys.modules
