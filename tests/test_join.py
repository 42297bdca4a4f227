"""Predictions join back: merged on the source's own stamp, each row of the source gets its own prediction.

Merged a row off, everything runs, and looks better than it is: a bar then holds what was known of the bar before it. So
the truth beside each prediction (its label) is computed from the source by pandas, and must stand in the row where the
merge puts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from conftest import Cli
from data_files import as_csv, bars, put

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SMALL = (
    *("--target", "forward_return", "--horizon", "1", "--seq-len", "1", "--quiet", "--json", "--model", "ridge"),
    *("--set", "features.sets=[]", "--set", "evaluation.bootstrap_samples=50"),
)
CLOSE = ("--set", "features.columns=[close]")


def trained(cli: Cli, *paths: Path, command: str = "train", **said: str) -> dict[str, Any]:
    answer = cli(command, *(w for p in paths for w in ("--data", p)), *SMALL, *CLOSE, *words(said))
    assert answer.code == 0, answer.err
    return answer.json


def words(said: dict[str, str]) -> list[str]:
    return [word for name, value in said.items() for word in ("--set", f"data.{name}={value}")]


def holds_truth(source: pd.DataFrame, predictions: pd.DataFrame, on: list[str], by: str | None = None) -> None:
    """Merged as users do, each row of the source stands beside the return from its own close to the next one's."""
    keys = [*on, *([by] if by else [])]
    assert not predictions.duplicated([*on, *(["symbol"] if by else [])]).any()
    merged = source.merge(predictions, left_on=keys, right_on=[*on, *(["symbol"] if by else [])], how="left")
    assert len(merged) == len(source)
    closes = merged.groupby(by)["close"] if by else merged["close"]
    truth = np.log(closes.shift(-1) / merged["close"])
    target = next(name for name in merged.columns if name.startswith("target"))
    known = merged[target].notna()
    assert known.sum() > 20
    assert np.allclose(merged.loc[known, target], truth[known], rtol=1e-4, atol=1e-7)


STAMPS: dict[str, tuple[timedelta, Callable[[datetime], object], dict[str, str]]] = {
    "days": (DAY, lambda moment: f"{moment:%Y-%m-%d}", {}),
    "local time": (
        HOUR, lambda moment: f"{moment:%d.%m.%Y %H:%M}", {"timezone": "Europe/Berlin", "on_duplicate": "first"}
    ),
    "epochs": (HOUR, lambda moment: int(moment.timestamp() * 1000), {}),
    "closes": (HOUR, lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}", {"stamp": "close"}),
}  # fmt: skip


@pytest.mark.parametrize("way", STAMPS)
def test_predictions_of_a_run_and_of_a_file_merge_on_the_files_own_stamps(way: str, cli: Cli, tmp_path: Path) -> None:
    step, write, said = STAMPS[way]
    frame = bars(300, step, datetime(2021, 1, 13, tzinfo=UTC)).rename({"time": "Stamp"})
    file = put(tmp_path, "BTC.csv", as_csv(frame, write))
    run = trained(cli, file, time_column="Stamp", **said)
    assert run["stamps"] == {"Stamp": "Stamp"}
    source = pd.read_csv(file)
    parquet, csv = pd.read_parquet(run["predictions"]), pd.read_csv(Path(run["predictions"]).with_suffix(".csv"))
    assert list(parquet.columns)[:3] == list(csv.columns)[:3] == ["symbol", "time", "Stamp"]
    holds_truth(source, parquet, ["Stamp"])
    holds_truth(source, csv, ["Stamp"])
    for name in ("out.csv", "out.parquet"):
        answer = cli("predict", "--model", run["run_id"], "--data", file, "-o", tmp_path / name, "--json", "--quiet")
        assert answer.json["stamps"] == {"Stamp": "Stamp"}
        scored = pd.read_csv(tmp_path / name) if name.endswith("csv") else pd.read_parquet(tmp_path / name)
        assert scored["Stamp"].tolist() == source["Stamp"].tolist()
        both = parquet.merge(scored, on="Stamp", suffixes=("_run", ""))
        output = next(c for c in scored.columns if c not in ("symbol", "time", "Stamp"))
        assert len(both) == len(parquet)
        assert np.array_equal(both[f"{output}_run"], both[output])


