"""Which series a row belongs to. Rows of two stocks, or of bars of two lengths, that become one series train a model
without complaint; so what may mix is refused, and no hint ever leads to it.
"""

from __future__ import annotations

import shlex
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Cli
from data_files import as_csv, bars, expected, load, put
from gatewise.cli.flags import translate
from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig
from gatewise.data.check.lake import check_lake
from gatewise.data.check.rows import check_data
from gatewise.data.columns.identity import IDS, LOOSE_SYMBOLS, SYMBOLS, VENUES
from gatewise.data.columns.interval_column import INTERVALS
from gatewise.data.load import load_table
from gatewise.errors import AmbiguousError, ConfigError, DataError, QualityError, SchemaError
from gatewise.lake.lake import Lake
from sql_tables import put as put_table
from sql_tables import sqlite_url

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HINTED = {"--set": "", "--symbol-column": "data.symbol_column", "--timezone": "data.timezone"}
FEW = settings(max_examples=25, deadline=None)


def long(column: str, names: list[str], rows: int = 12, step: timedelta = DAY) -> pl.DataFrame:
    """Bars of several names over the same times, one below the other."""
    frames = [bars(rows, step, datetime(2024, 1, 2, tzinfo=UTC), seed) for seed in range(len(names))]
    return pl.concat([f.with_columns(pl.lit(n).alias(column)) for f, n in zip(frames, names, strict=True)])


def refusal(path: Path, **said: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        load(path, **said)
    return caught.value


def following(path: Path, error: DataError, **said: Any) -> Any:
    """What is loaded by the first setting that a hint names, as the command line would read it."""
    words = shlex.split(translate(str(error.hint)))
    said_by = {flag: [words[at + 1] for at, word in enumerate(words) if word == flag] for flag in HINTED}
    overrides = {"data.paths": [str(path)]} | {HINTED[flag]: value for flag in said_by for value in said_by[flag][:1]}
    assignments = said_by.pop("--set")
    overrides.pop("", None)
    return load_table(load_config(None, assignments, overrides).data.model_copy(update=said))


@pytest.mark.parametrize(
    "column",
    [
        *SYMBOLS,
        *IDS,
        *LOOSE_SYMBOLS,
        "<TICKER>",
        "Stock Name",
        "TS-Code",
        "PERMNO",
        "コード",
        "证券代码",
        "Emiten",
        "Kode",
    ],
)
def test_known_spellings_of_a_symbol_name_the_series(column: str, tmp_path: Path) -> None:
    frame = long(column, ["AAQ", "BBQ"])
    table = load(put(tmp_path, "all.csv", as_csv(frame)))
    assert table.symbols == ("AAQ", "BBQ")
    assert table.fingerprint == load(put(tmp_path, "s.csv", as_csv(frame.rename({column: "symbol"})))).fingerprint


@pytest.mark.parametrize("column", ["ts_code", "code", "stock", "security"])
def test_codes_of_digits_are_symbols_with_their_zeros(column: str, tmp_path: Path) -> None:
    table = load(put(tmp_path, "all.csv", as_csv(long(column, ["000001", "600519"]))))
    assert table.symbols == ("000001", "600519")


def test_of_two_columns_that_could_name_symbols_the_better_one_does_and_it_is_said(tmp_path: Path) -> None:
    frame = long("name", ["Ping An", "Moutai"]).with_columns(
        pl.when(pl.col("name") == "Moutai").then(pl.lit("600519.SH")).otherwise(pl.lit("000001.SZ")).alias("ts_code"),
        pl.lit("US0378331005").alias("isin"),
    )
    path = put(tmp_path, "all.csv", as_csv(frame))
    assert load(path).symbols == ("000001.SZ", "600519.SH")
    assert "'isin' could name them too" in str(check_data(DataConfig(paths=(str(path),))).notes)
    assert load(path, symbol_column="name").symbols == ("Moutai", "Ping An")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("market", ["pre", "regular"] * 6),
        ("code", ["A", "B", "A", "C"] * 3),
        ("stock", [str(40 - n) for n in range(12)]),
        ("stock", ["17"] * 12),
        ("name", ["a quiet day", "a loud day"] * 6),
        ("name", ["Apple Inc."] * 12),
        ("market", ["NASDAQ"] * 12),
    ],
)
def test_loose_words_that_tell_no_series_apart_leave_one_series(column: str, values: list[str], tmp_path: Path) -> None:
    frame = bars(12).with_columns(pl.Series(column, values))
    assert load(put(tmp_path, "X.csv", as_csv(frame))).symbols == ("X",)


