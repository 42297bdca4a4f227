"""Judging: metrics with intervals, baselines on the same rows, an indicative backtest, the verdict, the report."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Looked up on first use: some only need a metric, and judging brings arch and scikit-learn.
_WHERE = {
    "Evaluation": "gatewise.evaluation.evaluate",
    "PartResult": "gatewise.evaluation.judge",
    "classification_metrics": "gatewise.evaluation.class_metrics",
    "evaluate_parts": "gatewise.evaluation.evaluate",
    "regression_metrics": "gatewise.evaluation.value_metrics",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'gatewise.evaluation' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
