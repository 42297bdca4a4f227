"""What a search sees: nothing of the test part, of whichever config it may end with.

A search that saw the test part would report a better score there, and nothing would look wrong.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gatewise.config.schema import SplitConfig
from gatewise.errors import LabelError, NotEnoughRowsError
from gatewise.samples import make_samples
from gatewise.selection.tuning.data import before_test, tune_data, widest
from gatewise.splits.chronological import chronological_split
from gatewise.splits.spans import make_spans
from span_tables import MINUTE_US, make_table, meets
from tune_worlds import small_config, small_space, small_table


@given(st.data())
def test_no_sample_that_trials_see_touches_the_test_part_of_any_config_in_the_space(data: st.DataObject) -> None:
    """Against the definition, pair by pair, for every window length in the space."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    gap_share = data.draw(st.sampled_from([0, 0.02, 0.1]))
    minutes = {}
    for symbol in "ab"[: data.draw(st.integers(1, 2))]:
        steps = np.where(rng.random(length := data.draw(st.integers(30, 150))) < gap_share, 25, 1)
        assert len(steps) == length
        minutes[symbol] = [int(minute) for minute in np.cumsum(steps) + rng.integers(0, 40)]
    table, horizon = make_table(minutes), data.draw(st.integers(1, 5))
    shortest, longest = sorted(data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12))))
    embargo, least = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 3))
    method = data.draw(st.sampled_from(["fixed", "rows"]))
    split = SplitConfig(method=method, embargo_rows=embargo, purge_rows=least)

    def samples(length: int) -> SimpleNamespace:
        start, rows = table.segment_start, np.arange(table.num_rows)
        known_at = np.minimum(rows + horizon, table.num_rows - 1)
        inside = (rows + horizon < table.num_rows) & (start[known_at] == start)
        rows = np.flatnonzero(inside & (rows - (length - 1) >= start))
        spans = make_spans(table, rows, length - 1, np.where(inside, known_at, -1))
        return SimpleNamespace(table=table, rows=rows, spans=spans, reach_rows=length - 1)

    wide = samples(longest)
    assume(len(wide.rows))
    try:
        kept = np.flatnonzero(before_test(wide, samples(shortest).rows, split))
    except NotEnoughRowsError:
        return
    for length in range(shortest, longest + 1):
        of = samples(length)
        try:
            test = chronological_split(of.spans, split, table.timeframe).test
        except NotEnoughRowsError:
            continue
        judged = np.searchsorted(of.rows, test)
        both = SimpleNamespace(
            first_us=np.append(wide.spans.first_us, of.spans.first_us),
            last_us=np.append(wide.spans.last_us, of.spans.last_us),
        )
        assert not any(meets(both, i, judged + len(wide.rows), before=embargo * MINUTE_US) for i in kept)
        assert wide.spans.time_us[kept].max() + least * MINUTE_US < of.spans.time_us[judged].min()


def test_with_one_window_length_all_but_the_test_part_of_train_and_what_touches_it_is_seen() -> None:
    config = small_config()
    samples = make_samples(config, small_table())
    split = chronological_split(samples.spans, config.split, small_table().timeframe)
    seen = samples.rows[before_test(samples, samples.rows, config.split)]
    assert np.isin(split.val, seen).all()
    assert np.isin(split.train, seen).all()
    assert not np.isin(split.test, seen).any()


def test_without_a_test_part_everything_is_seen() -> None:
    config = small_config(split__train=0.8, split__val=0.2, split__test=0)
    samples = make_samples(config, small_table())
    assert before_test(samples, samples.rows, config.split).all()


def test_inner_folds_hold_only_samples_that_every_config_has() -> None:
    config = small_config()
    space = small_space(config, {"sequence_length": {"low": 4, "high": 40}, "windows.supervise": ["last", "every"]})
    data = tune_data(config, space, small_table())
    wide = widest(config, space)
    assert (wide.windows.sequence_length, wide.windows.supervise) == (40, "every")
    (horizon,) = data.shared.horizons.values()
    for length in (4, 17, 40):
        for supervise in ("last", "every"):
            own = make_samples(
                space.configure(config, {"sequence_length": length, "windows.supervise": supervise}), small_table()
            )
            assert np.isin(horizon.spans.row, own.rows).all()
            at = np.searchsorted(own.rows, horizon.spans.row)
            assert (horizon.spans.first_us <= own.spans.first_us[at]).all()
            assert (horizon.spans.last_us >= own.spans.last_us[at]).all()


def test_the_prior_is_scored_on_the_same_folds() -> None:
    config = small_config()
    data = tune_data(config, small_space(config), small_table())
    (horizon,) = data.shared.horizons.values()
    for fold, prior in zip(horizon.folds, data.prior, strict=True):
        y = horizon.labels.y
        up, truth = (y[fold.train].sum() + 1) / (len(fold.train) + 2), y[fold.test].mean()
        assert prior == pytest.approx(-(truth * np.log(up) + (1 - truth) * np.log(1 - up)), rel=1e-6)


def test_a_class_that_a_fold_never_trains_on_is_named_with_the_folds_and_the_prior_stands_on_them_all() -> None:
    config = small_config(
        target__kind="triple_barrier", target__barrier="fixed", target__upper=10.0, target__lower=0.001
    )
    data = tune_data(config, small_space(config), small_table())
    assert "training never sees up in inner fold 1" in data.design
    assert len(data.prior) == config.cv.num_folds
    assert np.isfinite(data.prior).all()


def test_one_class_in_every_fold_is_refused_before_any_trial() -> None:
    config = small_config(
        target__kind="triple_barrier", target__barrier="fixed", target__upper=10.0, target__lower=10.0
    )
    with pytest.raises(LabelError, match="two classes or more; each holds one"):
        tune_data(config, small_space(config), small_table())


def test_more_folds_than_the_data_carries_are_refused_before_any_trial() -> None:
    config = small_config(cv__n_splits=5_000)
    with pytest.raises(NotEnoughRowsError, match="inner folds") as refused:
        tune_data(config, small_space(config), small_table())
    assert "\n" not in refused.value.message
