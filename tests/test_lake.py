"""The lake: what is kept is what came, whole, once, and in bytes that tell nothing of how it came.

A bug here is silent: a row lost at a page's edge, a span called covered that was not, or a page half-written would
become a hole in every model trained later.
"""

from __future__ import annotations

import itertools
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewise.errors import ConfigError, SchemaError
from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from gatewise.lake.pages import BARS, span_of
from gatewise.lake.series import Series
from gatewise.lake.spans import subtract, unite
from lake_worlds import BTC, FACTS, MINUTE, ORDER, START, bars, content, filled, span, stamps


def test_what_was_appended_is_read_back_in_order_of_time_with_prices_first(tmp_path: Path) -> None:
    frame = bars(300)
    series = filled(tmp_path, frame.sample(fraction=1, shuffle=True, seed=1).sort("time"))
    assert series.read().equals(frame.select(ORDER))


def test_every_page_is_a_fixed_week_of_minutes(tmp_path: Path) -> None:
    series = filled(tmp_path, bars(BARS + 300))
    assert [file.name[:16] for file in sorted(series.folder.glob("*.parquet"))] == [
        "20231106T000000Z",
        "20231113T000000Z",
        "20231120T000000Z",
    ]
    assert [pl.read_parquet(file).height for file in sorted(series.folder.glob("*.parquet"))] == [119, BARS, 181]


@given(moment=st.datetimes(datetime(1930, 1, 1), datetime(2100, 1, 1)), seconds=st.integers(1, 90_000_000))
def test_a_page_holds_its_moment_and_10080_bars(moment: datetime, seconds: int) -> None:
    step = timedelta(seconds=seconds) / 7
    start, end = span_of(moment.replace(tzinfo=UTC), step)
    assert start <= moment.replace(tzinfo=UTC) < end
    assert end - start == min(BARS * step, timedelta(days=36_525))
    assert span_of(start, step) == (start, end) == span_of(end - timedelta(microseconds=1), step)


FRAME = bars(400, step=timedelta(hours=7))  # a page lasts 8 years, so that some cuts cross an edge
SEVEN = SeriesKey("coinbase", "BTC-USD", timedelta(hours=7))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("undisturbed")
    filled(root, FRAME, SEVEN)
    return content(root)


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(1, FRAME.height - 1), max_size=6, unique=True),
    order=st.randoms(use_true_random=False),
    again=st.lists(st.tuples(st.integers(0, FRAME.height - 1), st.integers(1, 200)), max_size=4),
)
def test_a_fetch_gives_the_same_bytes_however_it_was_cut_ordered_and_repeated(
    cuts: list[int], order: Any, again: list[tuple[int, int]], undisturbed: dict[str, str]
) -> None:
    edges = [0, *sorted(cuts), FRAME.height]
    parts = [FRAME[a:b] for a, b in itertools.pairwise(edges)] + [FRAME[a : a + n] for a, n in again]
    order.shuffle(parts)
    with tempfile.TemporaryDirectory() as folder:
        series = Lake(Path(folder)).series(SEVEN)
        for part in parts:
            with series.writer() as writer:
                writer.append(part.sample(fraction=1, shuffle=True, seed=len(cuts)), span(part, SEVEN.timeframe), FACTS)
        assert content(Path(folder)) == undisturbed


@given(
    gone=st.sets(st.integers(0, 99), min_size=1, max_size=30),
    cuts=st.sets(st.integers(1, 99), max_size=4),
    mended=st.tuples(st.integers(0, 99), st.integers(1, 30)),
)
@settings(max_examples=25, deadline=None)
def test_what_was_left_out_is_kept_alike_however_it_came_and_forgotten_once_it_is_answered_again(
    gone: set[int], cuts: set[int], mended: tuple[int, int]
) -> None:
    frame = bars(100)
    time = frame["time"].to_list()

    def put(series: Series, a: int, b: int, left: set[int]) -> None:
        kept = frame[a:b].filter(~pl.col("time").is_in([time[n] for n in left]))
        with series.writer(refetch=True) as writer:
            writer.append(kept, span(frame[a:b]), FACTS, [time[n] for n in sorted(left) if a <= n < b])

    def held(series: Series) -> set[int]:
        assert series.manifest is not None
        spans = series.manifest.left_out
        return {n for n, when in enumerate(time) if any(start <= when < end for start, end in spans)}

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole, parts = (Lake(Path(root)).series(BTC) for root in (one, other))
        put(whole, 0, 100, gone)
        for a, b in itertools.pairwise([0, *sorted(cuts), 100]):
            put(parts, a, b, gone)
        assert content(Path(one)) == content(Path(other))
        assert held(whole) == gone
        first, last = mended[0], min(100, sum(mended))
        put(whole, first, last, set())
        assert held(whole) == {n for n in gone if not first <= n < last}


