"""Ticker forecasting from the file as it stands to prices: every example runs, and what comes out is in price units.

A prediction left in scaled units, or a column beside another one's price, would still train and be judged.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples" / "ticker"
NAMES = ("minimal", "standard", "high-capacity", "conservative", "fast")
DAYS = 260
LEVELS = {"AAPL": 150.0, "MSFT": 3_000.0}
# Short and cheap; everything else as the file says.
QUICK = ("--max-epochs", "1", "--set", "evaluation.bootstrap_samples=50", "--quiet", "--json")


def bars(symbol: str, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    close = LEVELS[symbol] * np.exp(np.cumsum(rng.normal(0, 0.01, DAYS)))
    start = close * np.exp(rng.normal(0, 0.003, DAYS))
    days = [datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(DAYS)]
    return pl.DataFrame(
        {
            "symbol": [symbol] * DAYS,
            "date": [f"{day:%Y-%m-%d}" for day in days],
            "open": start,
            "high": np.maximum(start, close) * 1.004,
            "low": np.minimum(start, close) * 0.996,
            "close": close,
            "volume": rng.integers(10**6, 10**7, DAYS).astype(float),
        }
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bars of two tickers in one file, of one in another, and both in a database with its view."""
    from gatewise.config.schema import DataConfig
    from gatewise.data.sql.connect import open_database
    from gatewise.data.sql.load import load_bars
    from gatewise.data.sql.schema import create_schema
    from gatewise.data.sql.url import resolve_url

    folder = tmp_path_factory.mktemp("world")
    both = pl.concat([bars("AAPL", 1), bars("MSFT", 2)])
    both.write_csv(folder / "bars.csv")
    bars("AAPL", 1).drop("symbol").write_csv(folder / "one.csv")
    with open_database(resolve_url(f"sqlite:///{folder}/bars.db"), write=True) as connection:
        create_schema(connection)
        load_bars(connection, DataConfig(paths=(str(folder / "bars.csv"),)))
    return folder


def ticker(folder: Path, **more: Any) -> Path:
    file = folder / "ticker.json"
    file.write_text(json.dumps({"ticker": "AAPL", "f_cols": ["close", "volume"], "hidden_size": 4} | more))
    return file


def from_sql(world: Path) -> Sequence[str]:
    return ("--source", "sql", "--url", f"sqlite:///{world}/bars.db", "--table", "vw_ticker_timeseries")


@pytest.mark.parametrize("name", NAMES)
def test_every_example_runs_as_given_from_the_view_of_a_database(cli, world: Path, name: str) -> None:
    file = EXAMPLES / f"{name}.json"
    value = cli("train", *from_sql(world), "--symbol", "AAPL", "--config", file, *QUICK).json
    wanted = list(dict.fromkeys(json.loads(file.read_text())["f_cols"]))
    assert list(value["columns"]["val"]) == wanted
    assert value["judged_on"] == "val"
    assert value["verdict"] != "better", "val rows chose the epoch"
    assert value["windows"]["test"] == 0
    frame = pl.read_csv(Path(value["predictions"]).with_suffix(".csv"))
    keys = ["symbol", "time", "source_time", "part"]
    assert frame.columns == [*keys, *wanted, *(f"target_{column}" for column in wanted)]
    assert set(frame["symbol"]) == {"AAPL"}


