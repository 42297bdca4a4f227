"""The picture shows the folds as they are: a stretch drawn elsewhere would vouch for a split that is not there."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from gatewise.config.schema import CvConfig, SplitConfig
from gatewise.report.fold_figures import MOST_LANES, fold_timeline, timeline_height
from gatewise.splits.base import Spans
from gatewise.splits.folds import FoldSplit, make_folds
from gatewise.splits.spans import make_spans
from span_tables import MINUTE, MINUTE_US, make_table, plain_spans


def drawn(figure: go.Figure) -> dict[tuple[str, str], list[tuple[int, int, str]]]:
    """(lane, kind) -> [(first minute, minutes, samples)]."""
    bars: dict[tuple[str, str], list[tuple[int, int, str]]] = {}
    for trace in figure.data:
        first = np.array(trace.base, dtype="datetime64[us]").astype(np.int64) // MINUTE_US
        for lane, *bar in zip(trace.y, first, np.array(trace.x) // 60_000, trace.customdata, strict=True):
            bars.setdefault((lane, trace.name), []).append((int(bar[0]), int(bar[1]), bar[2]))
    return bars


def cut(spans: Spans, **said: object) -> tuple[FoldSplit, ...]:
    return make_folds(spans, CvConfig(**said), SplitConfig(embargo_rows=1), MINUTE)


def test_a_lane_shows_each_stretch_from_its_first_moment_to_the_next_ones_with_its_samples() -> None:
    spans = plain_spans(24, reach=1, horizon=1)
    folds = cut(spans, splitter="kfold", n_splits=4, val=0.2)
    # Fold 2: train 1..3 and 16, 17; purged 5, 6, 13, 14, 19, 20; embargoed 4, 15, 18; test 7..12; val 21, 22.
    of_two = {kind: bars for (lane, kind), bars in drawn(fold_timeline(spans, folds)).items() if lane == "fold 2"}
    assert of_two == {
        "train": [(1, 3, "3"), (16, 2, "2")],
        "purged": [(5, 2, "2"), (13, 2, "2"), (19, 2, "2")],
        "embargoed": [(4, 1, "1"), (15, 1, "1"), (18, 1, "1")],
        "val": [(21, 1, "2")],
        "test": [(7, 6, "6")],
    }


def test_what_walk_forward_leaves_aside_stays_empty() -> None:
    spans = plain_spans(104, reach=1, horizon=1)
    bars = drawn(fold_timeline(spans, cut(spans, splitter="sliding", n_splits=3)))
    ((first, minutes, samples),) = bars["fold 2", "test"]
    assert (first, minutes, samples) == (53, 25, "25")
    assert not [bar for (lane, _), own in bars.items() if lane == "fold 2" for bar in own if sum(bar[:2]) > 78]
    assert min(bar[0] for (lane, _), own in bars.items() if lane == "fold 2" for bar in own) == 26


def test_many_symbols_share_a_lane_and_their_samples_are_counted_together() -> None:
    table = make_table({name: list(range(30)) for name in "abc"})
    rows = np.flatnonzero(np.arange(table.num_rows) % 30 != 29)
    spans = make_spans(table, rows, 0, np.arange(table.num_rows) + 1)
    bars = drawn(fold_timeline(spans, cut(spans, n_splits=2, val=0.2)))
    start = int(table.time_us[0]) // MINUTE_US
    # 87 samples: blocks of 29 begin within minutes 9 and 19, and take the whole of them.
    assert bars["fold 1", "test"] == [(start + 9, 10, "30")]
    assert bars["fold 2", "test"] == [(start + 19, 9, "30")]


def test_more_folds_than_a_page_can_show_are_thinned_and_said_to_be() -> None:
    spans = plain_spans(2_000, reach=1, horizon=1)
    folds = cut(spans, splitter="combinatorial", n_splits=10, test_groups=5)
    figure = fold_timeline(spans, folds)
    lanes = {lane for lane, _ in drawn(figure)}
    assert len(folds) == 252
    assert len(lanes) == MOST_LANES
    assert {"fold 1", "fold 252"} <= lanes
    assert [note.text for note in figure.layout.annotations] == ["40 of 252 folds"]
    assert timeline_height(252) == timeline_height(MOST_LANES) > timeline_height(5)


@pytest.mark.parametrize("num_folds", [2, 5])
def test_few_folds_are_shown_whole_without_a_note(num_folds: int) -> None:
    spans = plain_spans(500, reach=1, horizon=1)
    figure = fold_timeline(spans, cut(spans, n_splits=num_folds))
    assert list(dict.fromkeys(lane for lane, kind in drawn(figure) if kind == "test")) == [
        f"fold {number}" for number in range(1, num_folds + 1)
    ]
    assert not figure.layout.annotations
