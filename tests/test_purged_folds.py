"""Purged folds from what people have at hand, label ends or a horizon, beside skfolio's and the definition.

A span read wrongly purges too little, and every score over these folds is then too good.
"""

from __future__ import annotations

import pickle
from copy import deepcopy
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward
from sklearn.model_selection import KFold, TimeSeriesSplit

import gatewise
from gatewise.config.schema import CvConfig
from gatewise.errors import ConfigError, NotEnoughRowsError, QualityError, UnknownNameError
from gatewise.splits.base import Spans
from gatewise.splits.protocol import PurgedFolds
from span_tables import as_lists, meets

START = np.datetime64("2024-01-01T00:00", "us")
HOUR = np.timedelta64(1, "h")


def of(**fields: Any) -> dict[str, Any]:
    return {"n_splits": 4, "splitter": "kfold"} | fields


# ---- beside others


@pytest.mark.parametrize(("steps", "horizon"), [(1, 1), (4, 2), (1, 7)])
@pytest.mark.parametrize("sliding", [False, True])
def test_walk_forward_from_a_horizon_is_that_of_skfolio_and_scikit_learn(
    sliding: bool, steps: int, horizon: int
) -> None:
    size, n_splits, gap = 97, 3, steps - 1 + horizon
    test_size = size // (n_splits + 1)
    X = np.zeros((size, 1))
    theirs = WalkForward(
        test_size=test_size,
        train_size=size - n_splits * test_size - gap,
        expand_train=not sliding,
        purged_size=gap,
    )
    splitter = "sliding" if sliding else "expanding"
    ours = PurgedFolds(horizon=horizon, sequence_length=steps, n_splits=n_splits, splitter=splitter)
    assert as_lists(ours.split(X)) == as_lists(theirs.split(X))
    if not sliding:
        assert as_lists(ours.split(X)) == as_lists(TimeSeriesSplit(n_splits, gap=gap).split(X))


@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (5, 3)])
def test_combinatorial_from_label_ends_is_that_of_skfolio(groups: int, tested: int) -> None:
    size, horizon = groups * 20, 3
    times = START + np.arange(size) * HOUR
    ours = PurgedFolds(
        times + horizon * HOUR, times=times, n_splits=groups, splitter="combinatorial", test_groups=tested
    )
    theirs = CombinatorialPurgedCV(groups, tested, purged_size=horizon, embargo_size=0)
    X = np.zeros((size, 1))
    assert as_lists(ours.split(X)) == [(a.tolist(), np.concatenate(b).tolist()) for a, b in theirs.split(X)]
    assert ours.get_n_splits() == theirs.n_splits


def test_without_a_horizon_blocks_are_those_of_scikit_learn() -> None:
    X = np.zeros((97, 1))
    assert as_lists(PurgedFolds(horizon=0, **of()).split(X)) == as_lists(KFold(4).split(X))


# ---- the definition


@given(st.integers(0, 2**16), st.sampled_from(["expanding", "sliding", "kfold", "combinatorial"]), st.integers(0, 3))
def test_no_span_that_is_trained_on_comes_within_the_embargo_of_a_tested_one_and_none_else_is_dropped(
    seed: int, splitter: str, embargo: int
) -> None:
    rng = np.random.default_rng(seed)
    size, steps = 60, int(rng.integers(1, 4))
    times = np.cumsum(rng.integers(1, 4, size))
    ends = times + rng.integers(0, 6, size)
    folds = PurgedFolds(ends, times=times, embargo=embargo, sequence_length=steps, n_splits=3, splitter=splitter)
    first = times[np.maximum(np.arange(size) - steps + 1, 0)]
    spans = Spans(np.arange(size), first, times, ends)
    before_purge = PurgedFolds(Spans(*[np.arange(size)] * 4), CvConfig(splitter=splitter, n_splits=3))
    for (train, test), (candidates, same_test) in zip(folds.split(), before_purge.split(), strict=True):
        assert test.tolist() == same_test.tolist()
        assert train.tolist() == [i for i in candidates if not meets(spans, i, test, embargo, embargo)]