def test_numbers_of_instruments_one_after_another_are_series_and_one_number_leaves_the_files_name(
    tmp_path: Path,
) -> None:
    for column, alone in (("PERMNO", "Y"), ("Asset_ID", "Y"), ("コード", "10107")):
        frame = bars(20).with_columns(pl.Series(column, [10107] * 10 + [14593] * 10))
        path = put(tmp_path, "X.csv", as_csv(frame))
        assert load(path).symbols == ("10107", "14593")
        assert load(put(tmp_path, "Y.csv", as_csv(frame.head(10)))).symbols == (alone,)
    frame.rename({"コード": "gvkey"}).head(10).write_parquet(tmp_path / "Z.parquet")
    assert load(tmp_path / "Z.parquet").symbols == ("Z",)


def test_one_value_of_a_loose_word_names_the_series_where_it_is_written_like_a_symbol(tmp_path: Path) -> None:
    for column, value in (("name", "AAQ"), ("code", "600519.SH"), ("contract", "ESH4")):
        path = put(tmp_path, "X.csv", as_csv(bars(12).with_columns(pl.lit(value).alias(column))))
        assert load(path).symbols == (value,)
        assert load(path, symbol="Y").symbols == ("Y",)


def test_runs_of_a_loose_word_are_series_of_their_own(tmp_path: Path) -> None:
    frame = bars(20).with_columns(pl.Series("contract", ["ESH4"] * 10 + ["ESM4"] * 10))
    path = put(tmp_path, "ES.csv", as_csv(frame))
    assert load(path).symbols == ("ESH4", "ESM4")
    assert load(path, symbol="ES").num_rows == 20


@FEW
@given(
    column=st.sampled_from(["Scrip Name", "emisor", "papel", "desk", "issuer_code"]),
    names=st.lists(st.from_regex(r"[A-Z]{2,5}(\.[A-Z]{1,2})?", fullmatch=True), min_size=2, max_size=4, unique=True),
    shuffled=st.booleans(),
    again=st.integers(0, 2),
)
def test_a_text_column_that_tells_repeats_apart_is_hinted_as_the_symbols_and_never_on_duplicate(
    column: str, names: list[str], shuffled: bool, again: int
) -> None:
    frame = long(column, names)
    if shuffled:
        frame = frame.sample(fraction=1, shuffle=True, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        path = put(Path(folder), "all.csv", as_csv(pl.concat([frame, frame.head(again)])))
        error = refusal(path)
        assert isinstance(error, QualityError)
        assert f"data.symbol_column={column!r}" in str(error.hint)
        assert "on_duplicate" not in str(error.hint)
        assert error.hint == refusal(path, on_duplicate="last").hint
        finding = next(f for f in check_data(DataConfig(paths=(str(path),))).findings if f.kind == "duplicates")
        assert (finding.remedy, finding.blocks) == (error.hint, True)
        assert load(path, symbol_column=column, on_duplicate="first").symbols == tuple(sorted(names))


def test_numbers_of_instruments_tell_repeats_apart_and_counts_of_trades_do_not(tmp_path: Path) -> None:
    frame = long("who", ["1", "2"]).with_columns(pl.Series("trades", [str(n % 7 + n) for n in range(24)]))
    assert "data.symbol_column='who'" in str(refusal(put(tmp_path, "a.csv", as_csv(frame))).hint)
    error = refusal(put(tmp_path, "b.csv", as_csv(frame.drop("who"))))
    assert "data.symbol_column" not in str(error.hint)


def test_columns_that_were_not_asked_for_tell_repeats_apart_too(tmp_path: Path) -> None:
    path = put(tmp_path, "all.csv", as_csv(long("emisor", ["AAQ", "BBQ"])))
    assert "data.symbol_column='emisor'" in str(refusal(path, columns=("close",)).hint)


def test_repeats_of_a_symbol_on_two_venues_are_told_to_be_filtered(tmp_path: Path) -> None:
    venues = [long("symbol", ["AAQ", "BBQ"]).with_columns(pl.lit(v).alias("venue")) for v in ("NYSE", "ARCA")]
    venues[1] = venues[1].with_columns(pl.col("volume") + 1)
    path = put(tmp_path, "all.csv", as_csv(pl.concat(venues)))
    error = refusal(path, on_duplicate="first")
    assert "data.filter={'venue': " in str(error.hint)
    assert following(path, error).num_rows == 24


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("side", ["bid", "ask"]),
        ("session", ["day", "night"]),
        ("kind", ["raw", "adjusted"]),
        ("price_type", ["A", "B"]),
    ],
)
def test_kinds_of_rows_that_tell_repeats_apart_are_told_to_be_filtered(
    column: str, values: list[str], tmp_path: Path
) -> None:
    path = put(tmp_path, "all.csv", as_csv(long(column, values)))
    error = refusal(path)
    assert "data.symbol_column" not in str(error.hint)
    assert f"data.filter={ {column: values[0]}!r}" in str(error.hint)
    assert following(path, error).num_rows == 12


