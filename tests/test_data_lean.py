"""LEAN's files of trades: names give the day and the symbol, deci-cents become dollars, factors apply as in LEAN."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data_files import bars, expected, load, put, zipped
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.errors import ReadError

PRICES = ("open", "high", "low", "close")
DAY = timedelta(days=1)
# As LEAN's own for AAPL, shortened: a dividend in May, seven shares for one in June, a dividend in August 2014.
FACTORS = "19980102,0.95,0.142857\n20140507,0.96875,0.142857\n20140606,0.975,0.142857\n20140806,0.975,1\n20501231,1,1\n"


def factor(day: date) -> float:
    """By hand: the first line whose date is not before the day."""
    for until, price, split in (
        (date(2014, 5, 7), 0.96875, 0.142857),
        (date(2014, 6, 6), 0.975, 0.142857),
        (date(2014, 8, 6), 0.975, 1.0),
    ):
        if day <= until:
            return price * split
    return 1.0


def notes_of(path: Path) -> str:
    return "\n".join(check_data(DataConfig(paths=(str(path),), format="lean")).notes)


def days() -> pl.DataFrame:
    return bars(120, DAY, datetime(2014, 5, 1, tzinfo=UTC))


def put_days(folder: Path, frame: pl.DataFrame) -> Path:
    lines = [
        ",".join([f"{time:%Y%m%d} 00:00", *(str(round(price * 10_000)) for price in prices), str(volume)])
        for time, *prices, volume in frame.iter_rows()
    ]
    return put(folder, "equity/usa/daily/aapl.zip", zipped(("aapl.csv", ("\n".join(lines) + "\n").encode())))


def test_days_of_an_equity_are_dollars_as_traded_where_there_is_no_factor_file(tmp_path: Path) -> None:
    path = put_days(tmp_path, days())
    assert load(path, format="lean").fingerprint == expected(days(), DAY, "aapl").fingerprint
    notes = notes_of(path)
    assert "divided by 10,000" in notes
    assert "prices are as traded" in notes
    assert 'data.timezone="America/New_York"' in notes


def test_prices_are_adjusted_by_the_first_factors_whose_date_is_not_before_the_day(tmp_path: Path) -> None:
    put(tmp_path, "equity/usa/factor_files/aapl.csv", FACTORS)
    path = put_days(tmp_path, days())
    scale = pl.Series([factor(time.date()) for time in days()["time"]])
    wanted = days().with_columns(pl.col(column) * scale for column in PRICES)
    assert load(path, format="lean").fingerprint == expected(wanted, DAY, "aapl").fingerprint
    assert load(path, format="lean", adjusted=True).fingerprint == expected(wanted, DAY, "aapl").fingerprint
    assert load(path, format="lean", adjusted=False).fingerprint == expected(days(), DAY, "aapl").fingerprint
    assert "prices adjusted for splits and dividends by" in notes_of(path)
    # A folder's factor files and quotes are no trades.
    put(tmp_path, "equity/usa/map_files/aapl.csv", "19980102,aapl\n20501231,aapl\n")
    put(tmp_path, "equity/usa/minute/aapl/20140605_quote.zip", zipped(("q.csv", b"0,1,2,1,2,5,1,2,1,2,5\n")))
    assert load(tmp_path, format="lean").fingerprint == expected(wanted, DAY, "aapl").fingerprint


def test_minutes_of_an_equity_take_the_factors_of_their_day(tmp_path: Path) -> None:
    put(tmp_path, "equity/usa/factor_files/aapl.csv", FACTORS)
    minutes = bars(60, timedelta(minutes=1), datetime(2014, 6, 6, 23, 30, tzinfo=UTC))
    for day in (6, 7):
        part = minutes.filter(pl.col("time").dt.day() == day)
        text = "".join(
            f"{int((time - datetime(2014, 6, day, tzinfo=UTC)).total_seconds() * 1000)},"
            f"{','.join(str(round(price * 10_000)) for price in prices)},{volume}\n"
            for time, *prices, volume in part.iter_rows()
        )
        member = (f"2014060{day}_aapl_minute_trade.csv", text.encode())
        put(tmp_path, f"equity/usa/minute/aapl/2014060{day}_trade.zip", zipped(member))
    scale = pl.Series([factor(time.date()) for time in minutes["time"]])
    wanted = expected(minutes.with_columns(pl.col(c) * scale for c in PRICES), timedelta(minutes=1), "aapl")
    assert load(tmp_path / "equity" / "usa" / "minute", format="lean").fingerprint == wanted.fingerprint


def test_a_price_that_is_no_number_is_refused_with_its_row(tmp_path: Path) -> None:
    rows = b"20140501 00:00,1,2,1,2,5\n20140502 00:00,1,2,x,2,5\n"
    with pytest.raises(ReadError, match="row 2: low 'x' is no number"):
        load(put(tmp_path, "equity/usa/daily/aapl.zip", zipped(("aapl.csv", rows))), format="lean")


@pytest.mark.parametrize("line", ["words", "20140101,x,1", "20140101,1", "2014-01-01,1,1"])
def test_a_damaged_factor_file_is_refused_with_its_line(line: str, tmp_path: Path) -> None:
    put(tmp_path, "equity/usa/factor_files/aapl.csv", f"19980102,1,1\n{line}\n")
    with pytest.raises(ReadError, match=r"aapl\.csv line 2") as caught:
        load(put_days(tmp_path, days()), format="lean")
    assert "data.adjusted=False" in str(caught.value.hint)


def test_lines_that_lost_their_precision_are_left_out_as_lean_leaves_them_out(tmp_path: Path) -> None:
    put(tmp_path, "equity/usa/factor_files/aapl.csv", "20140507,1,1.6e+6\n20140507,inf,1\n20140507,0,1\n20501231,1,1\n")
    path = put_days(tmp_path, days())
    assert load(path, format="lean").fingerprint == expected(days(), DAY, "aapl").fingerprint
