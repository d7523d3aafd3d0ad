"""Error of the mean of correlated values against repeated runs and by hand."""

import numpy as np
import pytest

from compcalc.errors import InputError
from compcalc.metrics.blocking import block_means, blocked_mean


def _correlated(rng: np.random.Generator, phi: float, size: int) -> np.ndarray:
    """Autoregressive values of variance 1; correlation time about 1 / (1 - phi)."""
    kicks = np.sqrt(1 - phi**2) * rng.normal(size=size)
    values = np.empty(size)
    values[0] = rng.normal()
    for k in range(1, size):
        values[k] = phi * values[k - 1] + kicks[k]
    return values


@pytest.mark.parametrize(("phi", "n_runs"), [(0.0, 1), (0.9, 1), (0.9, 3), (0.98, 10)])
def test_error_is_that_of_repeated_means(phi, n_runs):
    rng = np.random.default_rng(0)
    found = [blocked_mean([_correlated(rng, phi, 512) for _ in range(n_runs)]) for _ in range(60)]
    scatter = np.std([mean for mean, _ in found])
    assert 0.8 < np.mean([error for _, error in found]) / scatter < 1.5


def test_ignoring_the_correlation_would_be_four_times_too_small():
    values = _correlated(np.random.default_rng(1), 0.9, 5000)
    assert blocked_mean([values])[1] > 3 * values.std() / np.sqrt(5000)


def test_runs_that_never_leave_their_own_level_have_the_error_of_their_means():
    rng = np.random.default_rng(2)
    levels = rng.normal(size=12)
    mean, error = blocked_mean([level + 0.01 * rng.normal(size=100) for level in levels])
    assert mean == pytest.approx(levels.mean(), abs=0.01)
    assert error == pytest.approx(levels.std(ddof=1) / np.sqrt(12), rel=0.05)


def test_eight_values_by_hand():
    mean, error = blocked_mean([[0.0, 0, 0, 0, 1, 1, 1, 1]])
    assert mean == 0.5
    assert error == pytest.approx(np.sqrt(2 / 7 / 8))


def test_block_means_drop_the_rest():
    np.testing.assert_allclose(block_means(np.array([1.0, 3, 5, 7, 100]), 2), [2, 6])


def test_too_little_for_an_error():
    mean, error = blocked_mean([[1.0, 2.0, 3.0], []])
    assert mean == 2
    assert np.isnan(error)
    assert np.isnan(blocked_mean([])).all()
    assert np.isnan(blocked_mean([[]])).all()
    with pytest.raises(InputError, match=r"runs\[1\]: got"):
        blocked_mean([[1.0], [[1.0]]])
