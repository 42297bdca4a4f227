"""`gatewise.fit` on frames: the road of files, the caller's own rows back.

A second way to read rows would differ from the first one in silence: by an hour, a row, a symbol.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

import gatewise as gw
from api_frames import TINY, bars
from gatewise.api.data import given
from gatewise.api.model import Model
from gatewise.api.settings import keywords, read_settings
from gatewise.bundle import Bundle
from gatewise.config.flags import ALL_FLAGS
from gatewise.config.names import SHORT
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.errors import ArgumentError, GatewiseError, Interrupted
from gatewise.learners.neural import NeuralPredictor


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWISE_HOME", str(tmp_path_factory.mktemp("home")))
        yield tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def model(home: Path) -> Model:
    """Of two symbols."""
    return gw.fit(bars("AAA", "BBB"), **TINY)


def weights(model: Model) -> dict[str, torch.Tensor]:
    return dict(model.bundle.record.weights)


def fingerprint(data: Any, **settings: Any) -> str:
    return given(data).load(DataConfig(source="frame", **settings)).fingerprint


PANDAS = bars().drop("symbol").to_pandas()
LONG = bars("AAA", "BBB").to_pandas()


@pytest.mark.parametrize(
    "frame",
    [
        bars().drop("symbol"),
        bars().drop("symbol").lazy(),
        bars().drop("symbol").to_arrow(),
        PANDAS,
        PANDAS.set_index("time"),
        PANDAS.set_index("time").rename_axis(None),
        PANDAS.set_index(PANDAS["time"].dt.tz_localize("UTC")).drop(columns="time"),
        PANDAS.set_index("time", drop=False),
        PANDAS.rename_axis("volume"),
        PANDAS.set_index(PANDAS["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")).drop(columns="time"),
        PANDAS.set_index(pd.PeriodIndex(PANDAS["time"], freq="h")).drop(columns="time"),
        PANDAS.iloc[::-1],
    ],
    ids=lambda frame: type(frame).__module__.partition(".")[0],
)
def test_a_frame_is_the_table_of_a_file_of_the_same_rows(frame: Any, tmp_path: Path) -> None:
    for name, write in {"frame.parquet": pl.DataFrame.write_parquet, "frame.csv": pl.DataFrame.write_csv}.items():
        write(bars().drop("symbol"), tmp_path / name)
        assert fingerprint(frame) == load_table(DataConfig(paths=(str(tmp_path / name),))).fingerprint


@pytest.mark.parametrize(
    "frame",
    [
        LONG,
        LONG.set_index(["symbol", "time"]),
        LONG.set_index(["time", "symbol"]).rename_axis([None, None]),
        LONG.sample(frac=1, random_state=0),
        LONG.astype({"symbol": "category"}),
        LONG.pivot(index="time", columns="symbol"),
    ],
    ids=["long", "indexed", "nameless", "shuffled", "category", "wide"],
)
def test_symbols_may_stand_in_a_column_an_index_or_side_by_side(frame: Any, tmp_path: Path) -> None:
    bars("AAA", "BBB").write_parquet(tmp_path / "bars.parquet")
    assert fingerprint(frame) == load_table(DataConfig(paths=(str(tmp_path / "bars.parquet"),))).fingerprint


def test_a_frame_trains_the_weights_that_a_file_trains(home: Path, model: Model, tmp_path: Path) -> None:
    bars("AAA", "BBB").write_parquet(tmp_path / "bars.parquet")
    by_path = gw.fit(tmp_path / "bars.parquet", **TINY)
    by_table = gw.fit(load_table(DataConfig(paths=(str(tmp_path / "bars.parquet"),))), **TINY)
    for other in (by_path, by_table):
        assert all(torch.equal(value, weights(other)[name]) for name, value in weights(model).items())
    assert by_path.config.digest != model.config.digest  # which says where rows came from


def test_a_frame_stays_as_it_was(home: Path, model: Model) -> None:
    frame = LONG.copy()
    frame.loc[5, "volume"] = np.nan
    before = frame.copy(deep=True)
    model.predict(frame)
    gw.check(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("order", ["in order", "shuffled"])
def test_predictions_lie_on_the_callers_own_rows(model: Model, order: str) -> None:
    frame = LONG.sample(frac=1, random_state=1) if order == "shuffled" else LONG.set_index(["symbol", "time"])
    predictions = model.predict(frame)
    assert predictions.index.equals(frame.index)
    table = given(frame).load(DataConfig(source="frame"))
    truth = model.bundle.predict(table)
    assert len(truth) == predictions["prob_up"].notna().sum() == len(frame) - 2 * (model.bundle.rows_needed - 1)
    stamped = frame.reset_index()
    stamped["p"] = predictions["prob_up"].to_numpy()
    stamped["time"] = stamped["time"].dt.tz_localize("UTC") + pd.Timedelta("1h")  # knowable when the bar has ended
    joined = truth.to_pandas().merge(stamped, on=["symbol", "time"], validate="one_to_one")
    assert len(joined) == len(truth)
    assert (joined["prob_up"] == joined["p"]).all()


def test_a_frame_of_polars_gets_one_of_polars_and_arrows_one_of_arrow(model: Model) -> None:
    frame = bars("AAA", "BBB")
    predictions = model.predict(frame)
    assert isinstance(predictions, pl.DataFrame)
    assert predictions.height == frame.height
    assert predictions["label"].null_count() == 2 * (model.bundle.rows_needed - 1)
    assert pl.DataFrame(pl.from_arrow(model.predict(frame.to_arrow()))).equals(predictions)
    assert model.predict(frame.lazy()).equals(predictions)


def test_rows_that_hold_symbols_side_by_side_get_columns_a_symbol(model: Model) -> None:
    wide = LONG.pivot(index="time", columns="symbol")
    predictions = model.predict(wide)
    assert predictions.index.equals(wide.index)
    tall = model.predict(LONG)
    for symbol in ("AAA", "BBB"):
        pd.testing.assert_series_equal(
            predictions[f"prob_up {symbol}"].reset_index(drop=True),
            tall.loc[LONG["symbol"] == symbol, "prob_up"].reset_index(drop=True),
            check_names=False,
        )


def test_symbols_side_by_side_have_their_columns_though_one_has_no_full_window(model: Model) -> None:
    wide = LONG.pivot(index="time", columns="symbol")
    whole = model.predict(wide)
    wide.loc[wide.index[2:], [column for column in wide.columns if column[1] == "BBB"]] = np.nan
    predictions = model.predict(wide)
    assert list(predictions.columns) == list(whole.columns)
    assert predictions["prob_up BBB"].isna().all()
    pd.testing.assert_series_equal(predictions["prob_up AAA"], whole["prob_up AAA"])


def test_what_a_frame_holds_beside_numbers_is_left_out(recwarn: pytest.WarningsRecorder) -> None:
    frame = PANDAS.assign(bin=pd.cut(PANDAS["close"], 3))
    frame.attrs["anything"] = object()
    assert fingerprint(frame) == fingerprint(PANDAS)
    assert not recwarn.list


def test_hidden_states_lie_on_the_callers_own_rows(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    states, predictions = model.hidden_states(LONG), model.predict(LONG)
    assert list(states.columns) == ["state_0", "state_1", "state_2"]
    assert (states.notna().all(axis=1) == predictions["prob_up"].notna()).all()
    network = model.bundle.predictor
    assert isinstance(network, NeuralPredictor)
    head = dict(network.tensors())  # by which a prediction is read from its state
    names = [name for name in head if name.startswith("head.")]
    weight, bias = (next(head[n] for n in names if n.endswith(part)).numpy() for part in ("weight", "bias"))
    outputs = np.exp(states.dropna().to_numpy() @ weight.T + bias)
    columns = [name for name in predictions.columns if name.startswith("prob_")]
    np.testing.assert_allclose(outputs / outputs.sum(1, keepdims=True), predictions[columns].dropna(), atol=1e-5)
    monkeypatch.setattr("gatewise.bundle.inside._WINDOWS_AT_ONCE", 100)
    pd.testing.assert_frame_equal(model.hidden_states(LONG), states)


def test_a_saved_model_predicts_what_it_did(model: Model, tmp_path: Path) -> None:
    folder = model.save(tmp_path / "mine")
    loaded = gw.load(folder)
    assert loaded.run_id is None
    pd.testing.assert_frame_equal(loaded.predict(LONG), model.predict(LONG))
    by_id = gw.load(str(model.run_id)[:10])
    assert by_id.to_dict() == model.to_dict()
    assert isinstance(by_id.bundle, Bundle)
    assert "predicts" in repr(loaded)
    with pytest.raises(GatewiseError, match="no run that was judged"):
        _ = loaded.verdict


def test_every_flag_and_short_name_is_a_keyword_of_its_field() -> None:
    for flag in ALL_FLAGS:
        for keyword in flag.keywords:
            assert read_settings({keyword: "x"}) == {flag.field: "x"}
    flags = {keyword for flag in ALL_FLAGS for keyword in flag.keywords}
    for short, field in SHORT.items():
        assert short in flags or keywords()[short] == field
    assert read_settings({"windows_per_epoch": 3, "training.dropout": 1}) == {
        "training.windows_per_epoch": 3,
        "training.dropout": 1,
    }


def test_settings_come_by_keyword_mapping_file_or_config(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("model: gru\nsequence_length: 9\n")
    flat = {"model": "gru", "sequence_length": 9}
    whole = gw.load_config(overrides={"model.name": "gru", "windows.sequence_length": 9})
    from gatewise.api.call import Call

    for config in (tmp_path / "mine.yaml", str(tmp_path / "mine.yaml"), flat, whole):
        made = Call(None, config, {"target.horizon": 7}, {"hidden_size": np.int64(5)}, gw.fit).config()
        assert (made.model.name, made.windows.sequence_length, made.target.horizon) == ("gru", 9, 7)
        assert made.model.model_dump()["hidden_size"] == 5
    assert Call(None, None, None, {"target": {"kind": "direction"}}, gw.fit).config().target.kind == "direction"


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "number": (3, {}, "got int 3"),
    "array": (np.zeros((3, 4)), {}, "NumPy array of shape"),
    "nothing": ([], {}, "an empty list"),
    "series": (PANDAS["close"], {}, "got a Series"),
    "no time": (PANDAS.drop(columns="time"), {}, "no column is known to hold the time"),
    "no rows": (PANDAS.iloc[:0], {}, "a frame must have rows"),
    "mixed cells": (PANDAS.assign(x=[1, "a"] * 500), {}, "Could not convert"),
    "index and column": (PANDAS.set_index(PANDAS["time"] + pd.Timedelta("5h")), {}, "they differ"),
    "no stamp": (
        PANDAS.assign(time=PANDAS["time"].mask(PANDAS.index == 3)).set_index("time", drop=False),
        {},
        "row 4 holds no time",
    ),
    "two columns": (PANDAS.rename(columns={"open": "close"}), {}, "each called once"),
    "horizon": (PANDAS, {"horizon": "x"}, "target.horizon"),
    "model": (PANDAS, {"model": 3}, "model.name must be text"),
    "target": (PANDAS, {"target": [1]}, "target.kind must be text"),
    "unknown": (PANDAS, {"hiden_size": 3}, "unknown keyword 'hiden_size'"),
    "two values": (PANDAS, {"seq_len": 3, "sequence_length": 4}, "two values of windows.sequence_length"),
    "two sources": (PANDAS, {"source": "sp500"}, "two values of data.source"),
    "config": (PANDAS, {"config": 3}, "got int"),
    "settings": (PANDAS, {"settings": [3]}, "a mapping of names"),
    "two levels": (
        LONG.assign(x="a").set_index(["x", "symbol"]).rename_axis([None, None]),
        {},
        "two levels of the index",
    ),
    "name": (PANDAS, {"run_name": 5}, "run_name is a text"),
    "resume": (PANDAS, {"resume": 5}, "resume is a text"),
    "last epoch": (PANDAS, {"stop_after_epoch": "1"}, "stop_after_epoch is a whole number"),
    "file": ("absent.csv", {}, "does not exist"),
    "rows": (None, {}, "no data is named"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_trained_on_is_one_line_and_a_hint(gatewise_home: Path, case: str) -> None:
    data, said, words = REFUSED[case]
    with pytest.raises(GatewiseError) as refused:
        gw.fit(data, **{**TINY, **said})
    error = refused.value
    assert words in error.message
    assert error.hint
    assert "\n" not in error.message + error.hint
    assert f"hint: {error.hint}" in error.__notes__
    assert isinstance(error, TypeError) == (
        case
        in ("number", "array", "nothing", "series", "unknown", "config", "settings", "name", "resume", "last epoch")
    )
    assert not list((gatewise_home / "runs").glob("*"))


def test_a_table_says_itself_how_it_was_read(gatewise_home: Path) -> None:
    table = given(PANDAS).load(DataConfig(source="frame"))
    with pytest.raises(GatewiseError, match=r"read already; data\.stamp"):
        gw.fit(table, stamp="open", **TINY)
    with pytest.raises(ArgumentError, match="was checked"):
        gw.check(table)


@pytest.mark.parametrize("resumed", [False, True])
def test_one_interrupt_says_how_to_go_on_with_the_same_rows(
    gatewise_home: Path, monkeypatch: pytest.MonkeyPatch, resumed: bool
) -> None:
    from gatewise.cli.progress import EpochProgress

    frame = bars()

    def interrupt(self: EpochProgress, epoch: int, values: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EpochProgress, "on_epoch", interrupt)
        with pytest.raises(Interrupted) as cut:
            gw.fit(frame, **TINY)
    (run,) = (gatewise_home / "runs").iterdir()
    assert f'gatewise.fit(rows, resume="{run.name}")' in str(cut.value)
    if resumed:
        model = gw.fit(frame.to_pandas(), resume=run.name[:8], progress=False)
        assert model.run_id == run.name
        assert all(torch.equal(v, weights(model)[n]) for n, v in weights(gw.fit(frame, **TINY)).items())
    else:
        with pytest.raises(GatewiseError, match="goes on with its own config"):
            gw.fit(frame, resume=run.name, horizon=3)


def test_the_command_line_does_not_read_a_frame_again(home: Path, model: Model) -> None:
    with pytest.raises(GatewiseError, match="no run has"):
        gw.fit(PANDAS, resume="abc")
    with pytest.raises(GatewiseError, match="can't be read again") as refused:
        gw.train(resume=model.run_id)
    assert "gatewise.fit(" in str(refused.value.hint)


def test_a_result_fits_a_screen_and_a_notebook(model: Model) -> None:
    lines = str(model).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"{model.headline}: ")
    assert model.headline == json.loads((model.folder / "metrics.json").read_bytes())["headline"]  # type: ignore[operator]
    assert f"{str(model.run_id)[:8]}  2 symbols 1h lstm tb2" in str(model)
    page = model._repr_html_()
    assert model.headline in page
    assert "<svg" in page
    assert "<script" not in page
    report = model.report()
    assert Path(report).read_text(encoding="utf-8").startswith("<!")
    assert "<iframe" in report._repr_html_()
    assert model.comparison.filter(pl.col("who") == "model").height == sum(map(len, model.metrics.values()))


def test_a_notebook_is_told_in_plain_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its stream calls itself a terminal, but knows no bar that is drawn again."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    from gatewise.cli.progress import EpochProgress

    with EpochProgress(gw.load_config().training, quiet=False, words=str) as progress:
        progress.on_step(1, 1, 2)
        progress.on_message("training.dropout=0.3 " * 9)
    assert capsys.readouterr().err == "training.dropout=0.3 " * 9 + "\n"


def test_pandas_is_looked_at_only_where_it_is() -> None:
    code = (
        "import sys, gatewise as gw\nfrom api_frames import bars\n"
        "result = gw.check(bars())\nassert result and 'pandas' not in sys.modules, result"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