def test_the_same_rows_again_touch_no_file(tmp_path: Path) -> None:
    frame = bars(BARS)
    series = filled(tmp_path, frame)
    before, when = content(tmp_path), stamps(tmp_path)
    with series.writer() as writer:
        assert writer.append(frame, span(frame), FACTS).known == frame.height
        for part in frame.iter_slices(3000):
            writer.append(part, span(part), FACTS)
    assert content(tmp_path) == before
    assert stamps(tmp_path) == when


def test_a_small_append_rewrites_only_the_page_it_falls_in(tmp_path: Path) -> None:
    frame = bars(3 * BARS)
    series = filled(tmp_path, frame[: 3 * BARS - 1])
    when = stamps(tmp_path)
    with series.writer() as writer:
        writer.append(frame[-1:], span(frame[-1:]), FACTS)
    kept = [name for name in stamps(tmp_path) if name.endswith(".parquet") and stamps(tmp_path)[name] == when.get(name)]
    assert len(kept) == 3
    assert series.read().height == 3 * BARS


def test_rows_of_the_lake_win_over_differing_ones_unless_told_to_refetch(tmp_path: Path) -> None:
    frame = bars(500)
    series = filled(tmp_path, frame)
    before = content(tmp_path)
    changed = frame.with_columns(pl.when(pl.int_range(pl.len()) < 3).then(1.0).otherwise("close").alias("close"))
    with series.writer() as writer:
        told = writer.append(changed, span(frame), FACTS)
    assert (told.added, told.known, told.differing) == (0, 497, 3)
    assert content(tmp_path) == before
    with series.writer(refetch=True) as writer:
        told = writer.append(changed, span(frame), FACTS)
    assert (told.added, told.known, told.differing) == (0, 497, 3)
    assert series.read().equals(changed.select(ORDER))


def test_a_time_twice_in_one_answer_is_kept_once_and_counted(tmp_path: Path) -> None:
    frame = bars(10)
    twice = pl.concat([frame, frame[:4], frame[4:6].with_columns(close=1.0)])
    series = Lake(tmp_path).series(BTC)
    with series.writer() as writer:
        told = writer.append(twice, span(frame), FACTS)
    assert (told.added, told.known, told.differing) == (10, 4, 2)
    assert series.read().equals(frame.select(ORDER))


def test_nan_is_missing_and_equals_missing(tmp_path: Path) -> None:
    frame = bars(10).with_columns(trades=pl.lit(float("nan")))
    series = filled(tmp_path, frame)
    assert series.read()["trades"].null_count() == 10
    with series.writer() as writer:
        nulls = frame.with_columns(trades=pl.lit(None, pl.Float64))
        assert writer.append(nulls, span(frame), FACTS).known == 10


def test_a_span_without_rows_is_covered_and_not_asked_for_again(tmp_path: Path) -> None:
    series = Lake(tmp_path).series(BTC)
    end = START + timedelta(days=1)
    assert series.missing(START, end) == [(START, end)]
    with series.writer() as writer:
        writer.append(bars(1).clear(), (START, end), FACTS)
    assert series.missing(START, end) == []
    assert series.missing(START - MINUTE, end + MINUTE) == [(START - MINUTE, START), (end, end + MINUTE)]
    assert series.manifest is not None
    assert series.manifest.rows == 0
    assert series.read().is_empty()


moments = st.integers(0, 30).map(lambda hours: START + timedelta(hours=hours))
span_lists = st.lists(st.tuples(moments, moments), max_size=6)