def test_columns_that_tell_repeats_apart_together_are_both_named(tmp_path: Path) -> None:
    pairs = [(base, quote) for base in ("BTC", "ETH") for quote in ("USD", "EUR")]
    frames = [
        bars(12, seed=number).with_columns(pl.lit(base).alias("base"), pl.lit(quote).alias("quote"))
        for number, (base, quote) in enumerate(pairs)
    ]
    path = put(tmp_path, "all.csv", as_csv(pl.concat(frames).with_columns(pl.lit("spot").alias("kind"))))
    error = refusal(path, on_duplicate="last")
    assert "data.filter={'base': 'BTC', 'quote': 'USD'}" in str(error.hint)
    assert following(path, error).num_rows == 12


def test_a_state_that_differs_in_one_revised_row_is_no_symbol(tmp_path: Path) -> None:
    frame = bars(40).with_columns(pl.Series("session", (["pre"] * 3 + ["regular"] * 5) * 5))
    revised = frame[7:8].with_columns(pl.lit("pre").alias("session"), pl.col("close") + 1)
    error = refusal(put(tmp_path, "X.csv", as_csv(pl.concat([frame, revised]))))
    assert "symbol_column" not in str(error.hint)
    assert "on_duplicate" not in str(error.hint)


def test_rows_that_agree_may_be_settled_and_rows_that_differ_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = bars(12)
    agree = put(tmp_path, "a.csv", as_csv(pl.concat([frame, frame[3:5]])))
    error = refusal(agree)
    assert "data.on_duplicate" in str(error.hint)
    revised = frame[3:4].with_columns(pl.col("close") + 0.01, pl.col("volume") + 5)
    differ = put(tmp_path, "b.csv", as_csv(pl.concat([frame, revised, frame[5:6]])))
    error = refusal(differ)
    assert "rows that repeat a time of their symbol: 2, the first at" in error.message
    assert "1 differ, the first from row 4 in close" in error.message
    assert "data.on_duplicate" not in str(error.hint)
    with caplog.at_level("INFO", "gatewise"):
        assert load(differ, on_duplicate="last").frame["volume"][3] == revised["volume"][0]
    assert "2; the last of each is kept; 1 differ" in caplog.text


def test_words_that_vary_with_the_row_are_no_symbols(tmp_path: Path) -> None:
    """Weather reports: several a time where it changed, with the same measurements but for a few."""
    frame = bars(30).with_columns(pl.Series("weather", ["clear", "clouds", "rain"] * 10))
    again = frame[::2].with_columns(pl.lit("mist").alias("weather"))
    revised = again.with_columns(pl.when(pl.int_range(pl.len()) < 2).then(pl.col("close") + 1).otherwise("close"))
    error = refusal(put(tmp_path, "X.csv", as_csv(pl.concat([frame, revised]))))
    assert "2 differ" in error.message
    assert "symbol_column" not in str(error.hint)


@FEW
@given(
    zone=st.sampled_from(
        [
            ("America/New_York", datetime(2024, 11, 3, 5, tzinfo=UTC)),
            ("America/Los_Angeles", datetime(2019, 11, 3, 8, tzinfo=UTC)),
            ("Europe/Berlin", datetime(2023, 10, 29, 0, tzinfo=UTC)),
            ("Europe/London", datetime(2021, 10, 31, 0, tzinfo=UTC)),
            ("Australia/Sydney", datetime(2022, 4, 2, 15, tzinfo=UTC)),
        ]
    ),
    step=st.sampled_from([timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=5)]),
    before=st.integers(3, 30),
)
def test_an_hour_that_clocks_showed_twice_is_hinted_as_the_time_zone(
    zone: tuple[str, datetime], step: timedelta, before: int
) -> None:
    name, about = zone
    frame = bars(before + 60, step, about - before * step)
    with tempfile.TemporaryDirectory() as folder:
        wall = as_csv(frame.with_columns(pl.col("time").dt.convert_time_zone(name).dt.replace_time_zone(None)))
        path = put(Path(folder), "X.csv", wall)
        error = refusal(path)
        assert "data.timezone=" in str(error.hint)
        assert "on_duplicate" not in str(error.hint)
        assert isinstance(refusal(path, on_duplicate="last"), QualityError)
        assert name in str(error.hint) or name == "America/Los_Angeles" or name == "Europe/London"
        assert load(path, timezone=name).fingerprint == expected(frame, step).fingerprint


