"""The lake as a source of rows, and files as a source of the lake.

A bug here is silent: rows of another feed or timeframe train a model as well as the right ones do.
"""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from conftest import Cli
from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig
from gatewise.data.check import lake as lake_check
from gatewise.data.load import load_table
from gatewise.data.sources import read_source
from gatewise.errors import AmbiguousError, ConfigError, DataError, NotEnoughRowsError, SchemaError, UnknownNameError
from gatewise.feeds.importing import import_rows, period_of
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from lake_worlds import BTC, MINUTE, bars, content, filled, stamps


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """BTC and ETH by the minute from coinbase, BTC from kraken too, SOL by the hour."""
    root = tmp_path / "lake"
    filled(root, bars(500))
    filled(root, bars(400, seed=1), SeriesKey("coinbase", "ETH-USD", MINUTE))
    filled(root, bars(300, seed=2), SeriesKey("kraken", "BTC-USD", MINUTE))
    filled(root, bars(200, step=timedelta(hours=1)), SeriesKey("coinbase", "SOL-USD", timedelta(hours=1)))
    return root


def spec(lake: Path, **said: object) -> DataConfig:
    return DataConfig.model_validate({"source": "lake", "lake": str(lake), **said})


def test_the_lake_gives_the_table_that_a_file_of_the_same_rows_gives(lake: Path, tmp_path: Path) -> None:
    both = pl.concat(
        [bars(500).with_columns(symbol=pl.lit("BTC-USD")), bars(400, seed=1).with_columns(symbol=pl.lit("ETH-USD"))]
    )
    both.write_parquet(tmp_path / "both.parquet")
    keep = ("close", "volume")
    told = spec(lake, feed="coinbase", symbols="ETH-USD,BTC-USD", timeframe="1m", columns=keep)
    file = DataConfig(paths=(str(tmp_path / "both.parquet"),), stamp="close", columns=keep)
    assert load_table(told).frame.equals(load_table(file).frame)
    assert load_table(told).fingerprint == load_table(file).fingerprint


def test_the_check_reads_the_lake_as_training_would(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"gap_tolerance": "2h", "resample": "1h", "prices": "any", "repair": ()}
    days = {"session": "17:00", "timezone": "America/New_York"}
    read: list[DataConfig] = []
    monkeypatch.setattr(lake_check, "read_source", lambda one: read.append(one) or read_source(one))
    key = SeriesKey("coinbase", "BTC-USD", MINUTE)
    for clock in (days, {"calendar": "XNYS"}):
        told = spec(lake, **said, **clock)
        lake_check.check_lake(Lake(lake), [key], told)
        assert all(getattr(read[-1], name) == getattr(told, name) for name in (*said, *days, "calendar"))


def test_what_says_how_epochs_are_read_has_nothing_to_say_of_the_lake_and_that_is_said(lake: Path) -> None:
    told = spec(lake, feed="coinbase", symbols="ETH-USD", timeframe="1m", epochs="wall", timezone="Europe/Athens")
    rows = read_source(told)
    assert rows.frame.equals(read_source(told.model_copy(update={"epochs": "utc", "timezone": None})).frame)
    assert any("moments already: data.epochs='wall' has nothing to say" in note for note in rows.notes)