@given(spans=span_lists, others=span_lists)
def test_spans_are_sets_of_moments(spans: list[Any], others: list[Any]) -> None:
    def hours(found: Any) -> set[datetime]:
        return {START + timedelta(hours=h) for h in range(31) for a, b in found if a <= START + timedelta(hours=h) < b}

    assert hours(unite(spans)) == hours(spans)
    assert hours(subtract(spans, others)) == hours(spans) - hours(others)
    assert all(a < b < c < d for (a, b), (c, d) in itertools.pairwise(unite(spans)))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (bars(5).rename({"trades": "deals"}), "holds columns open, high, low, close, volume, trades"),
        (bars(5).with_columns(pl.col("time").dt.replace_time_zone(None)), "Datetime"),
        (bars(5).with_columns(pl.col("close").cast(pl.Float32)), "close: Float32"),
        (bars(5).with_columns(time=pl.lit(None, pl.Datetime("us", "UTC"))), "5 of 5 have none"),
        (bars(5, START - MINUTE), "must lie in the span"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_change_nothing(tmp_path: Path, frame: pl.DataFrame, words: str) -> None:
    series = filled(tmp_path, bars(10))
    before = content(tmp_path)
    with pytest.raises(SchemaError, match=words), series.writer() as writer:
        writer.append(frame, span(bars(10)), FACTS)
    assert content(tmp_path) == before


def test_facts_join_and_never_contradict(tmp_path: Path) -> None:
    frame = bars(10)
    series = filled(tmp_path, frame)
    with series.writer() as writer:
        writer.append(frame, span(frame), {"currency": "USD", "ids": (1, 2)})
        with pytest.raises(SchemaError, match="exchange 'coinbase' in the lake; got 'kraken'"):
            writer.append(frame, span(frame), {"exchange": "kraken"})
    with series.writer() as writer:
        writer.append(frame, span(frame), {"currency": "USD", "ids": (1, 2)})
    assert series.manifest is not None
    assert series.manifest.facts == {"exchange": "coinbase", "currency": "USD", "ids": [1, 2]}


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
steps = st.integers(1, 10**10).map(lambda us: timedelta(microseconds=us))


@given(source=names, symbol=names, step=steps)
def test_every_name_finds_its_way_to_a_folder_and_back(source: str, symbol: str, step: timedelta) -> None:
    key = SeriesKey(source, symbol, step)
    assert len(key.folder.parts) == 3
    assert SeriesKey.of_folder(key.folder) == key


def test_folders_that_are_no_series_are_passed_over(tmp_path: Path) -> None:
    filled(tmp_path, bars(5))
    for name in ("a/b/c", "source=x/symbol=y/timeframe=0m", "source=x/symbol=y/timeframe=60s", "source=/symbol=y/z=1m"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "manifest.json").write_text("{}")
    assert Lake(tmp_path).keys() == (BTC,)
    with pytest.raises(ConfigError, match="needs a feed"):
        SeriesKey("", "x", MINUTE)


def test_other_tools_read_the_lake_as_one_hive_table(tmp_path: Path) -> None:
    filled(tmp_path, bars(300))
    filled(tmp_path, bars(200, seed=1), SeriesKey("kraken", "ETH/USD", MINUTE))
    frame = pl.scan_parquet(tmp_path / "**/*.parquet", hive_partitioning=True).collect()
    counts = frame.group_by("source", "symbol", "timeframe").len().sort("source").rows()
    assert counts == [("coinbase", "BTC-USD", "1m", 300), ("kraken", "ETH/USD", "1m", 200)]


def test_a_read_opens_only_the_pages_of_its_span(tmp_path: Path) -> None:
    frame = bars(3 * BARS)
    series = filled(tmp_path, frame)
    for page in sorted(series.folder.glob("*.parquet"))[1:]:
        page.unlink()
    end = datetime(2023, 11, 13, tzinfo=UTC)
    assert series.read(end=end, columns=["close"]).equals(frame.select("time", "close")[:119])
    assert series.read(START + 5 * MINUTE, START + 9 * MINUTE)["time"].to_list() == [
        START + n * MINUTE for n in range(5, 9)
    ]


def test_the_lake_is_where_the_flag_or_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("GATEWISE_LAKE", raising=False)
    assert Lake.default().root == tmp_path / "home" / "lake"
    monkeypatch.setenv("GATEWISE_LAKE", str(tmp_path / "bars"))
    assert Lake.default().root == tmp_path / "bars"
    assert Lake.default(str(tmp_path / "other")).root == tmp_path / "other"
    assert Lake.default().keys() == ()
