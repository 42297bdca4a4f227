"""Stocks over yfinance, asked over HTTP of a server on loopback that answers as Yahoo does.

A split taken for a crash, a dividend that changed half of a series, or a session that is not over yet would all train a
model without a word.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from candle_server import CandleServer, serve
from conftest import Cli
from gatewise.config.schema import DataConfig
from gatewise.data.load import load_table
from gatewise.data.market.sessions import find_calendar
from gatewise.errors import ConfigError, FeedError, MissingExtraError, UnknownNameError
from gatewise.feeds.base import FeedOptions
from gatewise.feeds.fetch import FetchOutcome
from gatewise.feeds.plan import plan_fetch, plan_update
from gatewise.feeds.pool import fetch_all
from gatewise.feeds.retry import Retry
from gatewise.feeds.revision import REVISED
from gatewise.feeds.stocks import YahooFeed
from gatewise.feeds.table import open_feed
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from test_feeds_exchange import Quiet
from yahoo_server import FAULTS, YahooServer, make_stock, serve_yahoo

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NOW = datetime(2024, 9, 20, 15, 0, tzinfo=UTC)  # a Friday, an hour and a half into the session
SPLITS = {date(2023, 8, 31): (4, 1), date(2024, 6, 10): (3, 2)}
DIVIDENDS = {date(2023, 11, 10): 0.3, date(2024, 8, 12): 0.24}


@pytest.fixture
def yahoo(gatewise_home: Path) -> Iterator[YahooServer]:
    stocks = [
        make_stock("AAPL", "2023-01-03", "2024-12-31", splits=SPLITS, dividends=DIVIDENDS),
        make_stock("MSFT", "2023-01-03", "2024-12-31"),
        make_stock("7203.T", "2023-01-04", "2024-12-30", "XTKS", exchange="JPX", zone="Asia/Tokyo", currency="JPY"),
        make_stock("ES=F", "2023-01-03", "2024-12-31", "CMES", exchange="CME", kind="FUTURE", zone="America/Chicago"),
    ]
    with serve_yahoo(YahooServer({stock.symbol: stock for stock in stocks}, NOW)) as server:
        yield server


def hasty() -> Retry:
    return Retry(tries=4, base_seconds=0.01, longest_seconds=0.02)


def feed(server: YahooServer, adjusted: bool | None = None, timeout_seconds: float = 5.0) -> YahooFeed:
    options = FeedOptions(server.url, 10_000, adjusted, lambda: server.now)
    return YahooFeed(options, timeout_seconds)


def fetch(
    server: YahooServer,
    lake: Lake,
    *symbols: str,
    adjusted: bool | None = None,
    timeframe: timedelta = DAY,
    start: datetime,
) -> list[FetchOutcome]:
    jobs = plan_fetch(feed(server, adjusted), lake, symbols, timeframe, start, None, server.now, hasty())
    return fetch_all(jobs, lake, Quiet(), make_retry=hasty)


def update(server: YahooServer, lake: Lake) -> list[FetchOutcome]:
    def opened(name: str) -> YahooFeed:
        return feed(server, {"yahoo": None, "yahoo-raw": False}[name])

    jobs, failed = plan_update(opened, lake, None, (), None, server.now, hasty())
    assert not failed
    return fetch_all(jobs, lake, Quiet(), make_retry=hasty)


def contents(lake: Lake) -> dict[str, bytes]:
    files = [file for file in lake.root.rglob("*") if file.is_file() and file.name != ".lock"]
    return {str(file.relative_to(lake.root)): file.read_bytes() for file in files}


START = datetime(2023, 1, 1, tzinfo=UTC)


def test_bars_as_traded_are_those_that_were_traded_with_their_dividends_and_splits(
    yahoo: YahooServer, tmp_path: Path
) -> None:
    lake, stock = Lake(tmp_path), yahoo.stocks["AAPL"]
    (outcome,) = fetch(yahoo, lake, "aapl", adjusted=False, start=START)
    assert outcome.error is None
    rows = lake.series(SeriesKey("yahoo-raw", "AAPL", DAY)).read()
    count = stock.days.index(date(2024, 9, 19)) + 1  # the running session is left out
    assert rows.height == outcome.added == count
    assert np.allclose(rows.select("open", "high", "low", "close").to_numpy(), stock.prices[:count], rtol=1e-12)
    assert np.allclose(rows["volume"].to_numpy(), stock.volumes[:count], rtol=1e-5)
    told = {day: rows.filter(pl.col(name) != 0) for name, day in (("dividends", "d"), ("splits", "s"))}
    assert dict(zip(told["d"]["time"].dt.date(), told["d"]["dividends"].round(12), strict=True)) == DIVIDENDS
    assert dict(zip(told["s"]["time"].dt.date(), told["s"]["splits"], strict=True)) == {
        day: new / old for day, (new, old) in SPLITS.items()
    }
    facts = lake.series(SeriesKey("yahoo-raw", "AAPL", DAY)).manifest
    assert facts is not None
    assert facts.facts["adjusted"] == "no: as traded"
    assert (facts.facts["calendar"], facts.facts["currency"]) == ("XNYS", "USD")


def test_adjusted_returns_are_those_of_a_holder_who_reinvests(yahoo: YahooServer, tmp_path: Path) -> None:
    lake, stock = Lake(tmp_path), yahoo.stocks["AAPL"]
    fetch(yahoo, lake, "AAPL", start=START)
    rows = lake.series(SeriesKey("yahoo", "AAPL", DAY)).read()
    assert rows.columns == ["time", "open", "high", "low", "close", "volume"]
    close = stock.prices[: rows.height, 3]
    share = np.array([np.divide(*SPLITS.get(day, (1, 1))) for day in stock.days[: rows.height]])
    paid = np.array([DIVIDENDS.get(day, 0.0) for day in stock.days[: rows.height]])
    # One less the dividend's part of the close before, in today's shares: the measure that the industry chains.
    growth = close[1:] * share[1:] / close[:-1] / (1 - paid[1:] * share[1:] / close[:-1])
    adjusted = rows["close"].to_numpy()
    assert np.allclose(adjusted[1:] / adjusted[:-1], growth, rtol=1e-9)
    assert adjusted[-1] == pytest.approx(close[-1])  # the newest price is the market's
    of_open = rows["open"].to_numpy() / adjusted
    assert np.allclose(of_open, stock.prices[: rows.height, 0] / close, rtol=1e-9)


def test_bars_are_knowable_at_the_close_of_their_session_half_days_and_changes_of_clocks_included(
    yahoo: YahooServer, tmp_path: Path
) -> None:
    lake, stock = Lake(tmp_path), yahoo.stocks["MSFT"]
    fetch(yahoo, lake, "MSFT", "7203.T", start=START)
    times = lake.series(SeriesKey("yahoo", "MSFT", DAY)).read()["time"]
    assert times.dt.epoch("s").to_list() == stock.closes[: len(times)]
    assert datetime(2023, 7, 3, 17, tzinfo=UTC) in times
    assert datetime(2023, 11, 24, 18, tzinfo=UTC) in times
    tokyo = lake.series(SeriesKey("yahoo", "7203.T", DAY)).read()["time"]
    assert set(tokyo.dt.strftime("%H:%M")) == {"06:00"}
    assert tokyo[-1] == datetime(2024, 9, 20, 6, tzinfo=UTC)  # Friday's session in Tokyo is over


def test_what_a_fund_pays_out_of_its_gains_is_a_dividend(yahoo: YahooServer, tmp_path: Path) -> None:
    yahoo.stocks["FUND"] = make_stock("FUND", "2023-01-03", "2024-12-31", kind="ETF")
    yahoo.stocks["FUND"].gains[date(2024, 3, 15)] = 1.5
    yahoo.stocks["FUND"].dividends |= {date(2024, 3, 15): 0.5, date(2024, 6, 14): 0.25}
    fetch(yahoo, Lake(tmp_path), "FUND", adjusted=False, start=START)
    rows = Lake(tmp_path).series(SeriesKey("yahoo-raw", "FUND", DAY)).read().filter(pl.col("dividends") != 0)
    assert rows["dividends"].to_list() == pytest.approx([2.0, 0.25])


def test_a_refusal_is_told_in_the_sources_words(yahoo: YahooServer) -> None:
    client = feed(yahoo)
    key = client.resolve("MSFT", MINUTE, hasty())
    with pytest.raises(FeedError, match="refuses: 1m data not available"):
        client.page(key, NOW - timedelta(days=50), NOW, hasty())


def test_a_futures_day_ends_with_its_date_at_the_exchange(yahoo: YahooServer, tmp_path: Path) -> None:
    fetch(yahoo, Lake(tmp_path), "ES=F", start=datetime(2024, 6, 3, tzinfo=UTC))
    series = Lake(tmp_path).series(SeriesKey("yahoo", "ES=F", DAY))
    assert series.manifest is not None
    assert "calendar" not in series.manifest.facts
    assert set(series.read()["time"].dt.convert_time_zone("America/Chicago").dt.strftime("%H:%M")) == {"00:00"}


def test_hours_end_with_the_session_and_carry_no_adjustment(yahoo: YahooServer, tmp_path: Path) -> None:
    lake, stock = Lake(tmp_path), yahoo.stocks["AAPL"]
    start = datetime(2024, 6, 3, tzinfo=UTC)  # a week before a split
    (outcome,) = fetch(yahoo, lake, "AAPL", timeframe=HOUR, start=start)
    assert outcome.error is None
    rows = lake.series(SeriesKey("yahoo-raw", "AAPL", HOUR)).read()
    day = rows.filter(pl.col("time").dt.date() == date(2024, 6, 7))
    assert day["time"].dt.convert_time_zone("America/New_York").dt.strftime("%H:%M").to_list() == [
        *("10:30", "11:30", "12:30", "13:30", "14:30", "15:30", "16:00")
    ]
    for when in (date(2024, 6, 7), date(2024, 6, 10)):
        day, n = rows.filter(pl.col("time").dt.date() == when), stock.days.index(when)
        assert day["close"][-1] == pytest.approx(stock.prices[n, 3])
        assert day["open"][0] == pytest.approx(stock.prices[n, 0])
    assert rows["time"][-1] == datetime(2024, 9, 19, 20, tzinfo=UTC)  # today's first hour has not settled yet


def test_minutes_come_a_week_at_a_time(yahoo: YahooServer, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    (outcome,) = fetch(yahoo, lake, "MSFT", timeframe=MINUTE, start=datetime(2024, 9, 3, tzinfo=UTC))
    assert outcome.error is None
    assert outcome.pages >= 3
    rows = lake.series(SeriesKey("yahoo-raw", "MSFT", MINUTE)).read()
    sessions = [day for day in yahoo.stocks["MSFT"].days if date(2024, 9, 3) <= day < date(2024, 9, 20)]
    assert rows.height == 390 * len(sessions) + 59
    assert (
        load_table(
            DataConfig(source="lake", lake=str(tmp_path), symbols=("MSFT",), timeframe=MINUTE)
        ).segment_start.max()
        == 0
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_after_every_fault_the_lake_is_the_undisturbed_one(yahoo: YahooServer, tmp_path: Path, fault: str) -> None:
    plain, disturbed = Lake(tmp_path / "plain"), Lake(tmp_path / "disturbed")
    fetch(yahoo, plain, "AAPL", start=START)
    for before in (0, 1):  # the question for the symbol, and that for the rows
        yahoo.faults[:] = [""] * before + [fault] * (1 if fault in ("reordered", "repeated") else 2)
        jobs = plan_fetch(feed(yahoo, None, 0.5), disturbed, ["AAPL"], DAY, START, None, NOW, hasty())
        (outcome,) = fetch_all(jobs, disturbed, Quiet(), make_retry=hasty, refetch=bool(before))
        assert outcome.error is None, outcome.error
        assert not yahoo.faults
        assert contents(disturbed) == contents(plain)


def test_a_source_that_stays_down_is_one_error_and_what_was_fetched_stays(yahoo: YahooServer, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    yahoo.now = datetime(2024, 3, 1, 15, tzinfo=UTC)
    fetch(yahoo, lake, "AAPL", start=START)
    before = contents(lake)
    yahoo.now, yahoo.faults = NOW, ["", *["500"] * 40]
    (outcome,) = update(yahoo, lake)
    assert isinstance(outcome.error, FeedError)
    assert "HTTP 500" in outcome.error.message
    assert contents(lake) == before
    yahoo.faults = ["429"] * 40
    with pytest.raises(FeedError, match="HTTP 429"):
        feed(yahoo).resolve("MSFT", DAY, hasty())


def test_no_network_is_one_line(yahoo: YahooServer) -> None:
    nowhere = replace(yahoo, url="http://127.0.0.1:9")
    with pytest.raises(FeedError, match="refused: no network"):
        feed(nowhere).resolve("NVDA", DAY, hasty())


def test_an_unknown_symbol_lists_those_that_the_source_finds(yahoo: YahooServer) -> None:
    with pytest.raises(UnknownNameError, match="AAPLE") as refused:
        feed(yahoo).resolve("aaple", DAY, hasty())
    assert "'AAPL'" in (refused.value.hint or "")
    with pytest.raises(UnknownNameError, match="ZZZZ"):
        feed(yahoo).resolve("ZZZZ", DAY, hasty())
    with pytest.raises(ConfigError, match="empty"):
        feed(yahoo).resolve(" ", DAY, hasty())


def test_a_server_that_is_not_yahoos_calls_no_symbol_unknown() -> None:
    with serve(CandleServer({}, NOW)) as other:
        feed = YahooFeed(FeedOptions(other.url, 1000.0))
        with pytest.raises(FeedError, match="404") as refused:
            feed.resolve("AAPL", DAY, hasty())
    assert "GATEWISE_FEED_URL" in (refused.value.hint or "")


def test_timeframes_that_the_source_lacks_or_no_longer_keeps_are_refused_with_what_it_has(
    yahoo: YahooServer, tmp_path: Path
) -> None:
    with pytest.raises(UnknownNameError) as refused:
        feed(yahoo).resolve("AAPL", 7 * DAY, hasty())
    assert "1h" in (refused.value.hint or "")
    with pytest.raises(ConfigError, match="daily bars only"):
        feed(yahoo, adjusted=True).resolve("AAPL", HOUR, hasty())
    with pytest.raises(ConfigError, match=r"bars of 1m since 2024-08-22") as late:
        fetch(yahoo, Lake(tmp_path), "AAPL", timeframe=MINUTE, start=START)
    assert 'start="2024-08-22' in (late.value.hint or "")


def test_an_update_of_short_bars_goes_on_where_the_source_still_has_some(yahoo: YahooServer, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    yahoo.now = datetime(2024, 6, 20, 15, tzinfo=UTC)
    fetch(yahoo, lake, "MSFT", timeframe=MINUTE, start=datetime(2024, 6, 17, tzinfo=UTC))
    yahoo.now = NOW
    (outcome,) = update(yahoo, lake)
    assert outcome.error is None
    covered = lake.series(SeriesKey("yahoo-raw", "MSFT", MINUTE)).manifest
    assert covered is not None
    assert len(covered.covered) == 2
    assert covered.covered[1][0] >= NOW - timedelta(days=29)


def test_a_new_dividend_changes_an_adjusted_series_and_an_update_fetches_all_of_it(
    yahoo: YahooServer, tmp_path: Path
) -> None:
    lake, fresh = Lake(tmp_path / "lake"), Lake(tmp_path / "fresh")
    yahoo.now = datetime(2024, 8, 9, 23, tzinfo=UTC)  # the dividend of the 12th is yet to come
    fetch(yahoo, lake, "AAPL", "MSFT", start=START)
    old = lake.series(SeriesKey("yahoo", "AAPL", DAY)).read()
    yahoo.now = NOW
    outcomes = {outcome.key.symbol: outcome for outcome in update(yahoo, lake)}
    assert REVISED in outcomes["AAPL"].notes
    assert REVISED not in outcomes["MSFT"].notes
    assert outcomes["AAPL"].differing == old.height
    fetch(yahoo, fresh, "AAPL", "MSFT", start=START)
    assert contents(lake) == contents(fresh)
    assert not update(yahoo, lake)[0].notes


def test_a_new_split_leaves_bars_as_traded_alone_and_is_appended(yahoo: YahooServer, tmp_path: Path) -> None:
    lake, fresh = Lake(tmp_path / "lake"), Lake(tmp_path / "fresh")
    yahoo.now = datetime(2024, 6, 7, 23, tzinfo=UTC)
    fetch(yahoo, lake, "AAPL", adjusted=False, start=START)
    yahoo.now = NOW
    (outcome,) = update(yahoo, lake)
    assert (outcome.notes, outcome.differing) == ([], 0)
    assert outcome.pages == 1
    fetch(yahoo, fresh, "AAPL", adjusted=False, start=START)
    key = SeriesKey("yahoo-raw", "AAPL", DAY)
    assert lake.series(key).read().select(pl.all().exclude("time")).to_numpy() == pytest.approx(
        fresh.series(key).read().select(pl.all().exclude("time")).to_numpy(), rel=1e-9
    )


@pytest.mark.parametrize("withheld", [(0, 1), (1,)])
def test_a_session_that_the_source_has_late_is_asked_for_again(
    yahoo: YahooServer, tmp_path: Path, withheld: tuple[int, ...]
) -> None:
    lake = Lake(tmp_path)
    yahoo.now, yahoo.withheld = datetime(2024, 9, 19, 23, tzinfo=UTC), withheld
    fetch(yahoo, lake, "MSFT", start=START)
    key = SeriesKey("yahoo", "MSFT", DAY)
    assert lake.series(key).read()["time"][-1] == datetime(2024, 9, 17, 20, tzinfo=UTC)
    yahoo.withheld = ()
    (outcome,) = update(yahoo, lake)
    assert outcome.added == 2
    assert lake.series(key).read()["time"][-1] == datetime(2024, 9, 19, 20, tzinfo=UTC)


def test_a_session_that_stays_absent_is_absent_and_counted(yahoo: YahooServer, tmp_path: Path) -> None:
    yahoo.withheld = (10,)
    (outcome,) = fetch(yahoo, Lake(tmp_path), "MSFT", start=START)
    assert outcome.standing is not None
    assert outcome.standing.absent == 1
    (again,) = update(yahoo, Lake(tmp_path))
    assert (again.added, again.error) == (0, None)


def test_a_stock_that_is_traded_no_more_keeps_its_rows_and_is_told(yahoo: YahooServer, tmp_path: Path) -> None:
    yahoo.stocks["GONE"] = make_stock("GONE", "2023-01-03", "2024-03-28")
    lake = Lake(tmp_path)
    (outcome,) = fetch(yahoo, lake, "GONE", start=START)
    assert outcome.error is None
    assert any("no rows after 2024-03-28" in note for note in outcome.notes)
    (again,) = update(yahoo, lake)
    assert (again.error, again.added) == (None, 0)
    del yahoo.stocks["GONE"]
    before = contents(lake)
    jobs, failed = plan_update(lambda _: feed(yahoo), lake, None, (), None, NOW, hasty())
    assert (jobs, failed) == ([], [])
    assert contents(lake) == before


def test_an_empty_answer_before_the_listing_is_no_error(yahoo: YahooServer, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    jobs = plan_fetch(
        feed(yahoo),
        lake,
        ["AAPL"],
        DAY,
        datetime(2021, 1, 1, tzinfo=UTC),
        datetime(2022, 1, 1, tzinfo=UTC),
        NOW,
        hasty(),
    )
    (outcome,) = fetch_all(jobs, lake, Quiet(), make_retry=hasty)
    assert (outcome.error, outcome.added) == (None, 0)


def test_nothing_is_asked_twice(yahoo: YahooServer, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    fetch(yahoo, lake, "AAPL", "MSFT", start=START)
    before = contents(lake)
    yahoo.asked.clear()
    assert [outcome.pages for outcome in fetch(yahoo, lake, "AAPL", "MSFT", start=START)] == [1, 1]  # today, so far
    assert contents(lake) == before
    assert len(yahoo.asked) <= 6


def test_feeds_that_ask_at_once_do_not_mix_their_answers(yahoo: YahooServer, tmp_path: Path) -> None:
    other_stock = make_stock("AAPL", "2023-01-03", "2024-12-31", splits={date(2023, 5, 5): (7, 1)})
    with serve_yahoo(YahooServer({"AAPL": other_stock}, NOW)) as other:
        lakes = {server.url: Lake(tmp_path / server.url.rpartition(":")[2]) for server in (yahoo, other)}
        threads = [
            threading.Thread(
                target=fetch, args=(server, lakes[server.url], "AAPL"), kwargs={"adjusted": False, "start": START}
            )
            for server in (yahoo, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for server in (yahoo, other):
            rows = lakes[server.url].series(SeriesKey("yahoo-raw", "AAPL", DAY)).read()
            assert np.allclose(rows["close"].to_numpy(), server.stocks["AAPL"].prices[: rows.height, 3], rtol=1e-12)


def test_the_lake_knows_the_calendar_of_its_stocks(yahoo: YahooServer, tmp_path: Path) -> None:
    fetch(yahoo, Lake(tmp_path), "AAPL", "MSFT", "7203.T", start=START)
    spec = DataConfig(source="lake", lake=str(tmp_path), symbols=("AAPL", "MSFT"))
    table = load_table(spec)
    assert (table.calendar, table.gap_tolerance) == ("XNYS", DAY)
    assert np.unique(table.segment_start).size == 2
    assert load_table(spec.model_copy(update={"calendar": "none"})).calendar is None


def test_the_feed_is_opened_by_name() -> None:
    assert [open_feed(name, FeedOptions("http://127.0.0.1:9")).name for name in ("yahoo", "yahoo-raw")] == [
        *("yahoo", "yahoo-raw")
    ]
    assert open_feed("yahoo", FeedOptions("http://127.0.0.1:9", adjusted=False)).name == "yahoo-raw"


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gatewise.feeds.stocks")
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(MissingExtraError, match="yfinance is not installed") as absent:
        open_feed("yahoo", FeedOptions())
    assert absent.value.hint == "pip install 'gatewise[stocks]'"
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(MissingExtraError, match="exchange_calendars is not installed"):
        find_calendar("XNYS")
    assert find_calendar("none") is None


def test_fetch_list_check_and_update_from_the_command_line(
    cli: Cli, yahoo: YahooServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWISE_FEED_URL", yahoo.url)
    yahoo.now = datetime.now(UTC)
    last = (yahoo.now + DAY).date().isoformat()
    yahoo.stocks = {name: make_stock(name, "2015-01-02", last) for name in ("AAPL", "MSFT", "TSLA")}
    lake = ("--lake", tmp_path, "--json")
    speed = ("--requests-per-second", 1000)
    said = cli("data", "fetch", "yahoo", "AAPL", "MSFT", "TSLA", "--start", "2015-01-01", *speed, *lake)
    assert said.code == 0, said.err
    assert [(one["source"], one["symbol"], one["timeframe"], one["error"]) for one in said.json["series"]] == [
        ("yahoo", name, "1d", None) for name in ("AAPL", "MSFT", "TSLA")
    ]
    assert all(one["rows"] > 2500 for one in said.json["series"])
    raw = cli("data", "fetch", "yahoo", "TSLA", "--raw", "--start", "2024-01-01", *speed, *lake)
    assert raw.json["series"][0]["source"] == "yahoo-raw"
    listed = cli("data", "list", *lake).json["series"]
    assert {(one["source"], one["facts"]["adjusted"]) for one in listed} == {
        ("yahoo", "splits and dividends"),
        ("yahoo-raw", "no: as traded"),
    }
    updated = cli("data", "update", *speed, *lake)
    assert updated.code == 0, updated.err
    assert len(updated.json["series"]) == 4
    checked = cli("data", "check", *lake)
    assert checked.code == 0, checked.err
    assert {one["report"]["gaps"] for one in checked.json["series"]} == {0}
    assert {one["absent"] for one in checked.json["series"]} == {0}
    refused = cli("data", "fetch", "yahoo", "MSFTT", "--lake", tmp_path)
    assert refused.code == 2
    assert "MSFT" in refused.err
