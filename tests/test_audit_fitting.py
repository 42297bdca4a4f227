"""The audit of splits, scalers and training.

A bad purge and state that is fitted on everything are planted, and must be caught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from audit_tables import case_of, random_walk, small_experiment
from gatewise.config.schema import ExperimentConfig, SplitConfig
from gatewise.fold import FittedFold, fit_fold
from gatewise.learners.base import Trained
from gatewise.learners.table import train_model
from gatewise.proofs.base import Case, Parts
from gatewise.proofs.fitting import check_scaler, check_training
from gatewise.proofs.splitting import check_split
from gatewise.samples import Samples
from gatewise.splits.base import Rows, Spans, Split
from gatewise.splits.chronological import chronological_split
from gatewise.splits.spans import take_spans
from gatewise.targets.learned import least_present
from gatewise.training.listeners import Listener

STEP_US = 60_000_000
SplitPart = Callable[[Spans, SplitConfig, timedelta, float], Split]


def of_altered_spans(alter: Callable[[Spans], Spans]) -> SplitPart:
    return lambda spans, *how: chronological_split(alter(spans), *how)


def off_by_one_at(edge: str) -> SplitPart:
    """Purges half-open spans, as if a shared last moment were no contact."""
    return of_altered_spans(lambda spans: replace(spans, **{edge: getattr(spans, edge) - STEP_US}))


def with_spec(**changes: object) -> SplitPart:
    return lambda spans, spec, *how: chronological_split(spans, spec.model_copy(update=changes), *how)


def shuffled(spans: Spans, spec: SplitConfig, timeframe: timedelta, certify: float) -> Split:
    order = np.random.default_rng(0).permutation(spans.row)
    parts = [np.sort(part) for part in np.split(order, [int(0.7 * order.size), int(0.85 * order.size)])]
    return Split(*parts, 0, 0, 0, ())


def test_shortened(spans: Spans, spec: SplitConfig, timeframe: timedelta, certify: float) -> Split:
    split = chronological_split(spans, spec, timeframe, certify)
    return replace(split, test=split.test[20:])


test_shortened.__test__ = False  # a part that is planted, not a test


def own_cutoff_a_symbol(spans: Spans, spec: SplitConfig, timeframe: timedelta, certify: float) -> Split:
    """The first 70 % of each symbol's rows train, though the symbols cover other times."""
    half = spans.row < 1_500
    splits = [chronological_split(take_spans(spans, which), spec, timeframe) for which in (half, ~half)]
    joined = {part: np.concatenate([getattr(split, part) for split in splits]) for part in ("train", "val", "test")}
    return replace(splits[0], **joined)


BAD_SPLITS: dict[str, tuple[SplitPart, str]] = {
    "labels ignored": (
        of_altered_spans(lambda s: replace(s, last_us=s.time_us)),
        "5 samples' embargo of 10m is not kept: train",
    ),
    "inputs ignored": (of_altered_spans(lambda s: replace(s, first_us=s.time_us)), "span meets a later part's: train"),
    "label end off by one": (off_by_one_at("last_us"), "embargo of 10m is not kept: train"),
    "no embargo": (with_spec(embargo_rows=0), "embargo of 10m is not kept: train"),
    "embargo off by one": (with_spec(embargo_rows=9), "1 sample's embargo of 10m is not kept: train"),
    "shuffled": (shuffled, "train is not older than val"),
    "test shortened": (test_shortened, "test was shortened: 20 of its samples are missing"),
}


@pytest.mark.parametrize("name", BAD_SPLITS)
def test_a_bad_purge_is_caught_and_the_part_named(name: str) -> None:
    split, words = BAD_SPLITS[name]
    # Fixed label ends, so that one row too few is one sample too many.
    check = check_split(case_of(config=small_experiment(target__kind="direction"), parts=Parts(split=split)))
    assert not check.passed
    assert words in check.detail


def test_an_off_by_one_purge_is_caught_without_an_embargo_too() -> None:
    config = small_experiment(target__kind="direction", split__embargo_rows=0)
    check = check_split(case_of(config=config, parts=Parts(split=off_by_one_at("last_us"))))
    assert not check.passed
    assert check.detail.startswith("1 sample's span meets a later part's: train, first A 2024-01-0")


@pytest.mark.parametrize("purge_inputs", [True, False])
def test_parts_cut_by_rows_are_counted_again_and_purged_as_they_say(purge_inputs: bool) -> None:
    config = small_experiment(target__kind="direction", split__method="rows", split__purge_inputs=purge_inputs)
    config = config.model_copy(update={"split": config.split.model_copy(update={"embargo_rows": None})})
    check = check_split(case_of(config=config))
    assert check.passed
    assert f"no {'span' if purge_inputs else 'label'} meets a later part's" in check.detail
    faults: dict[SplitPart, str] = {
        test_shortened: "test was shortened: 20 of its samples are missing",
        with_spec(train=0.77, val=0.08): "train holds labels of other rows than its own",
    }
    if purge_inputs:
        faults[with_spec(purge_inputs=False)] = "span meets a later part's: train"
    for split, words in faults.items():
        check = check_split(case_of(config=config, parts=Parts(split=split)))
        assert not check.passed
        assert words in check.detail


