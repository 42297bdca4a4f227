"""A level is no signal: a series and the same series plus a constant are one to a model and to its judges.

float32 moves in steps of 64 at 1e9, so what is rounded before the level is taken off is lost without an error: targets
become constant, and an R² of 1 comes out of nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import gatewise
from data_files import put
from feature_tables import Numbers, random_walk, table_of
from gatewise.bundle import Bundle
from gatewise.config.schema import DataConfig, ExperimentConfig, FeatureConfig
from gatewise.config.target_section import RealizedVolatilityConfig
from gatewise.data.check.precision import lost_steps
from gatewise.data.check.rows import check_data
from gatewise.data.table import Table
from gatewise.errors import LabelError
from gatewise.evaluation.reference import mean_or_present, usual_moves
from gatewise.evaluation.scoring import score
from gatewise.experiment import prepare
from gatewise.features.build import build_features
from gatewise.fold import fit_fold, make_windows, scaled_features
from gatewise.learners.table import learner_of
from gatewise.levels import lost_levels
from gatewise.samples import Samples, make_samples
from gatewise.targets.learned import start_values
from symbol_worlds import config_of

CPU = torch.device("cpu")
ROWS = 240
LEVELS = [0.0, 1e3, 1e6, 1e9, 1e12]
SCALES = [1e-6, 1e-3, 1.0, 1e3, 1e6]
held = st.tuples(st.sampled_from(LEVELS), st.sampled_from(SCALES)).filter(lambda at: at[0] * 2.0**-50 < at[1] * 1e-2)


def config(**fields: Any) -> ExperimentConfig:
    return config_of(**({"features__columns": ["a"], "target__kind": "next_row", "target__columns": ["a"]} | fields))


def series(level: float, scale: float) -> Numbers:
    return level + scale * np.cumsum(np.random.default_rng(3).normal(size=ROWS))


def world(level: float, scale: float, **fields: Any) -> tuple[ExperimentConfig, Table, Samples]:
    chosen, table = config(**fields), table_of({"a": series(level, scale)})
    return chosen, table, make_samples(chosen, table)


def seen(level: float, scale: float, kind: str) -> list[Numbers]:
    """All that a model, a baseline and a judge see of a series, in units of its scale."""
    chosen, table, samples = world(level, scale, features__scaler=kind)
    train, test = samples.rows[:150], samples.rows[150:]
    fold = fit_fold(chosen, samples, train)
    windows = make_windows(chosen, samples, fold, CPU)
    batch = windows.batch(torch.from_numpy(test))
    present = start_values(table, samples.labels.spec, test)
    value = present + 0.5 * scale
    numbers = score(table, samples.labels, train, test, value)
    assert fold.target_scaler is not None
    back = fold.target_scaler.inverse(batch.y.numpy())
    return [
        batch.x_BTF.numpy(),
        batch.y.numpy(),
        scaled_features(chosen, samples, fold, test),
        (present - level) / scale,
        (mean_or_present(table, samples.labels, train, test) - level) / scale,
        usual_moves(table, samples.labels, train) / scale,
        (back - samples.labels.y[test]) / scale,
        np.array([numbers["rmse"] / scale, numbers["r2"], numbers["directional_accuracy"]]),
    ]


@settings(max_examples=12, deadline=None)
@given(at=held, kind=st.sampled_from(["standard", "minmax", "robust"]))
def test_nothing_that_is_learned_or_judged_knows_the_level_of_a_series(at: tuple[float, float], kind: str) -> None:
    level, scale = at
    rounding = 1e-5 + 50 * level * 2.0**-52 / scale
    for here, there in zip(seen(level, scale, kind), seen(0.0, 1.0, kind), strict=True):
        np.testing.assert_allclose(here, there, atol=rounding, rtol=rounding)


@settings(max_examples=6, deadline=None)
@given(x_at=held, y_at=held)
def test_arrays_are_predicted_alike_at_any_level_and_scale(
    x_at: tuple[float, float], y_at: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 3, 2))
    y = X[:, -1, 0] + 0.1 * rng.normal(size=160)

    def predicted(x_at: tuple[float, float], y_at: tuple[float, float]) -> Numbers:
        x, target = x_at[0] + x_at[1] * X, y_at[0] + y_at[1] * y
        model = gatewise.ModelRegistry.create(
            "lstm", hidden_size=4, num_layers=1, dropout=0.0, batch_size=32, max_epochs=2, device="cpu"
        ).fit(x[:100], target[:100], x[100:], target[100:])
        return (np.asarray(model.predict(x)) - y_at[0]) / y_at[1]

    rounding = 1e-3 + 1e3 * sum(level * 2.0**-52 / scale for level, scale in (x_at, y_at))
    np.testing.assert_allclose(predicted(x_at, y_at), predicted((0.0, 1.0), (0.0, 1.0)), atol=rounding)


def test_the_config_alone_decides_what_numbers_a_matrix_holds() -> None:
    columns = random_walk(200) | {"load": np.ones(200)}
    table = table_of(columns)
    engineered = build_features(table, FeatureConfig())
    beside = build_features(table, FeatureConfig(columns=("load",)))
    assert engineered.values.dtype == np.float32, "ratios: half the memory is enough"
    assert beside.values.dtype == np.float64
    np.testing.assert_array_equal(beside.values[:, :-1], engineered.values, "and mean the same whatever stands beside")
    for sets in (("ohlcv",), ("ticker",)):
        assert build_features(table, FeatureConfig(sets=sets)).values.dtype == np.float64


def test_a_bundle_scores_one_row_with_the_bits_of_the_batch_and_repeats_the_sources_own_values(tmp_path: Path) -> None:
    chosen, table, samples = world(1e9, 1.0)
    fold = fit_fold(chosen, samples, samples.rows[:150])
    sketch = learner_of(chosen.model).sketch(chosen, samples, fold, samples.rows)
    Bundle.of(chosen, samples, fold, sketch).save(tmp_path / "b")
    bundle = Bundle.load(tmp_path / "b")
    whole = bundle.predict(table)
    needed, last = bundle.rows_needed, table.num_rows
    alone = bundle.predict(table.with_frame(table.frame.slice(last - needed, needed)))
    assert whole["a"].dtype == pl.Float64
    assert alone["a"][0] == whole["a"][-1]
    assert whole["a"].n_unique() > 200, "float32 would say 1e9 all along"
    np.testing.assert_array_equal(samples.labels.y[:-1, 0], table.frame["a"].to_numpy()[1:])


def test_a_target_that_never_varies_in_training_is_refused() -> None:
    chosen, _, samples = world(0.0, 1.0)
    still = replace(samples, labels=replace(samples.labels, y=np.full_like(samples.labels.y, 5.0)))
    with pytest.raises(LabelError, match="must vary in training; all 150 labels are 5") as refused:
        fit_fold(chosen, still, samples.rows[:150])
    assert "target.columns" in refused.value.hint
    other = chosen.model_copy(update={"target": RealizedVolatilityConfig()})
    with pytest.raises(LabelError) as refused:
        fit_fold(other, still, samples.rows[:150])
    assert "target.columns" not in refused.value.hint, "it has no such field"


# ---- what the check says


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        (1e9 + np.arange(50.0), None),  # a level alone is taken off
        (np.concatenate([np.arange(25.0), 1e9 + np.arange(25.0)]), "float32 holds steps of 60 at 5e+08 from the mean"),
        (1e17 + np.arange(50.0) * 16, "float64 holds steps of 22 at 1e+17"),
        (np.arange(50.0) * 1e-12, None),
    ],
)
def test_steps_that_numbers_do_not_hold_are_told_with_both_sizes(values: Numbers, lost: str | None) -> None:
    said = lost_steps(values, float(np.median(np.abs(np.diff(values)))))
    assert (said or "").startswith(lost or "")
    assert (said is None) is (lost is None)


def two_levels(high: float, num_rows: int = 400) -> Table:
    """Two symbols of the same AR(1) noise, at 1 and at `high`."""
    rng, noise = np.random.default_rng(5), np.zeros(num_rows)
    for row in range(1, num_rows):
        noise[row] = 0.9 * noise[row - 1] + 0.1 * rng.normal()
    one, other = (table_of({"a": level + noise}) for level in (1.0, high))
    return one.with_frame(pl.concat([one.frame, other.frame.with_columns(symbol=pl.lit("Z"))]))


@pytest.mark.parametrize("high", [1.0, 1e3, 1e9])
def test_symbols_of_one_model_far_apart_are_told_of_and_a_scaler_a_symbol_mends_it(high: float) -> None:
    table, told = two_levels(high), {}
    for scale_by in ("all", "symbol"):
        chosen = config(features__scale_by=scale_by)
        told[scale_by] = lost_levels(chosen, samples := make_samples(chosen, table), samples.rows)
    assert (told["all"] is None) is (high < 1e9)
    assert told["symbol"] is None
    if told["all"]:
        assert "float32 holds steps of 60 at 5e+08 from the mean" in told["all"]
        assert 'features.scale_by="symbol"' in told["all"]


def test_r2_of_symbols_far_apart_tells_of_each_ones_own_moves() -> None:
    chosen, table = config(), two_levels(1e9)
    samples = make_samples(chosen, table)
    y = samples.labels.y[samples.rows]
    symbol = (table.frame["symbol"] == "Z").to_numpy()[samples.rows]
    own_means = np.where(symbol, y[symbol].mean(), y[~symbol].mean())[:, None]
    found = score(table, samples.labels, samples.rows, samples.rows, own_means)
    assert found["r2"] == pytest.approx(0, abs=1e-6), "to know the levels apart is no skill"
    off = score(table, samples.labels, samples.rows, samples.rows, y + 10.0)
    assert off["r2"] < -100


def test_what_is_not_centred_loses_steps_at_any_level_and_a_mean_taken_off_mends_it() -> None:
    said = {}
    for kind in ("none", "standard"):
        chosen, _, samples = world(1e9, 1.0, features__scaler=kind)
        said[kind] = lost_levels(chosen, samples, samples.rows)
    assert "float32 holds steps of" in str(said["none"])
    assert said["standard"] is None


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_check_asks_each_symbol_for_itself_however_rows_are_ordered(tmp_path: Path, shuffled: bool) -> None:
    frame = two_levels(1e9).frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))
    frame = frame.sort("time") if shuffled else frame
    path = put(tmp_path, "x.csv", frame.write_csv())
    report = check_data(DataConfig(paths=(str(path),), stamp="close"))
    found = next(finding for finding in report.findings if finding.kind == "lost_steps")
    assert found.count == 1
    assert found.examples[0].startswith("a of ")
    assert found.remedy.startswith('features.scale_by="symbol"')


def test_a_training_says_which_steps_are_lost_before_and_after(caplog: pytest.LogCaptureFixture) -> None:
    fields = {"training__batch_size": 32, "features__sets": []}
    prepared = prepare(config(**fields), two_levels(1e9))
    assert len(prepared.remarks) == 1
    assert prepared.remarks[0] in caplog.text
    assert prepare(config(**fields, features__scale_by="symbol"), two_levels(1e9)).remarks == ()


def test_the_check_names_the_column_and_does_not_block(tmp_path: Path) -> None:
    walk = np.arange(40.0)
    frame = pl.DataFrame(
        {
            "time": [f"2024-01-01 {row // 60:02}:{row % 60:02}" for row in range(40)],
            "fine": 1e9 + walk,
            "coarse": np.where(walk < 20, walk, walk + 1e10),
        }
    )
    path = put(tmp_path, "x.csv", frame.write_csv())
    report = check_data(DataConfig(paths=(str(path),), stamp="close"))
    found = next(finding for finding in report.findings if finding.kind == "lost_steps")
    assert (found.count, found.blocks, report.ok) == (1, False, True)
    assert found.examples[0].startswith("coarse: float32 holds steps of ")
    assert "it moves by 1" in found.examples[0]
