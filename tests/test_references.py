"""The audit of references: a baseline that reads a target's own past must not have read what came later.

A model that is held against one that looks ahead seems worthless, and one held against what was fitted on fewer rows
than it says, good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from audit_tables import case_of, random_walk, small_experiment
from gatewise.evaluation.kinds.base import BaselineRows, Ground
from gatewise.proofs.base import Case, Parts, fit_and_predict
from gatewise.proofs.references import check_references
from gatewise.splits.base import Rows
from gatewise.tabular.base import Features


def case(parts: Parts | None = None, symbols: str = "A", **fields: Any) -> Case:
    target = {"kind": "realized_volatility", "volatility_rows": None, "horizon": 2} | fields
    config = small_experiment(features__sets=["ohlcv"], **{f"target__{name}": value for name, value in target.items()})
    return case_of(random_walk(900, symbols=symbols), config=config, parts=parts or Parts())


@pytest.mark.parametrize("symbols", ["A", "AB"])
def test_each_reference_says_the_same_whatever_comes_later(symbols: str) -> None:
    check = check_references(case(symbols=symbols))
    assert check.passed, check.detail
    for name in ("har", "har_log", "random_walk", "mean_5", "ridge", "xgboost", "prior"):
        assert name in check.detail


def test_harq_is_among_them_where_there_is_a_quarticity() -> None:
    check = check_references(case(measure="column", column="volume", quarticity="high"))
    assert check.passed, check.detail
    assert "harq" in check.detail


def test_other_targets_have_none_to_check() -> None:
    check = check_references(case_of(random_walk(900), config=small_experiment(features__sets=["ohlcv"])))
    assert check.passed
    assert check.detail == "none to check: target triple_barrier has no history"


def reads_the_next_row(ground: Ground, learned: BaselineRows, rows: Rows, x: Features) -> Mapping[str, Any]:
    later = np.minimum(rows + 1, ground.table.num_rows - 1)
    return fit_and_predict(ground, learned, rows, x) | {"har": fit_and_predict(ground, learned, later, x)["har"]}


def learns_from_every_row(ground: Ground, learned: BaselineRows, rows: Rows, x: Features) -> Mapping[str, Any]:
    labelled = np.flatnonzero(ground.labels.valid)
    every = replace(ground, train_rows=labelled)
    return fit_and_predict(ground, learned, rows, x) | {"prior": fit_and_predict(every, learned, rows, x)["prior"]}


@pytest.mark.parametrize(("leak", "name"), [(reads_the_next_row, "har"), (learns_from_every_row, "prior")])
def test_one_that_looks_ahead_is_caught_by_name(leak: Any, name: str) -> None:
    check = check_references(case(Parts(baselines=leak)))
    assert not check.passed
    assert check.detail.startswith(f"what {name} says at or before 2024-01-0")
