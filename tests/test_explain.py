"""`gatewise explain` and `Model.explain`: why a run says what it says, of its own rows and of others."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import gatewise as gw
from api_frames import TINY, bars
from conftest import Cli
from gatewise.api.data import given
from gatewise.bundle import Bundle
from gatewise.bundle.explaining import attribution
from gatewise.data.load import load_table
from gatewise.errors import ConfigError, NotEnoughRowsError, SchemaError, UnknownNameError
from gatewise.explain.importance import Passes
from gatewise.explain.in_report import affordable
from gatewise.learners.neural import NeuralPredictor

FRAME = bars("AAA", "BBB", rows=1000)
VOTING = {"model": "voting", "base_models": ["lstm", "gru"]}
NEWEST = FRAME["time"].max()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(tmp_path_factory.mktemp("home")))
        yield tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def source(home: Path) -> Path:
    FRAME.write_parquet(home / "bars.parquet")
    return home / "bars.parquet"


@pytest.fixture(scope="module")
def model(source: Path) -> Any:
    return gw.fit(source, **{**TINY, "max_epochs": 3}, stamp="close")


def test_importances_are_of_the_runs_own_validation_rows_wherever_these_come_from(model: Any, source: Path) -> None:
    ours = model.explain(rows=100, repeats=2)
    assert ours.columns == ["name", "features", "increase", "low", "high"]
    assert set(ours["name"]) == {"open", "high", "low", "close", "volume"}
    assert ours["increase"].is_sorted(descending=True)
    again = gw.load(model.run_id).explain(source, stamp="close", rows=100, repeats=2)  # the same table
    assert again.equals(ours)
    others = model.explain(FRAME.filter(pl.col("time") < NEWEST).to_pandas(), stamp="close", rows=100, groups=True)
    assert type(others).__module__.startswith("pandas")
    assert set(others["name"]) == {"prices", "volume"}


def test_the_parts_of_a_prediction_sum_to_the_log_odds_that_the_network_itself_gives(model: Any, source: Path) -> None:
    frame = model.explain(time=NEWEST, symbol="BBB")
    steps, names = TINY["seq_len"], ("open", "high", "low", "close", "volume")
    assert frame.columns == ["step", "time", "feature", "value", "attribution"]
    assert frame.height == steps * len(names)
    bundle: Bundle = model.bundle
    table = load_table(bundle.record.config.data)
    assert isinstance(bundle.predictor, NeuralPredictor)
    here = FRAME.filter(pl.col("symbol") == "BBB").tail(steps)
    assert frame["value"].to_numpy() == pytest.approx(here.select(names).to_numpy().ravel())
    x = bundle.record.scaler.transform(here.select(names).to_numpy())
    ends = torch.tensor(np.stack([x, np.zeros_like(x)]))
    with torch.no_grad():
        said = bundle.predictor.module(ends).double()
    chosen = int(said[0].argmax())
    odds = said[:, chosen] - torch.logsumexp(said[:, [n for n in range(3) if n != chosen]], dim=1)
    assert frame["attribution"].sum() == pytest.approx(float(odds[0] - odds[1]), abs=2e-3 * abs(float(odds[0])))
    assert bundle.predict(table, [table.num_rows - 1])["label"].item() == bundle.record.classes[chosen]
    other = bundle.record.classes[chosen - 1]
    assert not model.explain(time=str(NEWEST), symbol="BBB", output=other).equals(frame)


def test_a_report_explains_where_that_is_cheap_beside_the_training(model: Any) -> None:
    page = (model.folder / "report.html").read_text(encoding="utf-8")
    assert "What predictions rest on" in page
    assert "the mean of 2 orders" in page
    assert "Why it said that: the newest prediction" in page

    def trained(windows: int, epochs: int, ended: str = "max_epochs", members: tuple[Any, ...] = ()) -> Any:
        fit = SimpleNamespace(epochs=epochs, ended=ended)
        return SimpleNamespace(train_windows=windows, fit=fit, members=members)

    assert affordable(trained(10_000, 10), None, 8) == Passes(2, 937)  # 0.05 · 3 · 100,000 windows in 16 passes
    assert affordable(trained(10_000, 10), 2000, 8) == Passes(2, 187)
    assert affordable(trained(10**7, 10), None, 8) == Passes(2, 1000)
    assert affordable(trained(500, 3), None, 8) is None
    assert affordable(trained(500, 1, "fitted"), None, 8) == Passes(2, 1000)
    members = tuple(SimpleNamespace(trained=trained(10_000, 10)) for _ in range(3))
    assert affordable(trained(1, 1, members=members), None, 8) == Passes(2, 937)


def test_a_model_that_reads_no_features_has_no_importances(cli: Cli) -> None:
    words = ("--target", "realized_volatility", "--horizon", "1", "--seq-len", "2", "--set", "features.sets=[ohlcv]")
    run = cli("train", "--source", "sp500", *words, "--model", "har", "--json", "-q").json
    page = Path(run["report"]).read_text(encoding="utf-8")
    assert "What predictions rest on" not in page
    refused = cli("explain", "--model", run["run_id"], "-q")
    assert refused.code == 2
    assert "har reads the history alone" in refused.err


def test_what_can_not_be_explained_is_refused_with_what_can(model: Any) -> None:
    newest = f"{NEWEST:%Y-%m-%dT%H:%M:%SZ}"
    for asked, kind, hint in (
        ({"time": NEWEST}, ConfigError, "symbol AAA, BBB"),
        ({"time": NEWEST, "symbol": "AAB"}, UnknownNameError, "did you mean 'AAA'?"),
        ({"time": "2030-01-01", "symbol": "AAA"}, SchemaError, newest),
        ({"time": "2024-01-01T00:00Z", "symbol": "AAA"}, NotEnoughRowsError, "2024-01-01T03:00:00Z"),
        ({"time": "yesterday", "symbol": "AAA"}, ConfigError, "UTC"),
        ({"time": NEWEST, "symbol": "AAA", "output": "upp"}, UnknownNameError, "did you mean 'up'?"),
        ({"features": ["opne"]}, UnknownNameError, "did you mean 'open'?"),
    ):
        with pytest.raises(kind) as caught:
            model.explain(**asked)
        assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("settings", "output"),
    [
        ({"target": {"kind": "forward_return", "quantiles": [0.1, 0.5, 0.9]}}, "0.5 quantile of forward_return"),
        ({"target": {"kind": "next_row", "columns": ["close", "volume"]}, "horizon": 1, **VOTING}, "close"),
    ],
)
def test_parts_of_numbers_are_in_the_predictions_own_unit(home: Path, settings: Any, output: str) -> None:
    tiny = {name: value for name, value in TINY.items() if name != "hidden_size" or "model" not in settings}
    trained = gw.fit(FRAME, **{**tiny, "max_epochs": 1, **settings})
    with pytest.raises(ConfigError, match="came as a frame") as caught:
        trained.explain()
    assert "hand in the frame" in str(caught.value.hint)
    table = given(FRAME).load(trained.bundle.reading())
    made = attribution(trained.bundle, table, table.num_rows - 1)
    assert made.output == output
    predicted = trained.bundle.predict(table, [table.num_rows - 1]).row(0, named=True)
    assert made.value == pytest.approx(predicted["q50" if "quantile" in output else output], rel=1e-5)
    assert made.parts.sum() == pytest.approx(made.value - made.baseline_value, rel=5e-3, abs=1e-9)


def test_the_command_says_both_in_words_numbers_and_pictures(
    cli: Cli, model: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(model.folder.parents[1]))
    page, numbers = tmp_path / "why.html", tmp_path / "why.csv"
    words = ("explain", "--model", model.run_id, "-q")
    said = cli(*words, "--groups", "--rows", 100, "--repeats", 2, "--out", page, "--json")
    assert said.code == 0, said.err
    assert said.json["part"] == "val"
    assert [one["name"] for one in said.json["importances"]][-1] in ("prices", "volume")
    text = page.read_text(encoding="utf-8")
    assert "How much worse predictions are without them" in text
    assert "open, high, low, close" in text
    plain = cli(*words, "--features", "volume,open", "--rows", 100, "--repeats", 2, "--out", numbers)
    assert re.search(r"^volume +[+-]\d", plain.out, re.MULTILINE)
    assert "validation rows" in plain.out
    assert pl.read_csv(numbers)["features"].to_list() in (["volume", "open"], ["open", "volume"])

    when = ("--time", f"{NEWEST:%Y-%m-%dT%H:%MZ}", "--symbol", "AAA")
    said = cli(*words, *when, "--out", page, "--json")
    assert said.json["symbol"] == "AAA"
    assert np.shape(said.json["attributions"]) == (TINY["seq_len"], 5)
    assert "Parts of the log odds of" in page.read_text(encoding="utf-8")
    assert "The largest parts by feature" in cli(*words, *when, "--out", numbers).out
    assert pl.read_csv(numbers).columns == ["step", "time", "feature", "value", "attribution"]

    for wrong, hint in (
        (("--symbol", "AAA"), "--time"),
        ((*when, "--groups"), "leave one of them out"),
        (("--out", tmp_path / "why.png"), "why.html"),
        (("--out", tmp_path), "why.html"),
        (("--features", ","), "--features"),
        (("--rows", "0"), ""),
    ):
        refused = cli(*words, *wrong)
        assert refused.code == 2
        assert hint in refused.err
    (model.folder / "bundle" / "bundle.json").write_text("{}")
    assert cli(*words).code == 2
