"""The HAR family is least squares on means of realised variance: numpy's own, and the figures of a printed protocol.

A regressor that is a day late, a mean that leaves the day itself out or a logarithm's mean taken for the mean of a
logarithm all give forecasts that look as good; only numbers tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.numpy import load, save

from gatewise.config.volatility_models import HarConfig, HarqConfig
from gatewise.tabular.base import Floats, TrainingRows
from gatewise.tabular.har import Har

CONFIGS: dict[str, Callable[..., HarConfig]] = {"har": HarConfig, "harq": HarqConfig, "har_log": HarConfig}
SHIFT = 7.3  # a constant that is taken off every label


def means_of(variance: Floats) -> Floats:
    """[n, 3]: of the last 1, 5 and 22, NaN where there are fewer."""
    means = np.full((len(variance), 3), np.nan)
    for column, count in enumerate((1, 5, 22)):
        means[count - 1 :, column] = sliding_window_view(variance, count).mean(axis=1)
    return means


def world(n: int = 400, unit: float = 1e-7) -> tuple[Floats, Floats]:
    """x [n, 4] and the next variance [n], persistent and in the unit of a minute's."""
    rng = np.random.default_rng(2)
    log = np.empty(n + 30)
    log[0] = 0.0
    for step in range(1, len(log)):
        log[step] = 0.9 * log[step - 1] + 0.5 * rng.normal()
    variance = unit * np.exp(log)
    x = np.column_stack([means_of(variance), variance * np.exp(rng.normal(size=len(log)))])
    return x[22:-1][:n], variance[23:][:n]


def rows_of(x: Floats, target: Floats, weight: Floats | None = None) -> TrainingRows:
    number = np.arange(len(x))
    return TrainingRows(x, np.log(target)[:, None] - SHIFT, 0, number, number + 1, 0, weight)


def reference(name: str, x: Floats, target: Floats, new: Floats, weight: Floats | None = None) -> Floats:
    """What numpy says the variance is after `new`."""

    def regressors(x: Floats) -> Floats:
        means = np.log(x[:, :3]) if name == "har_log" else x[:, :3]
        more = [x[:, :1] * x[:, 3:]] if name == "harq" else []
        return np.hstack([np.ones((len(x), 1)), means, *more])

    y = np.log(target) if name == "har_log" else target
    root = np.ones(len(x)) if weight is None else np.sqrt(weight)
    seen = regressors(x)
    size = np.abs(seen).max(axis=0)
    slopes = np.linalg.lstsq(seen / size * root[:, None], y * root, rcond=None)[0] / size
    forecast = regressors(new) @ slopes
    if name != "har_log":
        return np.asarray(forecast)
    residual = y - seen @ slopes
    return np.asarray(np.exp(forecast + np.average(residual**2, weights=weight) / 2))


def read_by(name: str, x: Floats) -> Floats:
    return x if name == "harq" else x[:, :3]


def forecast(name: str, x: Floats, target: Floats, new: Floats, weight: Floats | None = None, **fields: Any) -> Floats:
    model = Har.fit(rows_of(read_by(name, x), target, weight), CONFIGS[name](name=name, **fields))
    return np.exp(model.predict(read_by(name, new))[:, 0] + SHIFT)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_numpys_least_squares_in_any_unit_with_any_weights(name: str, weighted: bool) -> None:
    x, target = world()
    weight = np.random.default_rng(4).uniform(0.1, 3, 300) if weighted else None
    seen, new = (x[:300], target[:300]), x[300:]
    wanted = reference(name, *seen, new, weight)
    got = forecast(name, *seen, new, weight, insanity_filter=False)
    positive = wanted > 0
    assert positive.mean() > 0.9
    np.testing.assert_allclose(got[positive], wanted[positive], rtol=1e-7)


def test_weights_are_so_many_equal_rows() -> None:
    x, target = world(200)
    count = np.random.default_rng(5).integers(1, 4, 200)
    many = np.repeat(np.arange(200), count)
    for name in CONFIGS:
        np.testing.assert_allclose(
            forecast(name, x, target, x, count.astype(np.float64)), forecast(name, x[many], target[many], x), rtol=1e-8
        )


