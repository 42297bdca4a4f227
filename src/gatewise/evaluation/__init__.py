"""Judging: metrics with intervals, baselines on the same rows, a backtest, the verdict, the report."""

from __future__ import annotations

from gatewise.loading import lazily

# Looked up on first use: some only need a metric, and judging brings arch and scikit-learn.
_WHERE = {
    "Evaluation": "gatewise.evaluation.evaluate",
    "PartResult": "gatewise.evaluation.judge",
    "classification_metrics": "gatewise.evaluation.class_metrics",
    "evaluate_parts": "gatewise.evaluation.evaluate",
    "regression_metrics": "gatewise.evaluation.value_metrics",
}
__all__ = sorted(_WHERE)
__getattr__, __dir__ = lazily(__name__, _WHERE)