def test_repeats_of_that_hour_in_utc_are_no_clocks(tmp_path: Path) -> None:
    frame = bars(40, first=datetime(2024, 11, 2, tzinfo=UTC))
    again = frame[25:26].with_columns(pl.col("close") + 1)
    path = put(tmp_path, "X.csv", as_csv(pl.concat([frame, again]), lambda moment: moment.isoformat()))
    assert "data.timezone" not in str(refusal(path).hint)


VALUES = [("1m", "1h"), ("M1", "H1"), ("1", "60"), ("1min", "1hour"), ("PT1M", "PT1H"), ("60", "3600"), ("1T", "1H")]


def two_intervals(column: str, minute: str, hour: str, symbol: str = "IF24") -> pl.DataFrame:
    first = datetime(2024, 3, 4, 9, tzinfo=UTC)
    parts = [bars(180, MINUTE, first), bars(3, HOUR, first, seed=1)]
    return pl.concat(
        [
            p.with_columns(pl.lit(symbol).alias("symbol"), pl.lit(v).alias(column))
            for p, v in zip(parts, (minute, hour), strict=True)
        ]
    )


@pytest.mark.parametrize("column", [*INTERVALS, "<PER>", "Bar Size"])
def test_a_column_of_several_intervals_is_refused_by_name_with_the_filter_that_keeps_one(
    column: str, tmp_path: Path
) -> None:
    minute, hour = VALUES[len(column) % len(VALUES)]
    path = put(tmp_path, "X.csv", as_csv(two_intervals(column, minute, hour)))
    for said in ({}, {"on_duplicate": "last"}):
        error = refusal(path, **said)
        assert isinstance(error, AmbiguousError)
        assert f"column {column!r} names intervals {minute}, {hour}" in error.message
        assert f"data.filter={ {column: minute}!r}" in str(error.hint)
    table = load(path, filter={column: minute})
    assert (table.num_rows, table.timeframe, table.columns) == (180, MINUTE, ("open", "high", "low", "close", "volume"))
    assert load(path, filter={column: hour}).timeframe == HOUR


def test_the_hint_of_the_filter_is_one_that_the_command_line_takes(tmp_path: Path, cli: Cli) -> None:
    for column in ("interval", "<PER>"):
        path = put(tmp_path, "X.csv", as_csv(two_intervals(column, "1m", "1h")))
        said = cli("data", "check", path)
        assert said.code == 2
        assert ("--set data.filter.interval=1m" in said.err) is (column == "interval")
        assert following(path, refusal(path)).num_rows == 180


def test_months_in_a_column_called_period_are_times_and_numbers_that_are_no_lengths_stay_numbers(
    tmp_path: Path,
) -> None:
    text = "period,value\n" + "".join(f"2024-{month:02}-01,{month}\n" for month in range(1, 9))
    assert load(put(tmp_path, "X.csv", text), time_column="period", timeframe="31d").num_rows == 8
    frame = bars(24).with_columns(pl.Series("period", range(1, 25)), pl.Series("frequency", [50.01, 49.99] * 12))
    assert load(put(tmp_path, "Y.csv", as_csv(frame))).columns[5:] == ("period", "frequency")


def test_one_interval_is_left_out_and_held_against_the_step(tmp_path: Path) -> None:
    path = put(tmp_path, "X.csv", as_csv(bars(30).with_columns(pl.lit("60").alias("interval"))))
    assert load(path).columns[5:] == ()
    assert load(path, columns=("close", "interval")).columns == ("close", "interval")
    path = put(tmp_path, "Y.csv", as_csv(bars(30).with_columns(pl.lit("1d").alias("interval"))))
    error = refusal(path)
    assert isinstance(error, SchemaError)
    assert "'interval' says 1d of every row, and the timeframe is 1h" in error.message
    assert load(path, timeframe="1h").num_rows == 30


