"""Whose new rows are: the model's where nothing says it, and never against what a file says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath

import polars as pl
import pytest

import gatewise
from conftest import Cli
from data_files import as_csv, bars, put
from gatewise.data.names.grammar import name_series, says_nothing

SMALL = (
    *("--target", "forward_return", "--horizon", "1", "--seq-len", "1", "--quiet", "--json", "--model", "ridge"),
    *("--set", "features.sets=[]", "--set", "features.columns=[close]", "--set", "evaluation.bootstrap_samples=50"),
)
ROWS = bars(200, timedelta(days=1), datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", ["new", "Latest data", "prices", "holdout", "new_rows", "2", "daily", "my_test"])
def test_names_that_any_rows_may_have_say_nothing(name: str) -> None:
    assert says_nothing(name_series(PurePath(f"/rows/of/it/{name}.csv")))


@pytest.mark.parametrize("name", ["AAPL", "aapl", "NEW", "new_aapl", "ETHUSDT-1m-2023", "btc-usd", "ES_H4"])
def test_names_of_series_say_whose_they_are(name: str) -> None:
    assert not says_nothing(name_series(PurePath(f"/rows/of/it/{name}.csv")))


def test_new_rows_are_the_models_where_nothing_says_whose_they_are(cli: Cli, tmp_path: Path) -> None:
    text, ticked = as_csv(ROWS), as_csv(ROWS.with_columns(ticker=pl.lit("MSFT")))
    run = cli("train", "--data", put(tmp_path, "AAPL.csv", text), *SMALL).json["run_id"]
    out = tmp_path / "out.csv"
    for name, content, words, symbol, said in (
        ("new.csv", text, (), "AAPL", "taken for the model's own AAPL"),
        ("MSFT.csv", text, (), "MSFT", "these rows are of MSFT; where they are the same: --symbol AAPL"),
        ("MSFT.csv", text, ("--symbol", "AAPL"), "AAPL", ""),
        ("new.csv", ticked, (), "MSFT", "trained on AAPL alone"),
        ("new.csv", text, ("--symbol", "IBM"), "IBM", "trained on AAPL alone"),
    ):  # fmt: skip
        answer = cli("predict", "--model", run, "--data", put(tmp_path, name, content), "-o", out, *words)
        assert answer.code == 0, answer.err
        assert set(pl.read_csv(out)["symbol"]) == {symbol}
        assert said in answer.err


def test_rows_without_a_name_are_not_guessed_of_a_model_of_several_symbols(cli: Cli, tmp_path: Path) -> None:
    both = pl.concat([ROWS.with_columns(ticker=pl.lit(name)) for name in "AB"])
    file, new = put(tmp_path, "both.csv", as_csv(both)), put(tmp_path, "new.csv", as_csv(ROWS))
    out = tmp_path / "out.csv"
    run = cli("train", "--data", file, *SMALL).json["run_id"]
    assert cli("predict", "--model", run, "--data", new, "-o", out).code == 0
    assert set(pl.read_csv(out)["symbol"]) == {"new"}
    run = cli("train", "--data", file, *SMALL, "--set", "features.scale_by=symbol").json["run_id"]
    refused = cli("predict", "--model", run, "--data", new, "-o", tmp_path / "other.csv", "--json", "--quiet")
    assert refused.code == 2
    assert "it can't predict new" in refused.json["error"]["message"]
    assert not (tmp_path / "other.csv").exists()


def test_a_frame_without_symbols_is_the_models(cli: Cli, tmp_path: Path) -> None:
    run = cli("train", "--data", put(tmp_path, "AAPL.csv", as_csv(ROWS)), *SMALL, "--set", "features.scale_by=symbol")
    predicted = gatewise.load(run.json["bundle"]).predict(ROWS)
    assert len(predicted) == ROWS.height