def test_cutoffs_that_differ_by_symbol_are_caught() -> None:
    late = random_walk(1_500, symbols="AB")
    moved = late.frame.with_columns(
        time=late.frame["time"].dt.offset_by("1d").zip_with(late.frame["symbol"] == "B", late.frame["time"])
    )
    case = case_of(late.with_frame(moved), parts=Parts(split=own_cutoff_a_symbol))
    assert not check_split(case).passed


def test_a_purge_that_forgets_the_earlier_steps_of_a_window_is_caught() -> None:
    config = small_experiment(windows__supervise="every", split__embargo_rows=0, target__horizon=30)
    case = case_of(config=config)
    assert check_split(case).passed
    spans, labels, table = case.samples.spans, case.samples.labels, case.table
    last_step_alone = replace(spans, last_us=table.time_us[labels.known_at[spans.row]])
    forgetful = replace(case, split=chronological_split(last_step_alone, config.split, table.timeframe))
    assert forgetful.split.train.size > case.split.train.size, "the example must differ"
    assert not check_split(forgetful).passed


def test_a_purge_that_forgets_how_far_labels_look_back_is_caught() -> None:
    config = small_experiment(target__volatility_rows=300, split__embargo_rows=0)
    case = case_of(config=config)
    assert check_split(case).passed
    spans, table = case.samples.spans, case.table
    reach = config.windows.sequence_length - 1 + case.samples.matrix.lookback - 1
    assert case.samples.labels.lookback - 1 > reach, "the example must differ"
    inputs_alone = replace(spans, first_us=table.time_us[spans.row - reach])
    forgetful = replace(case, split=chronological_split(inputs_alone, config.split, table.timeframe))
    check = check_split(forgetful)
    assert not check.passed
    assert "span meets a later part's: train" in check.detail


def test_a_purge_that_ignores_the_least_distance_is_caught() -> None:
    config = small_experiment(split__purge_rows=300)
    assert check_split(case_of(config=config)).passed
    check = check_split(case_of(config=config, parts=Parts(split=with_spec(purge_rows=0))))
    assert "least distance split.purge_rows of 5h is not kept" in check.detail


def on_everything(config: ExperimentConfig, samples: Samples, train: Rows) -> FittedFold:
    return fit_fold(config, samples, samples.rows)


def on_one_row_more(config: ExperimentConfig, samples: Samples, train: Rows) -> FittedFold:
    return fit_fold(config, samples, np.append(train, train[-1] + 1))


def class_weights_on_everything(config: ExperimentConfig, samples: Samples, train: Rows) -> FittedFold:
    everything = fit_fold(config, samples, samples.rows)
    return replace(fit_fold(config, samples, train), class_weights=everything.class_weights)


def sample_weights_on_everything(config: ExperimentConfig, samples: Samples, train: Rows) -> FittedFold:
    everything = fit_fold(config, samples, samples.rows)
    return replace(fit_fold(config, samples, train), sample_weights=everything.sample_weights)


def target_scaler_on_everything(config: ExperimentConfig, samples: Samples, train: Rows) -> FittedFold:
    everything = fit_fold(config, samples, samples.rows)
    return replace(fit_fold(config, samples, train), target_scaler=everything.target_scaler)


@pytest.mark.parametrize("check", [check_scaler, check_training])
@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust"])
def test_a_scaler_fitted_on_everything_is_caught_and_its_features_named(check: Callable, scaler: str) -> None:
    config = small_experiment(features__scaler=scaler)
    result = check(case_of(config=config, parts=Parts(fit_fold=on_everything)))
    assert not result.passed
    assert "feature scaler (" in result.detail
    assert case_of(config=config).samples.matrix.names[0] in result.detail or scaler == "minmax"


def test_a_scaler_fitted_on_one_row_too_many_is_caught() -> None:
    result = check_scaler(case_of(parts=Parts(fit_fold=on_one_row_more)))
    assert not result.passed
    assert "feature scaler (" in result.detail


def test_class_weights_from_everything_are_caught() -> None:
    config = small_experiment(training__class_weights="balanced")
    assert check_scaler(case_of(config=config)).passed
    result = check_scaler(case_of(config=config, parts=Parts(fit_fold=class_weights_on_everything)))
    assert result.detail == "fitted on rows outside training: class weights"