def test_files_that_name_different_intervals_are_refused(tmp_path: Path) -> None:
    both = two_intervals("interval", "1m", "1h")
    for name, value in (("A", "1m"), ("B", "1h")):
        put(tmp_path, f"{name}.csv", as_csv(both.filter(pl.col("interval") == value)[:3]))
    assert "name in 'interval' intervals 1m, 1h" in refusal(tmp_path).message
    assert load(tmp_path, filter={"interval": "1h"}).timeframe == HOUR


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ({"venue": "NYSE"}, 8),
        ({"venue": ["NYSE", "ARCA"]}, 12),
        ({"venue": "NYSE", "lot": "1"}, 4),
        ({"lot": "1"}, 6),
        ({"lot": 1}, 6),
        ({"lot": "01.0"}, 6),
        ({"Venue": "NYSE"}, 8),
        ({"code": "000001"}, 6),
        ({}, 12),
    ],
)
def test_a_filter_keeps_the_rows_that_hold_the_value(wanted: dict[str, Any], rows: int, tmp_path: Path) -> None:
    frame = bars(12).with_columns(
        pl.Series("venue", ["NYSE", "NYSE", "ARCA"] * 4),
        pl.Series("lot", [1, 2] * 6),
        pl.Series("code", ["000001", "000002"] * 6),
    )
    said = {"filter": wanted, "symbol": "X"}
    for path in (put(tmp_path, "X.csv", as_csv(frame)), tmp_path / "X.parquet"):
        frame.write_parquet(tmp_path / "X.parquet")
        table = load(path, **said)
        assert table.num_rows == rows
    url = put_table(
        sqlite_url(tmp_path / "x.db"),
        frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S")),
        types={"time": "TEXT", "venue": "TEXT", "lot": "INTEGER", "code": "TEXT"},
    )
    there = load_table(DataConfig(source="sql", url=url, table="bars", columns=table.columns, **said))
    assert there.fingerprint == load(path, columns=table.columns, **said).fingerprint


def test_a_filter_that_leaves_nothing_names_the_nearest_column_and_the_values_that_there_are(tmp_path: Path) -> None:
    frame = bars(12).with_columns(pl.Series("venue", ["NYSE", "NYSE", "ARCA"] * 4))
    path = put(tmp_path, "X.csv", as_csv(frame))
    url = put_table(
        sqlite_url(tmp_path / "x.db"),
        frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S")),
        types={"time": "TEXT", "venue": "TEXT"},
    )
    for source in ({"paths": (str(path),)}, {"source": "sql", "url": url, "table": "bars"}):
        with pytest.raises(SchemaError, match="no column 'venu' to filter by") as caught:
            load_table(DataConfig(filter={"venu": "NYSE"}, **source))
        assert "did you mean 'venue'?" in str(caught.value.hint)
        with pytest.raises(SchemaError, match="no row with venue LSE") as caught:
            load_table(DataConfig(filter={"venue": "LSE"}, **source))
        assert "venue holds NYSE, ARCA" in str(caught.value.hint)


def test_files_without_a_row_that_the_filter_keeps_are_passed_over_and_that_is_said(tmp_path: Path) -> None:
    for name, venue in (("A", "NYSE"), ("B", "ARCA")):
        put(tmp_path, f"{name}.csv", as_csv(bars(6).with_columns(pl.lit(venue).alias("venue"))))
    spec = DataConfig(paths=(str(tmp_path),), filter={"venue": "ARCA"})
    assert load_table(spec).symbols == ("B",)
    notes = " ".join(check_data(spec).notes)
    assert "data.filter keeps 6 of 12 rows" in notes
    assert "files without such a row: 1" in notes


@pytest.mark.parametrize("text", ["000001", "NO", "1:30", "1e5", "2024-01-02", "true", "1m", "a b"])
def test_a_filter_on_the_command_line_is_the_text_as_typed(text: str) -> None:
    assert load_config(None, [f"data.filter.code={text}"]).data.filter == {"code": text}
    assert load_config(None, [f"data.filter.code=[{text}, x]"]).data.filter == {"code": (text, "x")}
    assert load_config(None, [f"data.filter.code={text}", "data.filter=null"]).data.filter == {}


