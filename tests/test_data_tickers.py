"""NA is the National Bank of Canada, INF and NAN are tickers, NO and ON are what YAML takes for no and yes. A symbol
that is lost as a missing value takes its rows with it, or leaves them to another's.
"""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import VALUES, as_csv, bars, load, put
from gatewise.config.load import load_config
from gatewise.errors import DataError, QualityError, ReadError

DAY = timedelta(days=1)
ODD = ["NA", "NAN", "NULL", "NONE", "NIL", "INF", "INFINITY", "TRUE", "NO", "ON", "Y"]


def two(ticker: str, column: str) -> pl.DataFrame:
    """The same days of a ticker and of AAPL."""
    frames = [bars(14, DAY, seed=seed).with_columns(pl.lit(s).alias(column)) for seed, s in enumerate((ticker, "AAPL"))]
    return pl.concat(frames)


def wide(ticker: str, others: bool, lines: bool) -> str:
    """Columns of a field and a symbol each: by two lines, or by pairs as names."""
    frames = {symbol: bars(14, DAY, seed=seed) for seed, symbol in enumerate([ticker, *["AAPL"] * others])}
    pairs = [(field.capitalize(), symbol) for field in VALUES for symbol in frames]
    head = [
        "Price," + ",".join(f for f, _ in pairs),
        "Ticker," + ",".join(s for _, s in pairs),
        "Date" + "," * len(pairs),
    ]
    head = head if lines else [",".join(["Date", *(f'"{pair}"' for pair in pairs)])]
    rows = [
        ",".join([f"{time:%Y-%m-%d %H:%M}", *(str(frames[s][row, f.lower()]) for f, s in pairs)])
        for row, time in enumerate(frames[ticker]["time"])
    ]
    return "\n".join([*head, *rows]) + "\n"


@settings(max_examples=40, deadline=None)
@given(ticker=st.sampled_from(ODD), how=st.sampled_from(["csv", "loose", "json", "parquet", "lines", "pairs"]))
def test_no_ticker_is_a_missing_value_or_a_number(ticker: str, how: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, frame = Path(name), two(ticker, "symbol")
        if how == "parquet":
            frame.write_parquet(path := folder / "x.parquet")
        elif how == "json":
            path = put(folder, "x.json", json.dumps([{**r, "time": r["time"].isoformat()} for r in frame.to_dicts()]))
        elif how in ("lines", "pairs"):
            path = put(folder, "x.csv", wide(ticker, others=True, lines=how == "lines"))
        else:
            path = put(folder, "x.csv", as_csv(frame.rename({"symbol": "code"} if how == "loose" else {})))
        table = load(path)
        assert table.symbols == tuple(sorted(["AAPL", ticker]))
        assert table.columns == VALUES
        close = table.frame.filter(pl.col("symbol") == ticker)["close"]
        assert close.to_list() == frame.head(14)["close"].to_list()
        assert load(path, symbols=(ticker,)).symbols == (ticker,)
        assert load(put(folder, f"{ticker}_1d_2020.csv", as_csv(bars(14, DAY)))).symbols == (ticker,)


@pytest.mark.parametrize("ticker", ["NA", "NAN", "INF"])
def test_a_column_of_such_tickers_tells_repeats_apart_and_holds_no_numbers(ticker: str, tmp_path: Path) -> None:
    path = put(tmp_path, "x.csv", as_csv(two(ticker, "desk")))
    with pytest.raises(QualityError) as caught:
        load(path)
    assert "data.symbol_column='desk'" in str(caught.value.hint)
    assert load(path, symbol_column="desk").symbols == tuple(sorted(["AAPL", ticker]))


@pytest.mark.parametrize("lines", [True, False])
def test_one_ticker_above_all_columns_may_be_na_and_what_programs_write_for_none_may_not(
    lines: bool, tmp_path: Path
) -> None:
    assert load(put(tmp_path, "x.csv", wide("NA", others=False, lines=lines))).symbols == ("NA",)
    with pytest.raises(DataError):
        load(put(tmp_path, "x.csv", wide("nan", others=False, lines=True)))


def test_a_row_without_a_symbol_is_refused_with_what_may_have_lost_it(tmp_path: Path) -> None:
    frame = two("NA", "symbol").with_columns(pl.col("symbol").replace("NA", None))
    with pytest.raises(ReadError, match="row 1 holds no symbol") as caught:
        load(put(tmp_path, "x.csv", as_csv(frame)))
    assert "keep_default_na=False" in str(caught.value.hint)


@pytest.mark.parametrize("text", [*ODD, "000001", "1E5", "1:30"])
def test_a_symbol_on_the_command_line_is_the_text_as_typed(text: str) -> None:
    assert load_config(None, [f"data.symbol={text}"]).data.symbol == text
    assert load_config(None, [f"data.symbols=[{text}, AAPL]"]).data.symbols == (text, "AAPL")
    assert load_config(None, [], {"data.symbols": f"{text},AAPL"}).data.symbols == (text, "AAPL")
    assert load_config(None, [f"data.symbol={text}", "data.symbol=null"]).data.symbol is None