@pytest.mark.parametrize("supervise", ["last", "every"])
def test_sample_weights_from_everything_are_caught(supervise: str) -> None:
    config = small_experiment(training__sample_weights="uniqueness", windows__supervise=supervise)
    assert "class and sample weights unchanged" in check_scaler(case_of(config=config)).detail
    result = check_scaler(case_of(config=config, parts=Parts(fit_fold=sample_weights_on_everything)))
    assert result.detail == "fitted on rows outside training: sample weights"


def test_a_target_scaler_from_everything_is_caught() -> None:
    config = small_experiment(target__kind="forward_return")
    assert check_scaler(case_of(config=config)).passed
    result = check_scaler(case_of(config=config, parts=Parts(fit_fold=target_scaler_on_everything)))
    assert result.detail == "fitted on rows outside training: target scaler (forward_return)"


def test_training_that_reads_validation_samples_is_caught_by_its_weights() -> None:
    def greedy(
        config: ExperimentConfig, samples: Samples, fold: FittedFold, train: Rows, val: Rows, listener: Listener
    ) -> Trained:
        return train_model(config, samples, fold, np.concatenate([train, val]), val, listener)

    result = check_training(case_of(parts=Parts(train=greedy)))
    assert not result.passed
    assert result.detail.startswith("weights (")


def test_a_split_that_moves_with_later_prices_is_caught() -> None:
    def peeking(spans: Spans, spec: SplitConfig, timeframe: timedelta, certify: float) -> Split:
        # Trains on fewer samples the sooner the latest labels are settled.
        fraction = 0.5 + 0.1 * float(np.mean(spans.last_us[-200:] - spans.time_us[-200:])) / (5 * STEP_US)
        changed = spec.model_copy(update={"train": fraction, "val": 0.85 - fraction})
        return chronological_split(spans, changed, timeframe)

    result = check_training(case_of(parts=Parts(split=peeking)))
    assert not result.passed
    assert result.detail.startswith("split: train changes with prices after")


CHANGES = {
    "target__kind": "next_row",
    "target__learn": "relative",
    "features__sets": [],
    "features__columns_as": "changes",
}
CHANGES |= {"features__columns": ["close", "volume"]}


def test_a_form_of_learning_that_is_chosen_by_all_rows_is_caught() -> None:
    def peeking(config: ExperimentConfig, samples: Samples, train_rows: Rows) -> FittedFold:
        assert samples.labels.start is not None
        fold = fit_fold(config, samples, train_rows)
        return replace(fold, least=least_present(config.target, samples.labels.start[samples.rows]))

    result = check_scaler(case_of(config=small_experiment(**CHANGES), parts=Parts(fit_fold=peeking)))
    assert not result.passed
    assert "relative changes" in result.detail


HONEST: dict[str, Callable[[], Case]] = {
    "plain": lambda: case_of(random_walk(seed=1)),
    "symbols, gaps and missing values": lambda: case_of(random_walk(1_800, 2, "ABC", gaps=4, missing=4)),
    "stale prices": lambda: case_of(random_walk(seed=3, stale=0.6)),
    "no test": lambda: case_of(config=small_experiment(split__train=0.8, split__val=0.2, split__test=0)),
    "every step scored": lambda: case_of(config=small_experiment(windows__supervise="every", windows__burn_in=2)),
    "regression": lambda: case_of(config=small_experiment(target__kind="next_row", features__scaler="robust")),
    "changes of columns": lambda: case_of(config=small_experiment(**CHANGES)),
    "embargo in time": lambda: case_of(
        config=small_experiment(split__embargo="2h", split__embargo_rows=None, split__purge_rows=30)
    ),
    "default embargo": lambda: case_of(config=small_experiment(split__embargo_rows=None)),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_parts_pass(name: str) -> None:
    case = HONEST[name]()
    for check in (check_split, check_scaler, check_training):
        result = check(case)
        assert result.passed, result.detail


def test_training_on_labels_of_earlier_steps_that_settle_after_the_cut_is_caught_by_its_weights() -> None:
    config = small_experiment(windows__supervise="every", split__embargo_rows=0, target__horizon=30)
    case = case_of(random_walk(seed=1), config=config)
    spans, labels, table = case.samples.spans, case.samples.labels, case.table
    last_step_alone = replace(spans, last_us=table.time_us[labels.known_at[spans.row]])
    split = chronological_split(last_step_alone, config.split, table.timeframe)
    forgetful = replace(case, split=split, samples=replace(case.samples, spans=last_step_alone))
    assert check_training(case).passed
    result = check_training(replace(forgetful, parts=Parts(split=lambda *_: split)))
    assert not result.passed
    assert result.detail.startswith("weights (")