@pytest.mark.parametrize("splitter", ["expanding", "kfold", "combinatorial"])
def test_samples_of_several_symbols_in_any_order_are_purged_by_time(splitter: str) -> None:
    rng = np.random.default_rng(3)
    times = np.repeat(np.arange(40), 2)
    ends = times + rng.integers(0, 5, 80)
    order = rng.permutation(80)
    straight = PurgedFolds(ends, times=times, n_splits=3, splitter=splitter)
    mixed = PurgedFolds(ends[order], times=times[order], n_splits=3, splitter=splitter)
    for (train, test), (other_train, other_test) in zip(straight.split(), mixed.split(), strict=True):
        assert train.tolist() == sorted(order[other_train])
        assert test.tolist() == sorted(order[other_test])


# ---- what it is made from


def forms() -> dict[str, Any]:
    times = START + np.arange(120) * HOUR
    ends = times + 5 * HOUR
    index = pd.DatetimeIndex(times)
    utc = index.tz_localize("UTC")
    eastern = utc.tz_convert("America/New_York")
    return {
        "a Series and its index": {"label_ends": pd.Series(ends, index=index)},
        "in nanoseconds": {"label_ends": pd.Series(ends.astype("datetime64[ns]"), index=index.as_unit("ns"))},
        "in seconds": {"label_ends": ends.astype("datetime64[s]"), "times": times.astype("datetime64[s]")},
        "with a zone": {"label_ends": pd.Series(eastern + pd.Timedelta("5h"), index=eastern)},
        "in two zones": {"label_ends": pd.Series(utc + pd.Timedelta("5h"), index=eastern)},
        "polars": {"label_ends": pl.Series(ends), "times": pl.Series(times)},
        "lists": {"label_ends": ends.tolist(), "times": times.tolist()},
        "an index of times and a horizon": {"times": index, "horizon": 5},
        "a column of a frame": {"label_ends": pd.DataFrame({"t": times, "t1": ends}).set_index("t")["t1"]},
    }


@pytest.mark.parametrize("form", forms())
def test_the_form_of_times_changes_nothing(form: str) -> None:
    folds = PurgedFolds(**forms()[form], **of(embargo="2h"))
    counted = PurgedFolds(horizon=5, **of(embargo=2))
    assert as_lists(folds.split(np.zeros(120))) == as_lists(counted.split(np.zeros(120)))
    for embargo in (timedelta(hours=2), pd.Timedelta("2h"), np.timedelta64(2, "h")):
        again = PurgedFolds(**forms()[form], **of(embargo=embargo))
        assert as_lists(again.split()) == as_lists(folds.split())


@pytest.mark.parametrize(
    "made",
    [
        {"label_ends": pd.Series(np.arange(120) + 5)},
        {"label_ends": np.arange(120) + 5},
        {"label_ends": list(range(5, 125))},
        {"label_ends": np.arange(120) + 5, "times": range(120)},
    ],
)
def test_positions_are_taken_as_they_are(made: dict[str, Any]) -> None:
    folds = PurgedFolds(**made, **of(embargo=2))
    assert as_lists(folds.split()) == as_lists(PurgedFolds(horizon=5, **of(embargo=2)).split(np.zeros(120)))


def test_a_horizon_fits_any_number_of_samples() -> None:
    folds = PurgedFolds(horizon=2, n_splits=2)
    for size in (30, 50):
        assert max(test.max() for _, test in folds.split(np.zeros((size, 2)))) == size - 1
    assert as_lists(folds.split(None, np.zeros(30))) == as_lists(folds.split(np.zeros(30)))