def test_stamps_of_two_columns_and_months_merge_on_all_that_they_are_made_of(cli: Cli, tmp_path: Path) -> None:
    frame = bars(200, HOUR)
    both = frame.select(
        pl.col("time").dt.strftime("%Y%m%d").alias("Date"), pl.col("time").dt.strftime("%H:%M").alias("Time"),
        *frame.columns[1:],
    )  # fmt: skip
    file = put(tmp_path, "X.csv", both.write_csv())
    run = trained(cli, file)
    assert run["stamps"] == {"Date": "Date", "Time": "Time"}
    holds_truth(pd.read_csv(file), pd.read_parquet(run["predictions"]), ["Date", "Time"])
    months = pl.Series([datetime(1990 + n // 12, 1 + n % 12, 1, tzinfo=UTC) for n in range(240)])
    file = put(tmp_path, "M.csv", as_csv(bars(240).with_columns(time=months), lambda moment: f"{moment:%b %Y}"))
    run = trained(cli, file, time_column="time")
    assert run["stamps"] == {"source_time": "time"}
    holds_truth(pd.read_csv(file).rename(columns={"time": "source_time"}), pd.read_parquet(run["predictions"]),
                ["source_time"])  # fmt: skip


def test_rows_of_many_symbols_in_any_order_merge_on_symbol_and_stamp_and_so_do_runs_of_each(
    cli: Cli, tmp_path: Path
) -> None:
    each = [bars(150, DAY, seed=n).with_columns(symbol=pl.lit(name)) for n, name in enumerate("AB")]
    both = pl.concat(each).rename({"time": "date", "symbol": "ticker"})
    file = put(tmp_path, "both.csv", as_csv(both.sample(fraction=1, shuffle=True, seed=1), lambda m: f"{m:%Y-%m-%d}"))
    source = pd.read_csv(file).sort_values(["ticker", "date"], ignore_index=True)
    holds_truth(source, pd.read_parquet(trained(cli, file)["predictions"]), ["date"], by="ticker")
    answer = cli("train", "--data", file, *SMALL, *CLOSE, "--per-symbol", "--workers", "1")
    assert answer.code == 0, answer.err
    for name, run in answer.json["symbols"].items():
        one = source[source["ticker"] == name].reset_index(drop=True)
        holds_truth(one, pd.read_parquet(run["predictions"]), ["date"])


def test_rows_out_of_fold_merge_on_the_files_own_stamps(cli: Cli, tmp_path: Path) -> None:
    file = put(tmp_path, "X.csv", as_csv(bars(400, DAY).rename({"time": "Date"}), lambda m: f"{m:%Y-%m-%d}"))
    answer = cli("cv", "--data", file, *SMALL[:2], *SMALL[4:], *CLOSE, "--horizons", "1", "--n-splits", "2")
    assert answer.code == 0, answer.err
    assert answer.json["stamps"] == {"Date": "Date"}
    rows = pd.read_parquet(answer.json["out_of_fold"])
    for model in ("ridge", "prior"):
        holds_truth(pd.read_csv(file), rows[rows["model"] == model], ["Date"])


def test_a_longer_bar_merges_on_the_last_row_in_it_which_is_as_late_as_the_bar(cli: Cli, tmp_path: Path) -> None:
    file = put(
        tmp_path, "X.csv", as_csv(bars(4 * 200, HOUR, datetime(2020, 1, 1, tzinfo=UTC)).rename({"time": "Date"}))
    )
    run = trained(cli, file, resample="4h")
    source, rows = pd.read_csv(file), pd.read_parquet(run["predictions"])
    ends = pd.to_datetime(rows["Date"]) + HOUR
    assert (ends == rows["time"]).all()
    truth = source.assign(truth=np.log(source["close"].shift(-4) / source["close"])).merge(rows, on="Date")
    assert len(truth) == len(rows) > 40
    assert np.allclose(truth["target_forward_return"], truth["truth"], rtol=1e-4, atol=1e-7)


def test_what_is_said_tells_the_two_times_apart(cli: Cli, tmp_path: Path) -> None:
    file = put(tmp_path, "X.csv", as_csv(bars(300, DAY), lambda m: f"{m:%Y-%m-%d}"))
    loud = [word for word in SMALL if word not in ("--quiet", "--json")]
    said = cli("train", "--data", file, *loud, *CLOSE)
    line = "source_time (time there): the source's own stamp; time: when each row is knowable, UTC"
    assert line in said.out
    run = re.search(r"[0-9a-f]{32}", said.out)[0]
    assert line in cli("predict", "--model", run, "--data", file, "-o", tmp_path / "out.csv").out