def test_predictions_and_errors_are_in_price_units_and_agree(cli, world: Path) -> None:
    value = cli("train", "--data", world / "bars.csv", "--config", EXAMPLES / "minimal.json", *QUICK).json
    frame = pl.read_parquet(value["predictions"])
    truth = bars("AAPL", 1)
    for name in ("open", "high", "low", "close", "volume"):
        known = frame[f"target_{name}"].to_numpy()
        assert known == pytest.approx(truth[name].to_numpy()[-len(known) :], rel=1e-6), "the next row's own value"
        assert truth[name].min() * 0.5 < frame[name].mean() < truth[name].max() * 2
        error = frame[name].to_numpy() - known
        still = truth[name].to_numpy()[-len(known) - 1 : -1] - known
        found = value["columns"]["val"][name]
        assert found["rmse"]["value"] == pytest.approx(np.sqrt(np.square(error).mean()), rel=1e-5)
        assert found["mae"]["value"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
        assert found["persistence"]["rmse"]["value"] == pytest.approx(np.sqrt(np.square(still).mean()), rel=1e-5)
        assert found["verdict"] in ("better", "worse", "undecided")
        assert value["metrics"]["val"][f"rmse_{name}"] == found["rmse"]
    assert set(frame["symbol"]) == {"AAPL"}


def test_a_saved_model_predicts_rows_of_another_file_in_price_units(cli, world: Path, tmp_path: Path) -> None:
    value = cli("train", "--data", world / "bars.csv", "--config", ticker(tmp_path), *QUICK).json
    out = tmp_path / "predictions.csv"
    cli("predict", "--model", value["run_id"][:8], "--data", world / "one.csv", "-o", out, "--quiet")
    frame = pl.read_csv(out)
    assert frame.columns == ["symbol", "time", "date", "close", "volume"]
    assert frame.height == DAYS - 10, "a window of 10 changes"
    assert 75 < frame["close"].mean() < 300


def test_a_file_without_symbols_is_taken_for_the_tickers(cli, world: Path, tmp_path: Path) -> None:
    value = cli("train", "--data", world / "one.csv", "--config", ticker(tmp_path), *QUICK).json
    assert set(pl.read_parquet(value["predictions"])["symbol"]) == {"AAPL"}


@pytest.mark.parametrize("source", ["file", "sql"])
def test_a_symbol_flag_takes_another_ticker_with_the_same_settings(cli, world, tmp_path, source) -> None:
    rows = ("--data", world / "bars.csv") if source == "file" else from_sql(world)
    value = cli("train", *rows, "--symbol", "MSFT", "--config", ticker(tmp_path), *QUICK).json
    frame = pl.read_parquet(value["predictions"])
    assert set(frame["symbol"]) == {"MSFT"}
    assert frame["target_close"].mean() > 1_000


def test_of_a_database_a_model_predicts_its_own_ticker_unless_another_is_named(cli, world, tmp_path) -> None:
    value = cli("train", *from_sql(world), "--config", ticker(tmp_path), *QUICK).json
    out = tmp_path / "predictions.csv"
    said = ("predict", "--model", value["run_id"], "--source", "sql", "-o", out, "--quiet")
    for flags, wanted in (
        ((), {"AAPL"}),
        (("--symbol", "MSFT"), {"MSFT"}),
        (("--symbols", "MSFT,AAPL"), {"AAPL", "MSFT"}),
    ):
        answer = cli(*said, *flags)
        assert answer.code == 0, answer.err
        assert set(pl.read_csv(out)["symbol"]) == wanted


def test_of_a_database_another_symbol_than_trainings_one_can_be_named_in_either_way(cli, world, tmp_path) -> None:
    words = ("--symbol", "AAPL", "--target", "forward_return", "--set", "features.sets=[ohlcv]", "--seq-len", "10")
    small = ("--horizon", "1", "--hidden-size", "4", "--batch-size", "64")
    value = cli("train", *from_sql(world), *words, *small, *QUICK).json
    out = tmp_path / "predictions.csv"
    for flags in (("--symbol", "MSFT"), ("--symbols", "MSFT")):
        answer = cli("predict", "--model", value["run_id"], "--source", "sql", "-o", out, "--quiet", *flags)
        assert answer.code == 0, answer.err
        assert set(pl.read_csv(out)["symbol"]) == {"MSFT"}


def test_a_target_column_alone_is_predicted_from_all_columns_and_shown_in_the_table(cli, world, tmp_path) -> None:
    said = cli("train", "--data", world / "bars.csv", "--config", ticker(tmp_path, target_col="close"), *QUICK[:-2])
    assert "column by column, beside the last value; " in said.out
    (run,) = cli("runs", "list", "--json").json["runs"]
    metrics = json.loads((Path(run["folder"]) / "metrics.json").read_bytes())
    assert list(metrics["columns"]["val"]) == ["close"]
    assert metrics["metrics"]["val"]["rmse"] == metrics["columns"]["val"]["close"]["rmse"]
    assert "These rows also chose the epoch, so they flatter the model." in said.out


def test_every_further_setting_at_once_trains(cli, world: Path, tmp_path: Path) -> None:
    file = ticker(
        tmp_path,
        seq_len=5,
        loss_function="Huber",
        optimizer="SGD",
        scheduler_type="cosine",
        bidirectional=True,
        validation_split_method="fixed",
        random_seed=7,
        checkpoint_frequency=2,
        tensorboard=True,
        learning_rate=0.01,
    )
    value = cli("train", "--data", world / "bars.csv", "--config", file, *QUICK, "--max-epochs", "3").json
    run = Path(value["bundle"]).parent
    assert {path.name for path in run.iterdir()} >= {"tensorboard", "checkpoint.safetensors", "history.parquet"}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(run / "tensorboard"))
    read.Reload()
    history = pl.read_parquet(run / "history.parquet").filter(name="val_loss")
    assert [one.step for one in read.Scalars("loss/val")] == [1, 2, 3]
    assert [one.value for one in read.Scalars("loss/val")] == pytest.approx(history["value"].to_list())
    assert len(read.Scalars("learning_rate")) == 3


