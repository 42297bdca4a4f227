"""Every model of the zoo from rows to a report, and the audit's checks that hold models: what its laws do not run."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from audit_tables import case_of, random_walk, small_experiment
from gatewise.bundle import Bundle
from gatewise.config.schema import ExperimentConfig, model_config
from gatewise.data.table import Table
from gatewise.experiment import prepare, run_experiment
from gatewise.isolation import one_core
from gatewise.models.registry import MODELS
from gatewise.proofs.run import CHECKS

OF_MODELS = ("training", "folds", "levels", "causality", "predictions", "permuted labels")


@cache
def table() -> Table:
    return random_walk(1_000)


def tiny_experiment(name: str) -> ExperimentConfig:
    section = model_config(name)
    fields = {f"model__{field}": value for field, value in section.sized(section.tiny).items()}
    kinds = {"classes": "triple_barrier", "values": "forward_return", "volatility": "realized_volatility"}
    fields["target__kind"] = kinds[section.targets[0]]
    if section.reads != "features":
        fields |= {"target__horizon": 2, "target__volatility_rows": None}
    if section.reads == "quarticity":
        fields |= {"target__measure": "column", "target__column": "volume", "target__quarticity": "high"}
    few = {"training__max_epochs": 1, "evaluation__bootstrap_samples": 50, "evaluation__baseline_rows": 300}
    return small_experiment(model__name=name, features__sets=["ohlcv"], training__device="cpu", **few, **fields)


@pytest.mark.parametrize("name", MODELS)
def test_a_run_ends_with_a_report_and_with_a_bundle_that_predicts(name: str, tmp_path: Path) -> None:
    config = tiny_experiment(name)
    run_experiment(prepare(config, table()), tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert name in page
    assert "Traceback" not in page
    assert Bundle.load(tmp_path / "bundle").predict(table()).height > 0


@pytest.mark.parametrize("name", MODELS)
def test_the_audit_passes(name: str) -> None:
    case = case_of(table(), config=tiny_experiment(name))
    with one_core():
        checks = [CHECKS[check](case) for check in OF_MODELS]
    assert [check.detail for check in checks if not check.passed] == []
