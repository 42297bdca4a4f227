"""Laws of the test of Diebold and Mariano.

A bug here is silent: a standard error that forgets how rows overlap makes every difference significant. So it is held
against hand arithmetic, statsmodels' HAC errors, and how often it errs where nothing is to be found.
"""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gatewise.evaluation.diebold_mariano import diebold_mariano, loss_series


def overlapping(count: int, horizon: int, draws: int) -> np.ndarray:
    """[draws, count] differences whose mean is 0, each the sum of what `horizon` steps bring."""
    shocks = np.random.default_rng(7).standard_normal((draws, count + horizon))
    running = np.cumsum(shocks, axis=1)
    return running[:, horizon:] - running[:, :-horizon]


def test_it_is_what_the_formula_gives_by_hand() -> None:
    # Differences of 1, 3, 1, 3, ...: mean 2, centred -1 and 1, so the k-th product is (-1)^k (40 - k) / 40.
    apart = np.tile([1.0, 3.0], 20)
    found = diebold_mariano(apart + 5, np.full(40, 5.0), 1)
    lags = 9  # 1.3 · √40 = 8.2
    variance = 1 + 2 * sum((1 - k / 10) * (-1) ** k * (40 - k) / 40 for k in range(1, 10))
    statistic = 2 / (variance / 40) ** 0.5 * (39 / 40) ** 0.5
    assert (found.difference, found.lags) == (2, lags)
    assert found.statistic == pytest.approx(statistic, rel=1e-12)
    assert found.p == pytest.approx(2 * stats.t.sf(statistic, 6), rel=1e-9)


@pytest.mark.parametrize(("count", "horizon", "lags"), [(400, 1, 26), (400, 12, 33), (90, 9, 24)])
def test_its_error_is_that_of_statsmodels(count: int, horizon: int, lags: int) -> None:
    loss, other = np.exp(np.random.default_rng(count).standard_normal((2, count)))
    found = diebold_mariano(loss, other, horizon)
    fit = sm.OLS(loss - other, np.ones(count)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    few = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    assert found.lags == lags
    assert found.statistic == pytest.approx(fit.tvalues[0] * few**0.5, rel=1e-9)


@pytest.mark.parametrize(("count", "horizon"), [(250, 1), (250, 5), (500, 20), (2_000, 20)])
def test_it_rarely_finds_a_difference_where_there_is_none_though_labels_overlap(count: int, horizon: int) -> None:
    apart = overlapping(count, horizon, 1_000)
    p = [diebold_mariano(one, np.zeros(count), horizon).p for one in apart]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.1
    if horizon > 1:  # what forgets the overlap finds one most of the time
        assert np.mean(stats.ttest_1samp(apart, 0, axis=1).pvalue < 0.05) > 0.3


def test_it_finds_a_difference_where_there_is_one() -> None:
    apart = overlapping(2_000, 5, 200) + 1.0
    p = [diebold_mariano(np.zeros(2_000), one, 5).p for one in apart]
    assert np.mean(np.array(p) < 0.05) > 0.95


@given(st.integers(0, 2**31), st.floats(0.1, 1e6))
def test_turned_around_it_turns_its_sign_and_no_unit_matters(seed: int, unit: float) -> None:
    loss, other = np.random.default_rng(seed).gamma(2, 1, (2, 60))
    one, two = diebold_mariano(loss, other, 3), diebold_mariano(unit * other, unit * loss, 3)
    assert one.p == pytest.approx(two.p, rel=1e-6)
    assert one.statistic == pytest.approx(-two.statistic, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "other", "horizon", "reason"),
    [
        (np.ones(50), np.ones(50), 1, "both lose the same at every moment"),
        (np.ones(50), np.full(50, 3.0), 1, "the difference is the same at every moment"),
        (np.arange(29.0), np.ones(29), 1, "it takes 10 horizons and at least 30 moments, here 30; got 29"),
        (np.arange(99.0), np.ones(99), 10, "it takes 10 horizons and at least 30 moments, here 100; got 99"),
        (np.empty(0), np.empty(0), 1, "it takes 10 horizons and at least 30 moments, here 30; got 0"),
    ],
)
def test_where_nothing_can_be_tested_it_says_why(
    loss: np.ndarray, other: np.ndarray, horizon: int, reason: str
) -> None:
    found = diebold_mariano(loss, other, horizon)
    assert (found.p, found.statistic, found.reason) == (None, None, reason)


def test_symbols_at_one_moment_count_once_whatever_the_order_of_rows() -> None:
    loss = np.random.default_rng(3).gamma(2, 1, 200)
    order = np.random.default_rng(4).permutation(400)
    time_us, symbol = np.tile(np.arange(200), 2)[order], np.repeat([0, 1], 200)[order]
    series, ahead = loss_series({"model": np.concatenate([loss - 1, loss + 1])[order]}, time_us, symbol, 4)
    assert series["model"] == pytest.approx(loss)
    assert ahead == 4
    # Where symbols take turns, a row ahead of one is two moments on.
    assert loss_series({"model": loss}, np.arange(200), np.arange(200) % 2, 4)[1] == 8
