"""GARCH and GJR are arch's: its parameters, and over a long window its filter and its forecast of every next row."""

from __future__ import annotations

import json

import numpy as np
import pytest
from arch import arch_model

from gatewise.config.load import load_config
from gatewise.config.volatility_models import GarchConfig
from gatewise.errors import NotEnoughRowsError
from gatewise.levels import short_filter
from gatewise.tabular.base import Floats, TrainingRows
from gatewise.tabular.garch import Garch, Parameters, fit_parameters

UNIT = 1e-3  # of a minute's returns
TRUE = Parameters(omega=0.05 * UNIT**2, alpha=0.05, gamma=0.08, beta=0.87)


def simulated(n: int, true: Parameters = TRUE, seed: int = 1) -> Floats:
    rng, returns = np.random.default_rng(seed), np.empty(n)
    variance = true.omega / (1 - true.persistence)
    for row in range(n):
        returns[row] = np.sqrt(variance) * rng.normal()
        shock = true.alpha + true.gamma * (returns[row] < 0)
        variance = true.omega + shock * returns[row] ** 2 + true.beta * variance
    return returns


def rows_of(returns: Floats, length: int, horizon: int) -> tuple[TrainingRows, Floats]:
    """Training rows, and x of all rows that end a window."""
    x = np.lib.stride_tricks.sliding_window_view(returns, length)
    squares = np.convolve(returns**2, np.ones(horizon), "valid")[length:]
    fitted = x[: len(squares)]
    number = np.arange(len(fitted))
    y = np.log(squares)[:, None] + 3.0
    return TrainingRows(fitted, y, 0, number, number + horizon, 0, None, returns, horizon), x


@pytest.mark.parametrize("name", ["garch", "gjr"])
@pytest.mark.parametrize("distribution", ["normal", "t"])
def test_parameters_are_archs_in_any_unit(name: str, distribution: str) -> None:
    returns = simulated(3_000)
    got = fit_parameters(returns, name == "gjr", distribution)
    tiny = fit_parameters(returns * 1e-3, name == "gjr", distribution)
    np.testing.assert_allclose([tiny.omega * 1e6, tiny.alpha, tiny.beta], [got.omega, got.alpha, got.beta], rtol=5e-3)
    fitted = arch_model(returns / UNIT, mean="Zero", o=int(name == "gjr"), dist=distribution, rescale=False)
    wanted = fitted.fit(disp="off").params
    assert got.alpha == pytest.approx(wanted["alpha[1]"], abs=5e-3)
    assert got.beta == pytest.approx(wanted["beta[1]"], abs=5e-3)
    assert got.gamma == pytest.approx(wanted.get("gamma[1]", 0.0), abs=5e-3)
    assert got.omega / UNIT**2 == pytest.approx(wanted["omega"], rel=0.05)


@pytest.mark.parametrize("horizon", [1, 20])
def test_over_a_long_window_every_forecast_is_archs(horizon: int) -> None:
    """Of its parameters, so that what differs is the beginning alone, which 0.87 ** 300 of it is left of."""
    returns = simulated(1_000)
    result = arch_model(returns / UNIT, mean="Zero", o=1, rescale=False).fix(
        [TRUE.omega / UNIT**2, TRUE.alpha, TRUE.gamma, TRUE.beta]
    )
    wanted = result.forecast(horizon=horizon, start=299, reindex=False).variance.to_numpy().sum(axis=1) * UNIT**2
    x = np.lib.stride_tricks.sliding_window_view(returns, 300)
    got = TRUE.summed(TRUE.filtered(x), horizon)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_a_shorter_window_forgets_what_beta_says_and_no_more() -> None:
    returns = simulated(4_000)
    apart = {}
    for length in (20, 60, 300):
        x = np.lib.stride_tricks.sliding_window_view(returns, length)[-1_000:]
        whole = TRUE.filtered(np.lib.stride_tricks.sliding_window_view(returns, 2_000)[-1_000:])
        apart[length] = np.abs(TRUE.filtered(x) / whole - 1).max()
        begins = np.square(x).mean(axis=1) / whole
        assert apart[length] < 3 * TRUE.beta**length * max(1.0, begins.max()) + 1e-12
    assert apart[20] > apart[60] > apart[300]


def test_a_return_that_is_missing_was_as_large_as_expected() -> None:
    x = simulated(20)[None]
    holed = x.copy()
    holed[0, -1] = np.nan
    before = TRUE.filtered(x[:, :-1])
    np.testing.assert_allclose(TRUE.filtered(holed), TRUE.omega + TRUE.persistence * before)
    assert np.isfinite(TRUE.filtered(np.full((1, 5), np.nan))).all()


@pytest.mark.parametrize("persistence", [0.5, 1.0])
def test_what_is_expected_of_the_horizon_is_the_sum_of_each_row(persistence: float) -> None:
    parameters = Parameters(0.3, 0.2, 0.1, persistence - 0.25)
    row, total = 2.0, 0.0
    for _ in range(7):
        total, row = total + row, 0.3 + persistence * row
    assert parameters.summed(np.array([2.0]), 7)[0] == pytest.approx(total)


@pytest.mark.parametrize("name", ["garch", "gjr"])
def test_forecasts_have_the_mean_of_the_training_targets_and_move_as_variances_do(name: str) -> None:
    rows, x = rows_of(simulated(4_000), 60, 10)
    model = Garch.fit(rows, GarchConfig(name=name))
    predicted = model.predict(rows.x)
    assert np.exp(predicted).mean() == pytest.approx(np.exp(rows.y).mean())
    assert np.corrcoef(predicted[:, 0], rows.y[:, 0])[0, 1] > 0.3
    arrays, values = model.to_state()
    again = Garch.from_state((arrays, json.loads(json.dumps(values))))
    assert np.array_equal(again.predict(x), model.predict(x))
    assert np.array_equal(np.concatenate([model.predict(x[i : i + 1]) for i in range(30)]), model.predict(x)[:30])


def test_the_newest_returns_alone_are_fitted() -> None:
    returns = simulated(3_000)
    other = returns.copy()
    other[:1_000] *= 9
    one, two = (rows_of(some, 30, 5)[0] for some in (returns, other))
    config = GarchConfig(name="garch", newest_returns=2_000)
    assert Garch.fit(one, config).parameters == Garch.fit(two, config).parameters
    every = GarchConfig(name="garch")
    assert Garch.fit(one, every).parameters != Garch.fit(two, every).parameters


@pytest.mark.parametrize("returns", [np.zeros(500), simulated(99)])
def test_too_few_returns_are_refused(returns: Floats) -> None:
    with pytest.raises(NotEnoughRowsError, match="garch needs 100 training returns that move"):
        fit_parameters(returns, False, "normal")


def test_windows_that_hold_next_to_no_returns_are_remarked_on_and_others_not() -> None:
    def remark(name: str, length: int) -> str | None:
        target = {"target.kind": "realized_volatility"}
        return short_filter(load_config(overrides=target | {"model.name": name, "windows.sequence_length": length}))

    assert (remark("gjr", 1) or "").startswith("gjr reads its window's returns and none before, here 1,")
    assert "windows.sequence_length=60" in (remark("garch", 9) or "")
    assert remark("garch", 10) is None
    assert remark("har_log", 1) is None
