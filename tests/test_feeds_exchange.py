"""Whatever befalls a fetch on its way, the lake ends byte for byte as if nothing had.

The server is a real one on loopback, asked by ccxt over HTTP. An answer that was cut off and read as an empty one would
be kept as a quiet market for ever, and nothing would crash.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candle_server import FAULTS, REFUSALS, CandleServer, Market, epoch, serve
from gatewise.errors import FeedError, StorageError, UnknownNameError
from gatewise.feeds.base import Feed, FeedOptions, Page
from gatewise.feeds.exchange import ExchangeFeed
from gatewise.feeds.fetch import FetchJob, FetchOutcome, StoppedError, fetch_series
from gatewise.feeds.paging import frame_of
from gatewise.feeds.plan import plan_fetch, plan_update
from gatewise.feeds.pool import fetch_all
from gatewise.feeds.retry import Retry
from gatewise.feeds.table import open_feed
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake

MINUTE = timedelta(minutes=1)
FIRST, LAST = datetime(2023, 11, 10, tzinfo=UTC), datetime(2023, 11, 12, tzinfo=UTC)
NOW = datetime(2023, 11, 11, 12, 0, 30, tzinfo=UTC)
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")


class Quiet:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.bars: dict[SeriesKey, int] = {}
        self.waits: list[str] = []

    def on_begin(self, key: SeriesKey, num_bars: int) -> None:
        self.bars[key] = num_bars

    def on_page(self, key: SeriesKey, num_bars: int, num_rows: int) -> None:
        self.bars[key] -= num_bars

    def on_wait(self, key: SeriesKey, reason: str, seconds: float) -> None:
        self.waits.append(reason)

    def on_end(self, outcome: FetchOutcome) -> None:
        pass


def markets() -> dict[str, Market]:
    outage = (datetime(2023, 11, 10, 20), datetime(2023, 11, 11, 3))
    return {
        name: Market(name, FIRST, LAST, seed, absent=0.05, outages=[outage] if name == "BTC-USD" else [])
        for seed, name in enumerate(SYMBOLS)
    }


@pytest.fixture(scope="module")
def server() -> Iterator[CandleServer]:
    with serve(CandleServer(markets(), NOW)) as running:
        yield running


@pytest.fixture(autouse=True)
def no_fault_is_left(server: CandleServer) -> None:
    """An earlier test's faults may outlast its requests."""
    server.faults.clear()


@pytest.fixture(scope="module")
def feed(server: CandleServer) -> ExchangeFeed:
    return make_feed(server)


def make_feed(
    server: CandleServer, name: str = "coinbase", now: datetime = NOW, timeout_seconds: float = 60.0
) -> ExchangeFeed:
    options = FeedOptions(base_url=server.url, requests_per_second=10_000, clock=lambda: now)
    return ExchangeFeed(name, options, timeout_seconds)


def hasty() -> Retry:
    return Retry(base_seconds=0.001)


def pages_of(lake: Lake) -> dict[str, bytes]:
    files = (file for file in lake.root.rglob("*") if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(lake.root)): file.read_bytes() for file in files}


Fetch = Callable[..., list[FetchOutcome]]


def fetch(
    feed: ExchangeFeed, lake: Lake, symbols: Sequence[str] = SYMBOLS, refetch: bool = False, **span: datetime
) -> list[FetchOutcome]:
    start, end = span.get("start", FIRST), span.get("end", NOW)
    jobs = plan_fetch(feed, lake, symbols, None, start, end, span.get("now", NOW), hasty())
    return fetch_all(jobs, lake, Quiet(), refetch=refetch, make_retry=hasty)


