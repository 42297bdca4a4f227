"""The audit of labels: one that lies about when it is known lets the purge leave its outcome in training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audit_tables import case_of, random_walk, small_experiment
from gatewise.config.schema import TargetConfig
from gatewise.data.table import Table
from gatewise.proofs.base import Parts
from gatewise.proofs.labels import check_labels
from gatewise.targets.base import Labels
from gatewise.targets.make import make_labels
from gatewise.targets.outputs.classes import Classes

KINDS = ("triple_barrier", "direction", "forward_return", "next_row")


def known_too_early(table: Table, spec: TargetConfig) -> Labels:
    labels = make_labels(table, spec)
    early = np.maximum(labels.known_at - 1, np.arange(table.num_rows) + 1)
    return replace(labels, known_at=np.where(labels.valid, early, -1))


def known_at_once(table: Table, spec: TargetConfig) -> Labels:
    labels = make_labels(table, spec)
    return replace(labels, known_at=np.where(labels.valid, np.arange(table.num_rows), -1))


def above_the_whole_sample(table: Table, spec: TargetConfig) -> Labels:
    labels = make_labels(table, spec)
    close = table.frame["close"].fill_null(0).to_numpy()
    return replace(labels, y=(close > np.median(close)).astype(np.int64), spec=Classes(("low", "high")))


def barred_by_the_future(table: Table, spec: TargetConfig) -> Labels:
    """Labels only rows that a quiet hour follows: which rows are labelled tells what is to come."""
    labels = make_labels(table, spec)
    close = np.log(table.frame["close"].fill_null(1).to_numpy())
    quiet = np.abs(np.append(close[60:], np.full(60, close[-1])) - close) < 0.005
    return replace(labels, valid=labels.valid & quiet, known_at=np.where(quiet, labels.known_at, -1))


@pytest.mark.parametrize("leak", [known_too_early, above_the_whole_sample, barred_by_the_future])
@pytest.mark.parametrize("kind", KINDS)
def test_a_label_that_changes_after_it_is_known_is_caught(kind: str, leak: object) -> None:
    config = small_experiment(target__kind=kind)
    check = check_labels(case_of(config=config, parts=Parts(make_labels=leak)))
    assert not check.passed
    assert check.detail.startswith(f"{kind}: ")
    assert "known at 2024-01-0" in check.detail


def test_a_label_known_at_its_own_row_is_caught() -> None:
    honest = case_of()
    check = check_labels(replace(honest, parts=Parts(make_labels=known_at_once)))
    assert not check.passed
    assert check.detail.startswith("triple_barrier: known_at is not after its row at A 2024-01-0")


def test_a_label_that_reads_further_back_than_it_says_is_caught() -> None:
    def forgetful(table: Table, spec: TargetConfig) -> Labels:
        return replace(make_labels(table, spec), lookback=1)

    check = check_labels(case_of(parts=Parts(make_labels=forgetful)))
    assert not check.passed
    assert "before the declared lookback of 1" in check.detail


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "table",
    [random_walk(seed=1), random_walk(1_500, seed=2, symbols="ABC", gaps=4, missing=4), random_walk(seed=4, stale=0.7)],
    ids=["plain", "symbols, gaps and missing values", "stale prices"],
)
def test_honest_labels_pass(kind: str, table: Table) -> None:
    check = check_labels(case_of(table, config=small_experiment(target__kind=kind)))
    assert check.passed, check.detail