def test_a_missing_tensorboard_is_said_before_anything_is_trained(cli, world, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    said = cli("train", "--data", world / "bars.csv", "--config", ticker(tmp_path, tensorboard=True), *QUICK)
    assert (said.code, said.json["error"]["type"]) == (2, "MissingExtraError")
    assert "gatewise[tensorboard]" in said.json["error"]["hint"]
    assert cli("runs", "list", "--json").json["runs"] == []


def test_walking_forward_is_cross_validations_and_takes_the_same_file(cli, world: Path, tmp_path: Path) -> None:
    file = ticker(tmp_path, validation_split_method="walk_forward", epochs=1)
    rows = ("--data", world / "bars.csv", "--config", file)
    refused = cli("train", *rows, *QUICK)
    assert refused.json["error"]["type"] == "ConfigError"
    assert "gatewise cv" in refused.json["error"]["hint"]
    value = cli("cv", *rows, "--n-splits", 2, "--workers", 1, *QUICK).json
    close = bars("AAPL", 1)["close"].to_numpy()
    assert value["summary"]["lstm@1"]["rmse_close"]["mean"] > 0
    days = pl.read_parquet(value["out_of_fold"]).filter(model="prior")
    assert days["close"].to_numpy() == pytest.approx(close[-days.height - 1 : -1], rel=1e-6), "the last value"
    assert days["target_close"].to_numpy() == pytest.approx(close[-days.height :], rel=1e-6)
    assert cli("train", *rows, "--set", "split.method=fixed", *QUICK).code == 0


def test_a_resumed_run_ends_with_the_weights_of_an_undisturbed_one(cli, world, tmp_path, monkeypatch) -> None:
    from safetensors.numpy import load_file

    from gatewise.training.fit import _fit_epoch

    file = ticker(tmp_path, optimizer="SGD", tensorboard=True)
    words = ("train", "--data", world / "bars.csv", "--config", file, *QUICK, "--max-epochs", "4")
    whole = cli(*words).json

    def impatient(state, *rest):
        if state.progress.epoch == 2:
            raise KeyboardInterrupt
        return _fit_epoch(state, *rest)

    monkeypatch.setattr("gatewise.training.fit._fit_epoch", impatient)
    run_id = cli(*words).json["error"]["message"].split("--resume ")[1]
    monkeypatch.setattr("gatewise.training.fit._fit_epoch", _fit_epoch)
    resumed = cli("train", "--resume", run_id[:10], "--quiet", "--json").json
    tensors = [load_file(Path(value["bundle"]) / "model.safetensors") for value in (whole, resumed)]
    for name in tensors[0]:
        np.testing.assert_array_equal(tensors[0][name], tensors[1][name])


@pytest.mark.parametrize(
    ("words", "kind", "hint"),
    [
        ([], "ConfigError", "--data FILE (or a folder or a glob), --source sql and --url URL"),
        (["--data", "{world}/bars.csv", "--symbol", "MSFTT"], "UnknownNameError", "MSFT"),
    ],
)
def test_what_is_missing_beside_the_file_is_named(cli, world, tmp_path, words, kind, hint) -> None:
    given = [word.format(world=world) for word in words]
    error = cli("train", *given, "--config", ticker(tmp_path), *QUICK).json["error"]
    assert error["type"] == kind
    assert hint in error["hint"]


def test_a_file_without_sma_value_is_told_where_it_comes_from(cli, world: Path) -> None:
    said = cli("train", "--data", world / "bars.csv", "--config", EXAMPLES / "standard.json", *QUICK)
    assert said.json["error"]["type"] == "SchemaError"
    assert "no column sma_value" in said.json["error"]["message"]
    assert "gatewise data init-db" in said.json["error"]["hint"]


def test_a_view_without_a_column_of_the_file_names_it_and_the_nearest(cli, world: Path, tmp_path: Path) -> None:
    database = tmp_path / "bars.db"
    shutil.copy(world / "bars.db", database)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE VIEW poor AS SELECT ticker, time, open, high, low, close FROM bars")
    file = ticker(tmp_path, f_cols=["close", "volumes"])
    said = cli(
        "train", "--source", "sql", "--url", f"sqlite:///{database}", "--table", "poor", "--config", file, *QUICK
    )
    assert said.code == 2
    assert "volumes" in said.json["error"]["message"]


def test_scaling_is_fitted_on_training_rows_alone(cli, tmp_path: Path) -> None:
    from gatewise.bundle import Bundle

    rising = bars("AAPL", 1).with_columns(
        pl.when(pl.int_range(DAYS) >= 220).then(pl.col("close") * 3).otherwise("close").alias("close")
    )
    rising.write_csv(tmp_path / "rising.csv")
    levels = ("--set", "features.columns_as=levels", "--set", "features.scaler=minmax", "--learn", "levels")
    value = cli("train", "--data", tmp_path / "rising.csv", "--config", ticker(tmp_path), *levels, *QUICK).json
    scaler = Bundle.load(Path(value["bundle"])).record.scaler
    seen = rising["close"].to_numpy()[: value["windows"]["train"] + 9].astype(np.float32)
    scaled = scaler.transform(np.stack([seen, np.zeros_like(seen)], axis=1))[:, 0]
    assert (scaled.min(), scaled.max()) == (pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5))
    assert value["columns"]["val"]["close"]["outside_training"] > 0.5