@pytest.fixture(scope="module")
def undisturbed(server: CandleServer, feed: ExchangeFeed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    lake = Lake(tmp_path_factory.mktemp("undisturbed"))
    assert [outcome.error for outcome in fetch(feed, lake)] == [None] * 3
    return pages_of(lake)


def test_the_lake_holds_every_finished_candle_by_its_close_and_no_other(
    server: CandleServer, feed: ExchangeFeed, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    outcomes = fetch(feed, lake)
    for symbol, outcome in zip(SYMBOLS, outcomes, strict=True):
        truth = server.markets[symbol].candles(epoch(FIRST) - 60, epoch(NOW) - 60, 1, epoch(NOW))
        rows = lake.series(SeriesKey("coinbase", symbol, MINUTE)).read().rows()
        assert [(epoch(row[0]) - 60, list(row[1:])) for row in rows] == truth
        assert outcome.added == len(truth) == len(rows)
        assert rows[-1][0] <= NOW


def test_an_outage_is_told_from_minutes_without_trades(feed: ExchangeFeed, tmp_path: Path) -> None:
    bitcoin, ether, _ = fetch(feed, Lake(tmp_path))
    assert bitcoin.standing is not None
    assert ether.standing is not None
    (outage,) = bitcoin.standing.outages
    assert (
        outage.start <= datetime(2023, 11, 10, 20, 1, tzinfo=UTC) < datetime(2023, 11, 11, 3, tzinfo=UTC) <= outage.end
    )
    assert ether.standing.outages == ()
    assert ether.standing.absent > 100


def test_a_second_fetch_of_the_same_span_asks_for_nothing_and_changes_no_byte(
    server: CandleServer, feed: ExchangeFeed, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    fetch(feed, lake)
    before, asked = pages_of(lake), len(server.asked)
    for outcome in fetch(feed, lake):
        assert (outcome.added, outcome.pages, outcome.differing) == (0, 0, 0)
    assert len(server.asked) == asked
    assert pages_of(lake) == before


@pytest.mark.parametrize("sequences", [10, pytest.param(100, marks=pytest.mark.soak)])
def test_after_every_sequence_of_faults_the_lake_equals_the_undisturbed_one(
    server: CandleServer,
    feed: ExchangeFeed,
    undisturbed: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    sequences: int,
) -> None:
    @settings(max_examples=sequences)
    @given(st.lists(st.sampled_from([None, *FAULTS]), max_size=25), st.lists(st.integers(0, 2000), max_size=2))
    def law(faults: list[str | None], cuts: list[int]) -> None:
        ends_undisturbed(server, feed, undisturbed, tmp_path_factory.mktemp("disturbed"), faults, cuts)

    law()


def ends_undisturbed(
    server: CandleServer,
    feed: ExchangeFeed,
    undisturbed: dict[str, bytes],
    folder: Path,
    faults: list[str | None],
    cuts: list[int],
) -> None:
    lake = Lake(folder)
    server.faults.clear()
    server.faults.extend(faults)
    for cut in sorted(cuts):  # some of it first, and not from the beginning
        fetch(feed, lake, start=FIRST + cut * MINUTE / 2, end=FIRST + (cut + 60) * MINUTE)
    for _ in range(5):  # a request may meet more faults than it is tried: then the same command is given again
        if not any(outcome.error for outcome in fetch(feed, lake)):
            break
    assert pages_of(lake) == undisturbed


@pytest.mark.parametrize("fault", REFUSALS)
def test_a_failed_request_is_made_again_and_counted(
    server: CandleServer, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    lake = Lake(tmp_path)
    monkeypatch.setattr(server, "slow_seconds", 2.0)
    feed = make_feed(server, timeout_seconds=1.0) if fault == "slow" else make_feed(server)
    server.faults.extend([fault, None, fault])
    outcomes = fetch(feed, lake)
    assert sum(outcome.retries for outcome in outcomes) >= 2
    assert pages_of(lake) == undisturbed


def test_an_exchange_that_stays_away_is_given_up_on_and_what_was_fetched_stays(
    server: CandleServer, feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    server.faults.extend([None] * 6 + ["503"] * 40)
    outcomes = fetch(feed, lake)
    server.faults.clear()
    assert [type(outcome.error) for outcome in outcomes] == [FeedError] * 3
    assert sum(outcome.added for outcome in outcomes) > 500
    assert "has trouble (HTTP 503); gave up after 8 tries" in str(outcomes[0].error)
    fetch(feed, lake)
    assert pages_of(lake) == undisturbed


def test_an_answer_clamped_below_the_announced_limit_loses_no_candle(
    server: CandleServer, feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    try:
        for folder, first in (("oldest", True), ("newest", False)):
            server.most_rows, server.oldest_first = 70, first
            lake = Lake(tmp_path / folder)
            fetch(make_feed(server), lake)
            assert pages_of(lake) == undisturbed
    finally:
        server.most_rows, server.oldest_first = 300, False


def test_a_changed_candle_is_counted_and_the_first_one_kept_unless_told_to_refetch(
    server: CandleServer, feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    lake, key = Lake(tmp_path), SeriesKey("coinbase", "BTC-USD", MINUTE)
    fetch(feed, lake)
    opened, values = server.markets["BTC-USD"].candles(epoch(FIRST), epoch(NOW), 1, epoch(NOW))[100]
    server.changed["BTC-USD", opened] = 1.01
    try:
        assert fetch(feed, lake)[0].differing == 0  # not asked for again
        assert pages_of(lake) == undisturbed
        (outcome,) = fetch(feed, lake, ["BTC-USD"], refetch=True)
        assert (outcome.added, outcome.differing) == (0, 1)
        moment = datetime.fromtimestamp(opened + 60, UTC)
        assert lake.series(key).read(moment, moment + MINUTE)["close"].to_list() == [values[3] * 1.01]
    finally:
        server.changed.clear()
    (outcome,) = fetch(feed, lake, ["BTC-USD"], refetch=True)
    assert outcome.differing == 1
    assert pages_of(lake) == undisturbed


def test_update_goes_on_to_now_and_equals_one_fetch_of_all(
    server: CandleServer, feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    early = FIRST + timedelta(hours=20, seconds=7)
    server.now = early
    try:
        fetch(make_feed(server, now=early), lake, end=early, now=early)
    finally:
        server.now = NOW
    jobs, failed = plan_update(lambda name: feed, lake, None, [], NOW, NOW, hasty())
    assert failed == []
    outcomes = fetch_all(jobs, lake, Quiet(), make_retry=hasty)
    assert all(outcome.error is None and outcome.added > 500 for outcome in outcomes)
    assert pages_of(lake) == undisturbed


def test_update_asks_again_for_what_lies_between_earlier_fetches(
    feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    fetch(feed, lake, end=FIRST + timedelta(hours=5))
    fetch(feed, lake, start=FIRST + timedelta(hours=20), end=FIRST + timedelta(hours=21))
    jobs, _ = plan_update(lambda name: feed, lake, None, [], NOW, NOW, hasty())
    fetch_all(jobs, lake, Quiet(), make_retry=hasty)
    assert pages_of(lake) == undisturbed


def test_a_candle_not_finished_by_the_clock_is_not_taken_and_comes_whole_later(
    server: CandleServer, tmp_path: Path
) -> None:
    lake, key = Lake(tmp_path), SeriesKey("coinbase", "ETH-USD", MINUTE)
    for seconds in range(0, 400, 25):
        server.now = FIRST + timedelta(hours=2, seconds=seconds)
        fetch(make_feed(server, now=server.now), lake, ["ETH-USD"], end=NOW, now=server.now)
        newest = lake.series(key).read()["time"].max()
        assert server.now - timedelta(seconds=185) <= newest <= server.now - timedelta(seconds=5)
    server.now = NOW
    truth = server.markets["ETH-USD"].candles(epoch(FIRST) - 60, epoch(FIRST) + 7200 + 300, 1, epoch(NOW))
    assert [list(row[1:]) for row in lake.series(key).read().rows()] == [values for _, values in truth]


def test_a_symbol_listed_later_is_told_and_found_without_asking_for_years_of_minutes(
    server: CandleServer, feed: ExchangeFeed, tmp_path: Path
) -> None:
    asked = len(server.asked)
    (outcome,) = fetch(feed, Lake(tmp_path), ["BTC-USD"], start=datetime(2018, 1, 1, tzinfo=UTC))
    assert outcome.error is None
    assert [note for note in outcome.notes if note.startswith("no rows before 2023-11-10 00:")]
    assert len(server.asked) - asked < 40


def test_a_symbol_delisted_in_mid_span_is_told_and_no_error(tmp_path: Path) -> None:
    later = datetime(2024, 2, 1, tzinfo=UTC)
    with serve(CandleServer(markets(), later)) as running:
        (outcome,) = fetch(make_feed(running, now=later), Lake(tmp_path), ["SOL-USD"], end=later, now=later)
        assert outcome.error is None
        assert outcome.notes == ["no rows after 2023-11-12 00:00 UTC: delisted, or halted since"]
        assert len(running.asked) < 40


def test_binance_is_asked_the_same_way(server: CandleServer, feed: ExchangeFeed, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    fetch(make_feed(server, "binance"), lake, ["ETH-USD", "BTCUSD"])
    fetch(feed, lake, ["ETH-USD", "BTC-USD"])
    for symbol in ("ETH-USD", "BTC-USD"):
        theirs, ours = (lake.series(SeriesKey(name, symbol, MINUTE)).read() for name in ("binance", "coinbase"))
        assert theirs.equals(ours)


def test_hours_are_whole_hours_and_close_on_the_hour(server: CandleServer, feed: ExchangeFeed, tmp_path: Path) -> None:
    lake, hour = Lake(tmp_path), timedelta(hours=1)
    jobs = plan_fetch(feed, lake, ["ETH-USD"], hour, FIRST, NOW, NOW, hasty())
    fetch_all(jobs, lake, Quiet(), make_retry=hasty)
    rows = lake.series(SeriesKey("coinbase", "ETH-USD", hour)).read()
    assert rows["time"][0] == FIRST + hour
    assert rows["time"][-1] == datetime(2023, 11, 11, 12, tzinfo=UTC)
    assert rows.height == 36


@pytest.mark.parametrize("said", ["BTC-USD", "btc-usd", "BTC/USD", "btc/usd"])
def test_a_symbol_may_be_spelt_as_people_do(feed: ExchangeFeed, said: str) -> None:
    assert feed.resolve(said, MINUTE, hasty()) == SeriesKey("coinbase", "BTC-USD", MINUTE)


def test_an_unknown_symbol_or_timeframe_names_the_nearest(feed: ExchangeFeed) -> None:
    with pytest.raises(UnknownNameError, match="unknown symbol of coinbase 'BTC-UDS'") as told:
        feed.resolve("BTC-UDS", MINUTE, hasty())
    assert "'BTC-USD'" in str(told.value.hint)
    with pytest.raises(UnknownNameError, match="unknown timeframe of coinbase '3m'") as told:
        feed.resolve("BTC-USD", 3 * MINUTE, hasty())
    assert "valid: 1m, 5m, 15m" in str(told.value.hint)


def test_progress_counts_down_to_nothing(feed: ExchangeFeed, tmp_path: Path) -> None:
    listener, key = Quiet(), feed.resolve("BTC-USD", MINUTE, hasty())
    fetch_series(FetchJob(feed, key, FIRST, NOW.replace(second=0)), Lake(tmp_path), hasty(), listener)
    assert listener.bars == {key: 0}


class Kraken:
    """A feed that has nothing of the first hour, a gap that it does not answer for, and a page at a time."""

    name, default_timeframe = "kraken", MINUTE

    def resolve(self, symbol: str, timeframe: timedelta, retry: Retry) -> SeriesKey:
        return SeriesKey(self.name, symbol, timeframe)

    def facts(self, key: SeriesKey) -> dict[str, str]:
        return {"currency": "USD"}

    def oldest(self, key: SeriesKey) -> datetime | None:
        return None

    def revises(self, key: SeriesKey) -> bool:
        return False

    def page(self, key: SeriesKey, start: datetime, end: datetime, retry: Retry) -> Page:
        hour = (start - FIRST) // timedelta(hours=1)
        until = FIRST + timedelta(hours=hour + 1)
        if hour % 2:
            return Page(frame_of([]), None, until, f"nothing of hour {hour}")
        return Page(frame_of([(start, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0])]), (start, until), until)


def test_time_that_a_feed_does_not_answer_for_is_not_covered_and_is_told(tmp_path: Path) -> None:
    lake, key = Lake(tmp_path), SeriesKey("kraken", "BTC-USD", MINUTE)
    outcome = fetch_series(FetchJob(Kraken(), key, FIRST, FIRST + timedelta(hours=4)), lake, hasty(), Quiet())
    assert outcome.error is None
    assert outcome.notes[:2] == ["nothing of hour 1", "nothing of hour 3"]
    manifest = lake.series(key).manifest
    assert manifest is not None
    assert [(start - FIRST, end - FIRST) for start, end in manifest.covered] == [
        (timedelta(0), timedelta(hours=1)),
        (timedelta(hours=2), timedelta(hours=3)),
    ]
    assert manifest.rows == outcome.added == 2


def test_update_tells_symbols_that_are_gone_and_series_that_no_feed_has_and_goes_on(
    server: CandleServer, feed: ExchangeFeed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = Lake(tmp_path)
    middle = FIRST + timedelta(hours=3)
    fetch(feed, lake, ["ETH-USD"], end=middle)
    gone = SeriesKey("coinbase", "LUNA-USD", MINUTE)
    imported, unreachable = SeriesKey("my-files", "BTC-USD", MINUTE), SeriesKey("kraken", "BTC-USD", MINUTE)
    spelt = SeriesKey("coinbase", "eth-usd", MINUTE)
    for key in (gone, imported, unreachable, spelt):
        with lake.series(key).writer() as writer:
            writer.append(frame_of([(FIRST, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0])]), (FIRST, middle), {})

    class Away(Kraken):
        def resolve(self, symbol: str, timeframe: timedelta, retry: Retry) -> SeriesKey:
            raise FeedError("kraken: no network?")

    def open_one(name: str) -> Feed:
        return {"coinbase": feed, "kraken": Away()}[name] if name != "my-files" else open_feed(name, FeedOptions())

    with caplog.at_level("INFO", "gatewise.feeds"):
        jobs, failed = plan_update(open_one, lake, None, [], NOW, NOW, hasty())
    assert [job.key.symbol for job in jobs] == ["ETH-USD"]
    assert [outcome.key for outcome in failed] == [unreachable]
    assert "LUNA-USD 1m: coinbase no longer lists it" in caplog.text
    assert "eth-usd 1m: coinbase spells it ETH-USD (imported?): left as it is" in caplog.text
    assert "my-files BTC-USD 1m: my-files is no feed" in caplog.text
    with caplog.at_level("INFO", "gatewise.feeds"):
        assert plan_update(lambda name: feed, lake, "coinbase", ["ETH-USD"], FIRST, NOW, hasty()) == ([], [])
    assert "ETH-USD 1m: begins after the end asked for: left as it is" in caplog.text


def test_a_page_cut_short_on_disk_is_found_and_fetched_again(
    feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    fetch(feed, lake)
    for page in tmp_path.rglob("*.parquet"):
        page.write_bytes(page.read_bytes()[:1000])
    outcomes = fetch(feed, lake)
    assert all(outcome.error is None and outcome.added > 1000 for outcome in outcomes)
    assert pages_of(lake) == undisturbed


@pytest.mark.parametrize("text", ["", '{"version": 1, "ro', "null"])
def test_a_damaged_manifest_is_made_anew_by_the_next_fetch(
    feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path, text: str
) -> None:
    lake = Lake(tmp_path)
    fetch(feed, lake)
    for manifest in tmp_path.rglob("manifest.json"):
        manifest.write_text(text)
    assert [outcome.error for outcome in fetch(feed, lake)] == [None] * 3
    assert pages_of(lake) == undisturbed


def test_an_update_mends_a_damaged_manifest_and_tells_one_that_it_must_leave(
    feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    fetch(feed, lake)
    damaged, later = (lake.series(SeriesKey("coinbase", name, MINUTE)) for name in ("BTC-USD", "ETH-USD"))
    (damaged.folder / "manifest.json").write_text("{")
    text = (later.folder / "manifest.json").read_text()
    (later.folder / "manifest.json").write_text(text.replace('"version": 1', '"version": 2'))
    jobs, failed = plan_update(lambda name: feed, lake, None, [], NOW, NOW, hasty())
    assert [outcome.key.symbol for outcome in failed] == ["ETH-USD"]
    outcomes = {outcome.key.symbol: outcome for outcome in fetch_all(jobs, lake, Quiet(), make_retry=hasty)}
    assert [outcome.error for outcome in outcomes.values()] == [None] * 2
    held = damaged.manifest
    assert held is not None
    assert (held.start, held.covered) == (outcomes["BTC-USD"].start, ((held.start, NOW),))  # all that it held
    (later.folder / "manifest.json").write_text(text)
    assert {name: data for name, data in pages_of(lake).items() if name.endswith("parquet")} == {
        name: data for name, data in undisturbed.items() if name.endswith("parquet")
    }


def test_a_full_disk_is_told_and_what_was_kept_before_stays(
    feed: ExchangeFeed, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    fetch(feed, lake, end=FIRST + timedelta(hours=6))
    before = pages_of(lake)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("gatewise.files.os.fsync", full)
        outcomes = fetch(feed, lake)
    assert [type(outcome.error) for outcome in outcomes] == [StorageError] * 3
    assert "No space left on device" in str(outcomes[0].error)
    assert pages_of(lake) == before
    fetch(feed, lake)
    assert pages_of(lake) == undisturbed


def test_an_exchange_whose_clock_is_far_behind_is_told(server: CandleServer, tmp_path: Path) -> None:
    feed = make_feed(server)
    key = feed.resolve("BTC-USD", MINUTE, hasty())
    feed._client.answers.behind = timedelta(days=30)
    page = feed.page(key, FIRST, NOW, hasty())
    assert page.frame.is_empty()
    assert page.covered is None
    assert "is 30 days, 0:00:00 behind ours" in str(page.note)


def test_a_wait_asked_of_one_thread_holds_the_others(server: CandleServer) -> None:
    feed, held = make_feed(server), []
    key = feed.resolve("BTC-USD", MINUTE, hasty())
    feed._client.answers._hold = held.append
    server.faults.extend(["429", "500"])
    feed.page(key, FIRST, NOW, hasty())
    assert held == [0.05]


def test_ctrl_c_ends_a_wait_that_the_exchange_asks_of_all_and_keeps_what_came(
    server: CandleServer, tmp_path: Path
) -> None:
    feed, lake = make_feed(server), Lake(tmp_path)
    key = feed.resolve("BTC-USD", MINUTE, hasty())

    class Held(Quiet):
        def on_page(self, key: SeriesKey, num_bars: int, num_rows: int) -> None:
            feed._limiter.hold(86_400.0)

    def stopped(seconds: float) -> None:
        if seconds > 3600:
            raise StoppedError

    with pytest.raises(StoppedError):
        fetch_series(FetchJob(feed, key, FIRST, NOW), lake, Retry(sleep=stopped), Held())
    assert lake.series(key).read().height > 200


def test_a_password_in_an_address_is_never_told(server: CandleServer) -> None:
    address = server.url.replace("//", "//me:secret@")
    feed = ExchangeFeed("coinbase", FeedOptions(base_url=address, requests_per_second=10_000))
    key = feed.resolve("BTC-USD", MINUTE, hasty())
    server.faults.extend(["404"] * 2)
    with pytest.raises(FeedError, match="refuses") as told:
        feed.page(key, FIRST, NOW, hasty())
    assert "secret" not in told.value.message
    assert "127.0.0.1" in told.value.message
