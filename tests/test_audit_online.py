"""The audit of online updates: rules that let unsettled labels in, an updater that takes more than it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch  # noqa: F401  # by it conftest.py marks what computes with torch

from audit_tables import case_of, random_walk, small_experiment
from gatewise.config.load import load_config
from gatewise.config.schema import ExperimentConfig
from gatewise.jobs.online import Standing, update_standing
from gatewise.proofs import run
from gatewise.proofs.base import Parts
from gatewise.proofs.online import check_online
from gatewise.proofs.run import run_audit
from gatewise.samples import Samples
from gatewise.splits.base import Rows, Spans
from gatewise.splits.stretches import Stretch, settled


def experiment(**more: Any) -> ExperimentConfig:
    said: dict[str, Any] = {"features__sets": ["ohlcv"], "online__every": 40, "split__embargo_rows": 0}
    if "target__kind" in more:  # whose labels read no volatility before
        said |= {"target__horizon": 5, "windows__sequence_length": 8}
        return load_config(overrides={name.replace("__", "."): value for name, value in (said | more).items()})
    return small_experiment(**said | more)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"online__how": "refit"},
        {"model__name": "voting", "model__base_models": "lstm,last_row:logistic"},
        {"target__kind": "next_row", "target__horizon": 1, "split__embargo_rows": 3},
        {"target__kind": "realized_volatility", "features__history": True, "model__name": "har_log"},
    ],
    ids=["warm", "refit", "ensemble", "next row", "volatility"],
)
def test_honest_updates_pass(more: dict[str, Any]) -> None:
    check = check_online(case_of(random_walk(1_000, symbols="AB", gaps=1), config=experiment(**more)))
    assert check.passed, check.detail
    assert check.detail.startswith("6 updates of a small")


def by_the_row_alone(spans: Spans, stretch: Stretch, embargo_us: int) -> Any:
    """What was predicted before, whether or not its label is known."""
    return spans.time_us <= stretch.first_us - embargo_us


def a_row_too_early(spans: Spans, stretch: Stretch, embargo_us: int) -> Any:
    return settled(spans, stretch, embargo_us - 60_000_000)


def takes_all(
    config: ExperimentConfig, samples: Samples, standing: Standing, rows: Rows, number: int, budget: Any
) -> Standing:
    """As many rows as are given, but the newest that there are."""
    newest = samples.rows[np.argsort(samples.table.time_us[samples.rows], kind="stable")]
    at = int(np.searchsorted(samples.table.time_us[newest], samples.table.time_us[rows].max())) + 20
    return update_standing(config, samples, standing, newest[:at], number, budget)


@pytest.mark.parametrize(
    "parts",
    [Parts(settled=by_the_row_alone), Parts(settled=a_row_too_early), Parts(update=takes_all)],
    ids=["before its label is known", "a row too early", "more than it is given"],
)
@pytest.mark.parametrize("how", ["warm", "refit"])
def test_updates_on_labels_that_are_not_settled_are_caught(parts: Parts, how: str) -> None:
    config = experiment(online__how=how, model__name="logistic")
    check = check_online(case_of(random_walk(1_500), parts, config))
    assert not check.passed
    assert "not settled by" in check.detail


@pytest.mark.parametrize("column", ["means", "quarticity", "returns"])
def test_an_update_that_reads_any_of_the_history_of_later_rows_is_caught(column: str) -> None:
    def as_the_last_row_says(
        config: ExperimentConfig, samples: Samples, standing: Standing, rows: Rows, number: int, budget: Any
    ) -> Standing:
        told = int(1e6 * abs(np.ravel(getattr(samples.labels.history, column))[-1])) % 97
        return update_standing(config, samples, standing, rows[told:], number, budget)

    said = {"target.measure": "column", "target.column": "volume", "target.quarticity": "volume", "model.name": "harq"}
    config = experiment(target__kind="realized_volatility", features__history=True, **said)
    assert check_online(case_of(random_walk(1_000), config=config)).passed
    assert not check_online(case_of(random_walk(1_000), Parts(update=as_the_last_row_says), config)).passed


def test_the_audit_asks_where_models_are_updated_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CHECKS", {})
    table = random_walk(1_500)
    assert [check.name for check in run_audit(experiment(), table).checks] == ["online"]
    assert not run_audit(experiment(online__every=None), table).checks