def test_only_rows_of_the_span_are_read_and_their_pages_alone(lake: Path) -> None:
    for page in sorted((lake / BTC.folder).glob("*.parquet"))[1:]:
        page.write_bytes(b"")
    first = datetime(2023, 11, 12, 22, 30, tzinfo=UTC)
    told = spec(lake, feed="coinbase", symbols=["BTC-USD"], start=first, end=first + 5 * MINUTE)
    assert load_table(told).frame["time"].to_list() == [first + n * MINUTE for n in range(5)]
    with pytest.raises(DataError, match="damaged"):
        load_table(spec(lake, feed="coinbase", symbols=["BTC-USD"]))


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({}, ConfigError, "holds 3 symbols; none is named"),
        ({"symbols": ["BTC-USD"]}, AmbiguousError, "of feeds coinbase, kraken"),
        ({"symbols": ["BTC-UDS"]}, UnknownNameError, "unknown symbol in the lake 'BTC-UDS'"),
        ({"feed": "coinbas", "symbols": ["BTC-USD"]}, UnknownNameError, "unknown feed"),
        ({"feed": "kraken", "symbols": ["ETH-USD"]}, UnknownNameError, "unknown symbol"),
        ({"feed": "coinbase", "symbols": ["BTC-USD"], "timeframe": "1h"}, UnknownNameError, "unknown timeframe"),
        ({"symbols": ["ETH-USD", "SOL-USD"]}, AmbiguousError, "of timeframes 1m, 1h"),
        ({"feed": "coinbase", "symbols": ["ETH-USD", "SOL-USD"], "timeframe": "1h"}, UnknownNameError, "'ETH-USD'"),
        ({"symbols": ["SOL-USD"], "end": datetime(2020, 1, 1)}, NotEnoughRowsError, "the lake holds SOL-USD 2023"),
        ({"symbols": ["SOL-USD"], "columns": ["clsoe"]}, SchemaError, "no column 'clsoe'"),
        ({"symbols": ["SOL-USD"], "paths": ["x.csv"]}, ConfigError, "reads no files"),
    ],
)
def test_what_the_lake_cannot_give_is_told_in_a_line(
    lake: Path, said: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        read_source(spec(lake, **said))


def test_the_nearest_names_are_listed(lake: Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        read_source(spec(lake, symbols=["BTC-UDS"]))
    assert caught.value.hint == "did you mean 'BTC-USD'? valid: BTC-USD, ETH-USD, SOL-USD"


def test_timeframes_are_listed_by_their_length(tmp_path: Path, cli: Cli) -> None:
    for minutes in (1440, 60, 15, 5):
        length = minutes * MINUTE
        filled(tmp_path, bars(3, step=length), SeriesKey("coinbase", "BTC-USD", length))
    with pytest.raises(UnknownNameError) as caught:
        read_source(spec(tmp_path, timeframe="2h"))
    assert str(caught.value.hint).endswith("valid: 5m, 15m, 1h, 1d")
    with pytest.raises(AmbiguousError, match="of timeframes 5m, 15m, 1h, 1d") as both:
        read_source(spec(tmp_path))
    assert both.value.hint == 'data.timeframe="5m"'
    assert "valid: 5m, 15m, 1h, 1d" in cli("data", "check", "--lake", tmp_path, "--timeframe", "2h").err


def test_series_of_different_columns_are_not_mixed(lake: Path) -> None:
    filled(lake, bars(50).drop("trades"), SeriesKey("coinbase", "ADA-USD", MINUTE))
    with pytest.raises(SchemaError, match="adds trades beside"):
        read_source(spec(lake, symbols=["ADA-USD", "ETH-USD"]))
    assert read_source(spec(lake, symbols=["ADA-USD", "ETH-USD"], columns=["close"])).frame.height == 450


def test_symbols_may_be_a_comma_list_in_a_flag_and_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("data: {source: lake, symbols: 'BTC-USD, ETH-USD'}")
    assert load_config(tmp_path / "a.yaml").data.symbols == ("BTC-USD", "ETH-USD")
    assert load_config(overrides={"data.symbols": "BTC-USD,ETH-USD"}).data.symbols == ("BTC-USD", "ETH-USD")


# Files into the lake


def day_file(folder: Path, day: str, minutes: range, symbol: str = "BTCUSDT") -> Path:
    """A day's dump: its opens' stamps."""
    start = datetime.fromisoformat(day)
    frame = bars(1440, datetime.fromisoformat(day)).drop("trades")
    rows = frame.filter(
        (pl.col("time").dt.epoch("s") - int(start.replace(tzinfo=UTC).timestamp())).is_in([60 * m for m in minutes])
    )
    file = folder / f"{symbol}-1m-{day}.csv"
    rows.rename({"time": "open_time"}).write_csv(file)
    return file


def test_files_become_series_covered_from_first_row_to_last(tmp_path: Path) -> None:
    file = day_file(tmp_path, "2023-03-24", range(60, 1200))
    (done,), _ = import_rows(DataConfig(paths=(str(file),)), Lake(tmp_path / "lake"), "binance")
    assert (str(done.key), done.added) == ("binance BTCUSDT 1m", 1140)
    manifest = Lake(tmp_path / "lake").series(done.key).manifest
    assert manifest is not None
    assert manifest.covered == ((datetime(2023, 3, 24, 1, 1, tzinfo=UTC), datetime(2023, 3, 24, 20, 1, tzinfo=UTC)),)


def test_a_hole_between_files_of_following_days_is_covered_and_one_over_a_day_is_not(tmp_path: Path) -> None:
    for day, minutes in (("2023-03-24", range(1000)), ("2023-03-25", range(300, 1440)), ("2023-03-27", range(1440))):
        day_file(tmp_path, day, minutes)
    import_rows(DataConfig(paths=(str(tmp_path / "*.csv"),)), Lake(tmp_path / "lake"), "binance")
    manifest = Lake(tmp_path / "lake").series(SeriesKey("binance", "BTCUSDT", MINUTE)).manifest
    assert manifest is not None
    assert [f"{moment:%d %H:%M}" for span in manifest.covered for moment in span] == [
        *("24 00:01", "26 00:01"),
        *("27 00:01", "28 00:01"),
    ]


@pytest.mark.parametrize(
    ("name", "period"),
    [
        ("BTCUSDT-1m-2023-03-24.zip", ("2023-03-24", "2023-03-25")),
        ("20180404_trade.zip", ("2018-04-04", "2018-04-05")),
        ("BTCUSDT-1m-2023-12.zip", ("2023-12-01", "2024-01-01")),
        ("BTCUSDT-1m-2022.parquet", ("2022-01-01", "2023-01-01")),
        ("a/2021/bars_2022.zip:bars_2022.csv", ("2022-01-01", "2023-01-01")),
        ("2022-2023.csv", None),
        ("BTC.csv", None),
        ("BTC-20230230.csv", None),
        ("BTC-1202203.csv", None),
    ],
)
def test_a_files_name_tells_its_period(name: str, period: tuple[str, str] | None) -> None:
    found = period_of(name)
    assert (found and tuple(f"{moment:%Y-%m-%d}" for moment in found)) == period


def test_importing_again_or_in_parts_touches_no_byte(tmp_path: Path, cli: Cli) -> None:
    first, second = (day_file(tmp_path, f"2023-03-2{n}", range(1440)) for n in (4, 5))
    words = ("--feed", "binance", "--json", "--lake")
    assert cli("data", "import", first, second, *words, tmp_path / "a").json["series"][0]["added"] == 2880
    before, when = content(tmp_path / "a"), stamps(tmp_path / "a")
    assert cli("data", "import", first, second, first, *words, tmp_path / "a").json["series"][0]["known"] == 2880
    assert (content(tmp_path / "a"), stamps(tmp_path / "a")) == (before, when)
    cli("data", "import", second, *words, tmp_path / "b")
    cli("data", "import", first, *words, tmp_path / "b")
    assert content(tmp_path / "b") == before


def test_a_directory_a_zip_and_the_symbols_flag_work_as_for_training(tmp_path: Path, cli: Cli) -> None:
    file = day_file(tmp_path, "2023-03-24", range(1440))
    with zipfile.ZipFile(tmp_path / "BTCUSDT-1m-2023-03-24.zip", "w") as archive:
        archive.write(file, file.name)
    file.unlink()
    said = cli("data", "import", tmp_path, "--feed", "binance", "--symbol", "XBT", "--json")
    assert said.json["series"] == [
        {"source": "binance", "symbol": "XBT", "timeframe": "1m", "added": 1440, "known": 0, "differing": 0}
    ]


def test_an_import_without_a_feed_or_from_the_lake_is_refused(tmp_path: Path, cli: Cli) -> None:
    file = day_file(tmp_path, "2023-03-24", range(9))
    assert cli("data", "import", file).code == 2
    assert "--feed binance" in cli("data", "import", file).err
    assert cli("data", "import", "--source", "lake", "--feed", "x").code == 2