@pytest.mark.parametrize("name", ["har", "harq"])
def test_what_no_variance_can_be_and_what_training_never_saw_becomes_the_training_mean(name: str) -> None:
    x, target = world()
    new = np.vstack([x, 1e6 * x[:1], -1e6 * x[:1]])
    new[-2:, 3] = 0.0
    plain, filtered = (forecast(name, x, target, new, insanity_filter=by) for by in (False, True))
    assert plain[-2] > target.max()
    assert plain[-1] == pytest.approx(target.min()), "what is not positive has no logarithm"
    assert filtered[-2:] == pytest.approx(target.mean())
    same = (plain[:-2] > target.min() * 1.001) & (plain[:-2] < target.max())
    assert same.mean() > 0.8
    assert np.array_equal(filtered[:-2][same], plain[:-2][same])


def test_rows_on_which_nothing_moved_have_a_forecast_in_logs() -> None:
    x, target = world()
    still = x.copy()
    still[::50, 0] = 0.0
    got = forecast("har_log", still, target, np.zeros((1, 4)))
    assert np.isfinite(got).all()
    least = np.full((1, 4), still[:, :3].min(where=still[:, :3] > 0, initial=1.0))
    assert got == forecast("har_log", still, target, least)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_made_of_its_state_says_the_same_and_a_row_alone_says_what_it_says_among_others(name: str) -> None:
    x, target = world()
    x = read_by(name, x)
    model = Har.fit(rows_of(x, target), CONFIGS[name](name=name))
    arrays, values = model.to_state()
    again = Har.from_state((load(save(arrays)), json.loads(json.dumps(values))))
    together = model.predict(x)
    assert np.array_equal(again.predict(x), together)
    assert np.array_equal(np.concatenate([model.predict(x[i : i + 1]) for i in range(40)]), together[:40])
    assert again.predict(x[:0]).shape == (0, 1)


# QLIKE, MSE in (1e-4)², log-R², first and last forecast in 1e-4, coefficients at the first origin: of 494 next days of
# SPY's RV5, 1,000 days refitted daily. `harq` reads the column as it is, sqrt(RQ), as its paper has it; with a second
# root it is what the R package highfrequency gives of this column.
ANCHORS: dict[str, tuple[str, float, tuple[float, ...], tuple[float, ...]]] = {
    "har": ("har", 1, (0.25061, 0.39519, 0.51781, 0.171221, 0.220903), (0.118146, 0.215332, 0.236838, 0.211777)),
    "harq, a second root": (
        "harq",
        0.5,
        (0.22047, 0.35932, 0.57769, 0.074854, 0.232561),
        (0.011042, 1.266735, -0.052577, -0.020304, -0.454592),
    ),
    "har_log": (
        "har_log",
        1,
        (0.22048, 0.34890, 0.60392, 0.083588, 0.191511),
        (-0.224409, 0.558115, 0.168592, 0.169758),
    ),
    "harq": ("harq", 1, (0.21496, 0.37121, 0.57998, 0.093285, 0.228953), ()),
}
FIRST, LAST = 1_000, 1_493  # origins
IN_UNITS_OF = 1e-4


@pytest.mark.parametrize("case", ANCHORS)
def test_spys_printed_figures_come_out_to_the_last_digit(case: str, shared_data: Path) -> None:
    name, power, scores, coefficients = ANCHORS[case]
    frame = pl.read_csv(shared_data / "spy_realized" / "spy_realized_2014_2019.csv")
    variance, root = frame["RV5"].to_numpy() / IN_UNITS_OF, frame["RQ5"].to_numpy() ** power
    x, y = read_by(name, np.column_stack([means_of(variance), root])), np.log(variance)[:, None]
    models = []
    for origin in range(FIRST, LAST + 1):
        fitted = np.arange(max(21, origin - 1_000), origin)
        rows = TrainingRows(x[fitted], y[fitted + 1], 0, fitted, fitted + 1, 0)
        models.append(Har.fit(rows, CONFIGS[name](name=name)))
    f = np.exp([model.predict(x[[origin]])[0, 0] for origin, model in enumerate(models, FIRST)])
    a = variance[FIRST + 1 : LAST + 2]
    qlike, squared = (a / f - np.log(a / f) - 1).mean(), np.square(a - f).mean()
    r2 = 1 - np.square(np.log(a / f)).mean() / np.log(a).var()
    np.testing.assert_allclose([qlike, squared, r2], scores[:3], atol=6e-6)
    np.testing.assert_allclose([f[0], f[-1]], scores[3:], atol=6e-7)
    if coefficients:
        np.testing.assert_allclose(models[0].coefficients, coefficients, atol=6e-7)