def test_folds_are_copied_kept_and_shown() -> None:
    folds = gatewise.PurgedFolds(pd.Series(np.arange(120) + 5), **of(embargo=2))
    for copy in (deepcopy(folds), pickle.loads(pickle.dumps(folds))):
        assert as_lists(copy.split()) == as_lists(folds.split())
    assert repr(folds) == "PurgedFolds(120 samples, n_splits=4, splitter='kfold', embargo=2)"
    assert repr(PurgedFolds(horizon=5)) == "PurgedFolds(n_splits=5, splitter='expanding', embargo=0, horizon=5)"


# ---- refusals

TIMES = START + np.arange(120) * HOUR
REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "nothing": ({}, ConfigError, "label_ends or horizon"),
    "both": ({"label_ends": TIMES, "horizon": 3}, ConfigError, "one of them"),
    "a horizon below 0": ({"horizon": -1}, ConfigError, "horizon must be a whole number, 0 or more; got -1"),
    "a horizon in text": ({"horizon": "5"}, ConfigError, "horizon must be a whole number"),
    "no step": ({"horizon": 1, "sequence_length": 0}, ConfigError, "sequence_length must be"),
    "an unknown splitter": ({"horizon": 1, "splitter": "kfolds"}, UnknownNameError, "kfolds"),
    "one split": ({"horizon": 1, "n_splits": 1}, ConfigError, "n_splits"),
    "ends without times": (
        {"label_ends": TIMES},
        QualityError,
        "of one kind, .*got times without a zone and positions",
    ),
    "text": ({"label_ends": TIMES.astype(str), "times": TIMES}, QualityError, "must be times"),
    "fractions": ({"label_ends": np.arange(120) / 2}, QualityError, "must be times"),
    "an end that is missing": (
        {"label_ends": pd.Series([pd.NaT, *TIMES[1:]], index=TIMES)},
        QualityError,
        "1 of 120 are missing",
    ),
    "an end before its sample": ({"label_ends": TIMES - HOUR, "times": TIMES}, QualityError, "120 of label_ends"),
    "other lengths": ({"label_ends": TIMES[:5], "times": TIMES}, QualityError, "equally many; got 5 and 120"),
    "one zone of two": (
        {"label_ends": pd.Series(pd.DatetimeIndex(TIMES).tz_localize("UTC"), index=TIMES)},
        QualityError,
        "got times of a zone and times without a zone",
    ),
    "steps of two symbols": (
        {"label_ends": np.repeat(TIMES, 2), "times": np.repeat(TIMES, 2), "sequence_length": 3},
        QualityError,
        "must ascend",
    ),
    "samples between times": ({"times": TIMES, "horizon": 2, "embargo": 5}, ConfigError, "a length of time"),
    "time between samples": ({"horizon": 2, "embargo": "1d"}, ConfigError, "a number of samples"),
    "an embargo below 0": ({"horizon": 2, "embargo": -1}, ConfigError, "0 or more"),
    "an embargo of words": ({"times": TIMES, "horizon": 2, "embargo": "soon"}, ConfigError, "embargo: a duration"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_makes_no_folds_is_refused_with_what_to_do(what: str) -> None:
    fields, error, words = REFUSED[what]
    with pytest.raises(error, match=words) as caught:
        PurgedFolds(**fields)
    assert caught.value.hint
    assert "cv." not in f"{caught.value} {caught.value.message} {caught.value.hint}"


def test_samples_that_do_not_match_or_suffice_are_refused() -> None:
    with pytest.raises(QualityError, match="120; got 119"):
        next(PurgedFolds(TIMES, times=TIMES).split(np.zeros(119)))
    with pytest.raises(QualityError, match="X must be given"):
        next(PurgedFolds(horizon=2).split())
    with pytest.raises(NotEnoughRowsError) as caught:
        list(PurgedFolds(horizon=2, n_splits=20).split(np.zeros(10)))
    assert "lower n_splits" in (caught.value.hint or "")
    with pytest.raises(NotEnoughRowsError, match="training side"):
        list(PurgedFolds(horizon=40, n_splits=2).split(np.zeros(60)))
