"""Paths: labels that are read off a series, scaled, learned, judged and purged as if they had been stored.

A gather that is off by a row, or a path that crosses a gap, trains and scores like any other, on a question that is not
the one that was asked.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audit_tables import case_of, random_walk
from conftest import Cli
from cv_worlds import plan_of
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig, TargetConfig
from gatewise.data.table import Table
from gatewise.errors import ConfigError, DivergedError, NotEnoughRowsError
from gatewise.evaluation.evaluate import evaluate_parts
from gatewise.evaluation.kinds.base import Ground
from gatewise.evaluation.kinds.sequences import SequencesJudge
from gatewise.evaluation.season import random_walk as last_value
from gatewise.evaluation.season import season_rows, seasonal_naive
from gatewise.evaluation.sequence_metrics import sequence_scores
from gatewise.experiment import prepare
from gatewise.files import write_frame, write_frames
from gatewise.fold import fit_fold, label_units, make_windows, scaled_features, trained_labels
from gatewise.jobs.shared import make_shared, open_shared, save_shared
from gatewise.learners.base import Inputs
from gatewise.learners.neural import NeuralPredictor
from gatewise.learners.table import learner_of
from gatewise.proofs.base import Parts
from gatewise.proofs.chance import check_permuted_labels
from gatewise.proofs.fitting import check_scaler
from gatewise.proofs.labels import check_labels
from gatewise.samples import Samples, make_samples
from gatewise.splits.base import Split
from gatewise.splits.chronological import chronological_split
from gatewise.targets.base import Labels
from gatewise.targets.make import make_labels
from gatewise.targets.outputs.sequences import Sequences
from gatewise.training.fleet.windows import FleetWindows
from gatewise.training.listeners import Listeners

COLUMNS = ("close", "volume")
TABLE = random_walk(600, gaps=3, missing=2, symbols="AB")
CPU = torch.device("cpu")


def of_paths(steps: int, **more: Any) -> TargetConfig:
    return TargetConfig(kind="next_row", steps=steps, columns=COLUMNS, **more)


def experiment(**overrides: Any) -> ExperimentConfig:
    said = {
        "features.sets": [], "features.columns": ["close", "high"], "target.kind": "next_row", "target.steps": 4,
        "target.columns": COLUMNS, "windows.sequence_length": 6, "split.embargo_rows": 0,
    }  # fmt: skip
    return load_config(overrides=said | {name.replace("__", "."): value for name, value in overrides.items()})


def samples_of(config: ExperimentConfig, table: Table = TABLE) -> tuple[Samples, Split]:
    samples = make_samples(config, table)
    return samples, chronological_split(samples.spans, config.split, table.timeframe)


def standing(labels: Labels) -> Labels:
    """The same labels, each kept in its own row."""
    return replace(labels, y=labels.at(np.arange(len(labels.valid))), steps=0)


def test_paths_of_columns_whose_levels_no_feature_holds_are_remarked_on() -> None:
    (said,) = (remark for remark in prepare(experiment(), TABLE).remarks if remark.startswith("No feature"))
    assert said.startswith("No feature holds the level of volume")
    assert said.endswith("features.columns=[close,volume]")
    assert "No feature" not in " ".join(prepare(experiment(features__columns=COLUMNS), TABLE).remarks)


# ---- labels


@given(st.integers(1, 9), st.integers(0, 5), st.integers(0, 4))
def test_a_path_is_what_the_same_horizons_one_by_one_are_to_the_bit(steps: int, gaps: int, missing: int) -> None:
    table = random_walk(80, seed=steps, gaps=gaps, missing=missing, symbols="AB")
    paths = make_labels(table, of_paths(steps))
    stored = make_labels(table, TargetConfig(kind="next_row", horizons=tuple(range(1, steps + 1)), columns=COLUMNS))
    every = np.arange(table.num_rows)
    assert np.array_equal(paths.valid, stored.valid)
    assert np.array_equal(paths.known_at, stored.known_at)
    assert paths.at(every).tobytes() == stored.at(every).tobytes()
    rows = np.flatnonzero(paths.valid)
    assert np.array_equal(paths.settled(rows), np.broadcast_to(stored.settled(rows), paths.settled(rows).shape))
    if steps > 1:
        assert paths.outputs == stored.outputs
    assert np.array_equal(paths.at(rows), standing(paths).at(rows))
    exchanged = paths.exchanged(rows, rows[::-1])
    assert np.array_equal(exchanged.at(rows), paths.at(rows[::-1]))


def test_labels_and_windows_take_the_memory_of_the_columns_however_long_the_paths_are() -> None:
    labels = make_labels(random_walk(3_000), of_paths(500))
    assert labels.y.shape == (3_000, 2)
    assert labels.known_by_output is None
    assert labels.start is None
    config = experiment(target__steps=50)
    samples, split = samples_of(config, random_walk(3_000))
    windows = make_windows(config, samples, fit_fold(config, samples, split.train), CPU)
    assert windows.y is not None
    assert windows.y.shape == (3_000, 2)


def test_what_a_label_is_read_off_is_the_rows_after_it() -> None:
    labels = make_labels(TABLE, of_paths(3))
    rows = np.flatnonzero(labels.valid)[[0, 1, 40]]
    assert labels.read_by(rows).tolist() == sorted({row + step for row in rows.tolist() for step in (1, 2, 3)})
    plain = make_labels(TABLE, TargetConfig(kind="next_row", horizon=3, columns=COLUMNS))
    assert plain.read_by(rows) is rows


# ---- batches


@pytest.mark.parametrize("supervise", ["last", "every"])
@pytest.mark.parametrize("scale_by", ["all", "symbol"])
def test_a_batch_gathers_what_stored_labels_would_hold(supervise: str, scale_by: str) -> None:
    config = experiment(windows__supervise=supervise, features__scale_by=scale_by)
    samples, split = samples_of(config)
    fold = fit_fold(config, samples, split.train)
    stored = replace(samples, labels=standing(samples.labels))
    gathered, kept = (make_windows(config, each, fold, CPU) for each in (samples, stored))
    rows = torch.from_numpy(split.train[::7])
    one, other = gathered.batch(rows), kept.batch(rows)
    counts = one.weight > 0
    assert counts.any()
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.y[counts], other.y[counts])
    assert torch.isfinite(one.y).all()
    last = trained_labels(samples, fold, split.train[::7]).astype(np.float32)
    assert np.array_equal(one.y.numpy()[config.windows.steps_scored - 1 :: config.windows.steps_scored], last)
    exchange = samples.labels.exchanged(split.train, split.train[::-1])
    exchanged = make_windows(config, replace(samples, labels=exchange), fold, CPU).batch(rows)
    assert torch.equal(exchanged.y[-1], gathered.batch(torch.from_numpy(exchange.after[rows.numpy()[-1:]])).y[-1])
    fleet = FleetWindows.of([gathered, gathered])
    both = fleet.batch(rows.expand(2, -1), torch.ones(2, len(rows), dtype=torch.bool)).stacked
    assert torch.equal(both.y[0], one.y)
    assert torch.equal(both.y[1], one.y)


def test_the_last_row_ends_what_can_be_gathered() -> None:
    config = experiment()
    samples, split = samples_of(config)
    windows = make_windows(config, samples, fit_fold(config, samples, split.train), CPU)
    end = torch.tensor([TABLE.num_rows - 1])
    batch = windows.batch(end)
    assert batch.weight.item() == 0
    assert torch.isfinite(batch.y).all()


# ---- scaling


@pytest.mark.parametrize("scaler", ["standard", "minmax", "none"])
def test_a_column_that_is_a_feature_has_one_scaler_fitted_on_windows_and_paths(scaler: str) -> None:
    config = experiment(features__scaler=scaler, split__train=0.5, split__val=0.25, split__test=0.25)
    samples, split = samples_of(config)
    fold = fit_fold(config, samples, split.train)
    assert fold.target_scaler is not None
    assert fold.target_scaler.names == COLUMNS
    assert fold.target_scaler.center[0] == fold.scaler.center[0]
    assert fold.target_scaler.scale[0] == fold.scaler.scale[0]
    touched = np.zeros(TABLE.num_rows, bool)
    for row in split.train:
        touched[row - 5 : row + 5] = True  # windows of 6, paths of 4
    close = TABLE.frame["close"].to_numpy()[touched]
    if scaler == "standard":
        assert fold.scaler.center[0] == pytest.approx(close.mean(), rel=1e-12)
        assert fold.scaler.scale[0] == pytest.approx(close.std(), rel=1e-9)
    scaled = trained_labels(samples, fold, split.train[:50])
    units = label_units(samples, fold)
    assert units is not None
    np.testing.assert_allclose(units.unscale(scaled, split.train[:50]), samples.labels.at(split.train[:50]), rtol=1e-12)


# ---- judging


def scored(y: Any, value: Any, scale: Any, shape: tuple[int, int]) -> Any:
    return sequence_scores(np.asarray(y).__getitem__, np.asarray(value), len(y), shape, np.asarray(scale))


def test_metrics_are_plain_means_in_both_units_and_add_up_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    y, value, scale = rng.normal(size=(50, 6)), rng.normal(size=(50, 6)), np.array([[2.0, 10.0]])
    scores = scored(y, value, scale, (3, 2))
    error = (value - y).reshape(50, 3, 2)
    wanted = {
        "mse": np.square(error / scale).mean(), "mae": np.abs(error / scale).mean(),
        "mse_source": np.square(error).mean(), "mae_source": np.abs(error).mean(),
    }  # fmt: skip
    got = scores.metrics(scores.contributions.sum(axis=0))
    assert got == pytest.approx(wanted)
    np.testing.assert_allclose(scores.by_step[0], np.square(error / scale).mean(axis=0))
    np.testing.assert_allclose(scores.by_step.mean(axis=(1, 2)), list(wanted.values()))
    monkeypatch.setattr("gatewise.evaluation.sequence_metrics._NUMBERS_AT_ONCE", 20)  # three rows at a time
    few = scored(y, value, scale, (3, 2))
    np.testing.assert_allclose(few.contributions, scores.contributions)
    np.testing.assert_allclose(few.by_step, scores.by_step)
    with pytest.raises(DivergedError):
        scored(y, np.where(value > 2, np.nan, value), scale, (3, 2))


def test_the_last_season_is_taken_place_by_place_and_never_over_a_gap() -> None:
    labels, season = make_labels(TABLE, of_paths(7)), 3
    rows = np.flatnonzero(labels.valid)
    got = seasonal_naive(labels, TABLE.segment_start, rows, season).reshape(-1, 7, 2)
    frame = TABLE.frame.select(COLUMNS).to_numpy()
    for row, path in zip(rows[::11], got[::11], strict=True):
        for step in range(1, 8):
            at = row + step
            while at > row:
                at -= season
            whole = at >= TABLE.segment_start[row] and np.isfinite(frame[at]).all()
            assert np.array_equal(path[step - 1], frame[at] if whole else frame[row])
    assert np.array_equal(last_value(labels, rows)[:, -2:], frame[rows])


@pytest.mark.parametrize(("step", "wanted"), [("1h", 24), ("15m", 96), ("1d", 7), ("1w", 52)])
def test_a_season_is_a_day_of_intraday_rows_a_week_of_days_and_a_year_of_weeks(step: str, wanted: int) -> None:
    every = {"1h": "1h", "15m": "15m", "1d": "1d", "1w": "1w"}[step]
    times = pl.datetime_range(
        pl.datetime(2020, 1, 1), pl.datetime(2024, 1, 1), every, time_zone="UTC", time_unit="us", eager=True
    )[:2_000]
    gap = times[1] - times[0]
    table = Table(pl.DataFrame({"symbol": ["A"] * len(times), "time": times, "x": [0.0] * len(times)}), gap, gap)
    assert season_rows(table, np.arange(table.num_rows)) == wanted
    weekdays = np.flatnonzero(times.dt.weekday().to_numpy() <= 5)
    if step == "1d":
        assert season_rows(table, weekdays) == 5


def test_the_prior_takes_the_nearer_of_mean_and_present_value_of_each_step_in_training() -> None:
    """White noise returns to its mean at every step; a random walk stays where it is."""
    rng, count = np.random.default_rng(0), 800
    times = TABLE.frame["time"][0] + np.arange(count) * TABLE.timeframe
    columns = {"close": np.cumsum(rng.normal(size=count)), "volume": rng.normal(size=count)}
    frame = pl.DataFrame({"symbol": ["A"] * count, "time": times.tolist(), **columns})
    table = Table(frame.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC"))), TABLE.timeframe, TABLE.timeframe)
    labels = make_labels(table, of_paths(3))
    train, rows = np.arange(500), np.arange(600, 700)
    prior = SequencesJudge().knowing_nothing(Ground(table, labels, train), rows).reshape(-1, 3, 2)
    assert np.array_equal(prior[:, :, 0], np.repeat(columns["close"][rows][:, None], 3, axis=1))
    assert np.allclose(prior[:, :, 1], columns["volume"][1:503].mean())


def test_every_table_has_the_random_walk_and_the_last_season_and_units_are_those_of_training() -> None:
    config = experiment(evaluation__season=5)
    samples, split = samples_of(config)
    fold = fit_fold(config, samples, split.train)
    perfect = samples.labels.at(split.test)
    result = evaluate_parts(
        TABLE, samples.labels, split.train, {"test": split.test}, {"test": perfect},
        lambda rows: scaled_features(config, samples, fold, rows),
        target=config.target, spec=config.evaluation, seed=0, units=label_units(samples, fold),
    )  # fmt: skip
    part = result.newest
    assert part.metrics["mse"].value == 0
    assert part.baselines.keys() == {"prior", "random_walk", "seasonal_naive"}
    assert fold.target_scaler is not None
    error = (last_value(samples.labels, split.test) - perfect).reshape(-1, 4, 2)
    assert part.baselines["random_walk"]["mse"].value == pytest.approx(
        np.square(error / fold.target_scaler.scale).mean()
    )
    assert part.steps is not None
    said = part.steps.to_dict()
    assert len(said["by_step"]["random_walk"]["mse"]) == 4
    assert said["by_column"]["random_walk"]["mae_source"]["volume"] == pytest.approx(np.abs(error[:, :, 1]).mean())


# ---- the published protocol

PRINTED = {96: 1.295, 192: 1.325, 336: 1.323, 720: 1.339}  # repeat-last on ETTh1, MSE


@pytest.mark.parametrize("steps", PRINTED)
def test_repeat_last_on_etth1_is_what_tables_print(steps: int, shared_data: Path) -> None:
    """By the preset's protocol: all test windows of the months 17 to 20, in units of the first 12 months' spread."""
    said = {"data.paths": [str(shared_data / "ett" / "ETTh1.csv")], "target.steps": steps}
    prepared = prepare(load_config(preset="etth1", overrides=said | {"model.segment_length": 8}))
    samples, test = prepared.samples, prepared.split.test
    assert len(test) == 2_880 - steps + 1
    ground = Ground(samples.table, samples.labels, prepared.split.train, label_units(samples, prepared.fold))
    scores = SequencesJudge().scorer(ground, test)(lambda here: last_value(samples.labels, test[here]))
    mse = float(scores.metrics(scores.contributions.sum(axis=0))["mse"])
    assert mse == pytest.approx(PRINTED[steps], rel=0.01)


# ---- honesty


def too_soon(table: Table, spec: TargetConfig) -> Labels:
    """Paths that hold a row more than they say."""
    labels = make_labels(table, of_paths(5))
    return replace(labels, spec=Sequences(5, COLUMNS), known_at=np.where(labels.valid, labels.known_at - 1, -1))


def backwards(table: Table, spec: TargetConfig) -> Labels:
    """Said to begin with the next row, but read off rows that come later."""
    labels = make_labels(table, of_paths(4))
    return replace(labels, y=np.roll(labels.y, -2, axis=0))


@pytest.mark.parametrize(("label", "holds"), [(make_labels, True), (too_soon, False), (backwards, False)])
def test_the_audit_asks_each_step_by_its_own_moment(label: Any, holds: bool) -> None:
    check = check_labels(case_of(random_walk(1_500), Parts(make_labels=label), experiment()))
    assert check.passed is holds, check.detail


def test_the_audit_garbles_what_no_window_and_no_path_of_training_touches() -> None:
    case = case_of(random_walk(1_500), config=experiment())
    assert check_scaler(case).passed

    def of_all_rows(config: ExperimentConfig, samples: Samples, rows: Any) -> Any:
        return fit_fold(config, samples, samples.rows)

    leaking = case_of(random_walk(1_500), Parts(fit_fold=of_all_rows), experiment())
    assert not check_scaler(leaking).passed


def test_permuted_paths_are_predicted_by_luck_alone() -> None:
    check = check_permuted_labels(case_of(random_walk(1_500), config=experiment(model__name="gru")))
    assert check.passed, check.detail


def test_samples_are_purged_by_the_last_step() -> None:
    spans = [
        make_samples(experiment(**more), TABLE).spans for more in ({}, {"target__steps": None, "target__horizon": 4})
    ]
    assert np.array_equal(spans[0].row, spans[1].row)
    assert np.array_equal(spans[0].last_us, spans[1].last_us)


# ---- settings


def test_configs_without_steps_keep_their_digest() -> None:
    assert "steps" not in ExperimentConfig().without_later()["target"]
    assert "season" not in ExperimentConfig().without_later()["evaluation"]
    assert of_paths(9).horizon == 9
    assert of_paths(9).over(12).steps == 12


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "forward_return", "steps": 3}, "next_row"),
        ({"kind": "direction", "steps": 3}, "next_row"),
        ({"kind": "next_row", "steps": 3, "horizons": (1, 3)}, "target.horizons"),
        ({"kind": "next_row", "steps": 3, "quantiles": (0.5,)}, "target.quantiles"),
        ({"kind": "next_row", "steps": 3, "learn": "changes"}, "learns levels"),
        ({"kind": "next_row", "steps": 3, "horizon": 4}, "target.horizon must be target.steps"),
    ],
)
def test_what_paths_are_not_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        TargetConfig(**fields)
    assert caught.value.hint


def test_rows_that_hold_no_whole_path_are_refused_with_the_field_that_says_so() -> None:
    with pytest.raises(NotEnoughRowsError) as caught:
        make_labels(TABLE, of_paths(700))
    assert "lower target.steps" in (caught.value.hint or "")


def test_folds_keep_how_labels_are_read(tmp_path: Path) -> None:
    more: Any = {"target__kind": "next_row", "target__horizon": 4, "target__steps": 4, "target__columns": COLUMNS}
    shared = make_shared(plan_of(horizons=(4, 2), **more).configs(), TABLE)
    save_shared(tmp_path / "shared", shared)
    for horizon in (4, 2):
        before, after = (each.horizons[horizon].labels for each in (shared, open_shared(tmp_path / "shared")))
        rows = np.flatnonzero(before.valid)
        assert before.steps == horizon
        assert before.at(rows).tobytes() == after.at(rows).tobytes()


# ---- by the usual commands

SMALL = (
    "--source", "sp500", "--target", "next_row", "--set", "features.sets=[ohlcv]",
    "--set", "target.columns=[close,volume]",
    "--seq-len", "8", "--hidden-size", "4", "--num-layers", "1", "--max-epochs", "1", "--batch-size", "256",
    "--set", "training.windows_per_epoch=512",
)  # fmt: skip


def test_paths_are_trained_judged_and_predicted_by_the_usual_commands(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cli("train", *SMALL, "--steps", "5", "--seeds", "2", "--fleet", "on", "--json", "--quiet")
    assert run.code == 0, run.err
    one = run.json["seeds"]["42"]
    test, steps = one["metrics"]["test"], one["steps"]["test"]
    assert test.keys() == {"mse", "mae", "mse_source", "mae_source"}
    assert one["baselines"].keys() == {"prior", "random_walk", "seasonal_naive"}
    assert np.mean(steps["by_step"]["model"]["mse"]) == pytest.approx(test["mse"]["value"])
    walk = one["baselines"]["random_walk"]["test"]["mae_source"]["value"]
    assert np.mean(list(steps["by_column"]["random_walk"]["mae_source"].values())) == pytest.approx(walk)
    frame = pl.read_parquet(one["predictions"]).filter(pl.col("part") == "test")
    names = [f"{column}_{step}" for step in range(1, 6) for column in COLUMNS]
    assert frame.columns[4:] == [*names, *(f"target_{name}" for name in names)]
    error = frame.select(names).to_numpy() - frame.select(f"target_{name}" for name in names).to_numpy()
    assert np.square(error).mean() == pytest.approx(test["mse_source"]["value"])
    assert Path(one["predictions"]).with_suffix(".csv").is_file()
    page = Path(one["report"]).read_text("utf-8")
    assert "the next 5 rows" in page
    assert "Errors by the steps ahead" in page
    out = tmp_path / "predictions.parquet"
    monkeypatch.setattr("gatewise.rows.NUMBERS_AT_ONCE", 10_000)  # a thousand rows at a time
    scored = cli("predict", "--model", one["run_id"], "--source", "sp500", "-o", str(out), "--json", "--quiet")
    assert scored.code == 0, scored.err
    again = pl.read_parquet(out).join(frame, on="time", suffix="_before")
    assert again.height == frame.height
    assert np.array_equal(again.select(names).to_numpy(), again.select(f"{name}_before" for name in names).to_numpy())


def test_a_wide_path_is_written_as_parquet_alone_and_folds_take_paths_of_several_lengths(cli: Cli) -> None:
    run = cli("train", *SMALL, "--steps", "120", "--json", "--quiet")
    assert run.code == 0, run.err
    assert Path(run.json["predictions"]).is_file()
    assert not Path(run.json["predictions"]).with_suffix(".csv").is_file()
    folds = cli(
        "cv", *SMALL, "--steps", "3", "--horizons", "3,5", "--models", "gru", "--n-splits", "2", "--json", "--quiet"
    )
    assert folds.code == 0, folds.err
    assert folds.json["summary"].keys() == {"gru@3", "gru@5", "prior@3", "prior@5"}
    assert folds.json["references"].keys() == {
        f"{name}@{n}" for name in ("random_walk", "seasonal_naive") for n in (3, 5)
    }
    assert folds.json["summary"]["gru@5"].keys() >= {"mse", "mae", "mse_source", "mae_source"}


def test_frames_written_one_by_one_are_the_frame_written_at_once(tmp_path: Path) -> None:
    whole = TABLE.frame.with_columns(pl.Series("part", ["val", None] * (TABLE.num_rows // 2)))
    for suffix in ("csv", "parquet"):
        at_once, one_by_one = (tmp_path / f"{name}.{suffix}" for name in ("at_once", "one_by_one"))
        write_frame(at_once, whole)
        assert write_frames(one_by_one, (whole[start : start + 100] for start in range(0, whole.height, 100))) == 1_200
        if suffix == "csv":
            assert one_by_one.read_bytes() == at_once.read_bytes()
        else:
            assert pl.read_parquet(one_by_one).equals(pl.read_parquet(at_once))
            assert pl.read_parquet(one_by_one).schema == whole.schema


def broken_off() -> Any:
    yield TABLE.frame[:5]
    yield TABLE.frame[5:9]
    raise DivergedError("a part that fails")


def test_nothing_is_left_where_a_later_frame_fails(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(DivergedError):
            write_frames(tmp_path / name, broken_off())
    assert not [*tmp_path.iterdir()]


# ---- what a frame adds to


@pytest.mark.parametrize("scale_by", ["all", "symbol"])
def test_a_network_that_adds_nothing_to_the_last_value_predicts_the_random_walk(scale_by: str) -> None:
    """That windows and paths share a scaler is what makes adding exact; another's would leave a gap at the seam."""
    config = experiment(
        features__columns=["volume", "high", "close"], features__scale_by=scale_by, model__last_value=True,
        model__hidden_size=3, model__num_layers=1, model__bidirectional=True,
    )  # fmt: skip
    samples, split = samples_of(config)
    fold = fit_fold(config, samples, split.train)
    sketch = learner_of(config.model).sketch(config, samples, fold, split.train)
    assert isinstance(sketch, NeuralPredictor)
    with torch.no_grad():
        sketch.module.output_bias.zero_()
        for name, weight in sketch.module.named_parameters():
            if "head" in name:
                weight.zero_()
    units = label_units(samples, fold)
    assert units is not None
    predicted = units.unscale(sketch.predict(Inputs.of(config, samples, fold, split.test, "cpu")), split.test)
    np.testing.assert_allclose(predicted, last_value(samples.labels, split.test), rtol=1e-5)


def test_ridge_learns_paths_that_lie_on_a_line() -> None:
    time = np.arange(600.0)
    frame = TABLE.frame[:600].with_columns(close=pl.Series(time), volume=pl.Series(-2 * time + 5), high=pl.Series(time))
    table = Table(frame.with_columns(symbol=pl.lit("A")), TABLE.timeframe, TABLE.timeframe * 1_000)
    config = experiment(model__name="ridge", model__penalty=1e-6)
    samples, split = samples_of(config, table)
    fold = fit_fold(config, samples, split.train)
    trained = learner_of(config.model).train(config, samples, fold, split.train, split.val, Listeners(()))
    units = label_units(samples, fold)
    assert units is not None
    predicted = units.unscale(trained.predictor.predict(Inputs.of(config, samples, fold, split.test)), split.test)
    np.testing.assert_allclose(predicted, samples.labels.at(split.test), rtol=1e-3)
