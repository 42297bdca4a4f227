"""`gatewise backtest` and `gatewise.backtest`: a run traded anew must be the run that its report told of."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import gatewise as gw
from api_frames import TINY, bars
from conftest import Cli
from gatewise.bundle import Bundle
from gatewise.decisions.rule import DecisionRule
from gatewise.errors import ConfigError

FRAME = bars("AAA", "BBB", rows=1000).with_columns(open=pl.col("close") * 1.001)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "bars.parquet"
    FRAME.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def model(source: Path) -> Any:
    return gw.fit(source, **TINY, target="direction", stamp="close")


def test_a_run_traded_anew_is_the_account_that_its_report_tells_of(model: Any, source: Path) -> None:
    told = json.loads((model.folder / "metrics.json").read_bytes())["evaluation"]["parts"]["test"]["backtest"]
    made = gw.backtest(model)
    assert {name: made.to_dict()[name] for name in told} == told
    assert told["trades"] > 50
    assert list(told["symbols"]) == ["AAA", "BBB"]
    assert gw.backtest(model.run_id, source, stamp="close").to_dict() == made.to_dict()  # the run's own rows again
    assert "test rows of its run" in str(made)


def test_the_command_says_what_python_says_and_writes_what_adds_up(model: Any, cli: Cli, tmp_path: Path) -> None:
    trades, steps = tmp_path / "trades.csv", tmp_path / "steps.parquet"
    words = ("--model", model.folder, "--cost", 0.001, "--hold", 3, "--fill", "close", "--slippage", 0.0002)
    answer = cli("backtest", *words, "-o", trades, "--steps", steps, "--json").json
    made = gw.backtest(model, cost=0.001, hold=3, fill="close", slippage=0.0002)
    assert {name: answer[name] for name in made.to_dict()} == made.to_dict()
    assert answer["terms"] | {"fee": 0.001, "hold": 3, "fill": "close", "slippage": 0.0002} == answer["terms"]
    table = pl.read_csv(trades, try_parse_dates=True)
    assert table.height == answer["trades"]
    assert table["net"].sum() == pytest.approx(answer["total_return"])
    assert pl.read_parquet(steps)["equity"][-1] == pytest.approx(1 + answer["total_return"])
    assert ((table["exit"] - table["entry"] == timedelta(hours=3)) | table["ended"]).all()
    page = Path(answer["page"]).read_text(encoding="utf-8")
    assert "Fee at which nothing is left" in page
    shown = cli("backtest", *words).out
    assert "Return after cost" in shown
    assert "AAA" in shown


def test_what_trading_costs_and_may_is_said_of_one_backtest_alone(model: Any) -> None:
    free, long = gw.backtest(model, cost=0), gw.backtest(model, sides="long")
    assert free.to_dict()["total_return"] == pytest.approx(free.to_dict()["gross_return"])
    both = gw.backtest(model).trades["side"].value_counts().rows_by_key("side", unique=True)
    assert both.get("long", (0,))[0] == len(long.trades)
    assert "short" in both
    assert "short" not in long.trades["side"]
    with pytest.raises(ConfigError, match=r"broker\.size"):
        gw.backtest(model, size=3.0)
    with pytest.raises(ConfigError, match=r"broker\.fill"):
        gw.backtest(model, fill="noon")


def test_new_rows_are_predicted_and_those_that_flatter_are_counted(model: Any) -> None:
    later = FRAME.with_columns(pl.col("time") + timedelta(days=60))
    made = gw.backtest(model, later, stamp="close").to_dict()
    assert (made["part"], made["notes"]) == ("new", [])
    some = gw.backtest(model, FRAME.filter(pl.col("symbol") == "AAA"), stamp="close").to_dict()
    assert "they flatter it" in some["notes"][0]


def test_a_decision_rule_says_the_sides(model: Any, tmp_path: Path) -> None:
    def ruled(rule: DecisionRule) -> Any:
        Bundle(replace(model.bundle.record, decision_rule=rule)).save(tmp_path / "ruled")
        return gw.backtest(tmp_path / "ruled", FRAME, stamp="close")

    sure = np.median(model.predict(FRAME, stamp="close").select(pl.max_horizontal("^prob_.*$")).drop_nulls())
    some = ruled(DecisionRule("probability", threshold=float(sure), by_hand=True))
    none = ruled(DecisionRule("probability", not_certified="no threshold qualifies"))
    assert 0 < len(some.trades) < 1900
    assert "decision rule" in some.to_dict()["notes"][0]
    assert len(none.trades) == 0
    assert "0 trades." in none.save(tmp_path / "none.html").read_text(encoding="utf-8")
    assert none.to_dict()["sharpe_reason"] == "nothing was traded"


def test_what_can_t_be_traded_is_refused_in_a_line(model: Any, cli: Cli, tmp_path: Path) -> None:
    model.save(tmp_path / "alone")

    def refused(*words: object) -> str:
        said = cli("backtest", "--model", *words)
        assert said.code == 2
        return said.err

    assert "no run that kept its predictions" in refused(tmp_path / "alone")
    assert "at most broker.max_position" in refused(model.folder, "--size", 3)
    assert "settings of data alone" in refused(model.folder, "--set", "model.hidden_size=5")
    assert ".html" in refused(model.folder, "--page", "x.txt")
    assert ".csv or .parquet" in refused(model.folder, "-o", "x.txt")