def test_the_lake_has_no_columns_to_filter_by(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the lake holds no column 'venue'"):
        load_table(DataConfig(source="lake", lake=str(tmp_path), filter={"venue": "X"}))
    with pytest.raises(ConfigError, match="the lake holds no column 'venue'"):
        check_lake(Lake(tmp_path), (), DataConfig(filter={"venue": "X"}))


def test_databases_are_judged_as_files_are(tmp_path: Path) -> None:
    def there(frame: pl.DataFrame, name: str) -> DataConfig:
        texts = {c: "TEXT" for c, kind in frame.schema.items() if kind == pl.String or kind.is_temporal()}
        written = frame.with_columns(pl.col("time").dt.strftime("%Y-%m-%d %H:%M:%S"))
        url = put_table(sqlite_url(tmp_path / f"{name}.db"), written, types=texts)
        return DataConfig(source="sql", url=url, table="bars")

    spec = there(two_intervals("interval", "1m", "1h"), "a")
    for said in ({}, {"on_duplicate": "last"}):
        with pytest.raises(AmbiguousError, match="'interval' names intervals 1m, 1h") as caught:
            load_table(spec.model_copy(update=said))
        assert "data.filter={'interval': '1m'}" in str(caught.value.hint)
    assert load_table(spec.model_copy(update={"filter": {"interval": "1m"}})).num_rows == 180
    spec = there(long("emisor", ["AAQ", "BBQ"], rows=150), "b")
    with pytest.raises(QualityError, match="repeat a time") as caught:
        load_table(spec.model_copy(update={"on_duplicate": "first"}))
    assert "data.symbol_column='emisor'" in str(caught.value.hint)
    assert load_table(there(long("code", ["000001", "600519"]), "c")).symbols == ("000001", "600519")


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(["stock", "code", "product", "contract"]),
    st.lists(st.integers(1000, 999_999), min_size=1, max_size=4, unique=True),
)
def test_how_much_there_is_of_something_names_no_series(column: str, levels: list[int]) -> None:
    width = len(str(levels[0]))
    levels = [level for level in levels if len(str(level)) == width]
    frame = bars(12 * len(levels)).with_columns(pl.Series(column, [level for level in levels for _ in range(12)]))
    with tempfile.TemporaryDirectory() as folder:
        table = load(put(Path(folder), "copper.csv", as_csv(frame)))
    assert table.symbols == ("copper",)
    assert table.frame[column].to_list() == frame[column].to_list()


@FEW
@given(code=st.sampled_from(["600519", "000001", "AAPL", "0700.HK"]), guard=st.sampled_from(["'", '="', "\t'"]))
def test_a_guard_that_keeps_spreadsheets_from_reading_a_code_as_a_number_is_no_part_of_it(
    code: str, guard: str
) -> None:
    frame = long("symbol", [code, "B"])
    ends = '"' if '"' in guard else ""
    lines = as_csv(frame, separator=";").replace(f";{code}\n", f";{guard}{code}{ends}\n")
    with tempfile.TemporaryDirectory() as folder:
        assert load(put(Path(folder), "X.csv", lines)).symbols == tuple(sorted([code, "B"]))


@pytest.mark.parametrize("column", [*VENUES, "Exchange"])
def test_venues_of_one_symbol_are_told_to_be_filtered_and_never_to_be_symbols(column: str, tmp_path: Path) -> None:
    path = put(tmp_path, "all.csv", as_csv(long(column, ["NYSE", "ARCA"]).with_columns(pl.lit("AAQ").alias("symbol"))))
    error = refusal(path)
    assert f"data.filter={ {column: 'NYSE'} }" in str(error.hint)
    assert "symbol_column" not in str(error.hint)
    table = following(path, error)
    assert (table.symbols, table.num_rows) == (("AAQ",), 12)


def test_what_several_symbols_share_names_none_of_them(tmp_path: Path) -> None:
    """Of two stocks, one after the other, on two desks: a series a desk would run from one stock into the other."""
    first, later = long("desk", ["north", "south"]), long("desk", ["north", "south"])
    later = later.with_columns(pl.col("time") + timedelta(days=40), pl.lit("BBQ").alias("symbol"))
    path = put(tmp_path, "all.csv", as_csv(pl.concat([first.with_columns(pl.lit("AAQ").alias("symbol")), later])))
    error = refusal(path)
    assert "symbol_column" not in str(error.hint)
    assert following(path, error).symbols == ("AAQ", "BBQ")
