"""Judging: metrics with intervals, baselines on the same rows, an indicative backtest, the verdict, the report."""

from gatewise.evaluation.base import ClassPrediction, Interval
from gatewise.evaluation.class_metrics import classification_metrics
from gatewise.evaluation.evaluate import Evaluation, evaluate_parts
from gatewise.evaluation.judge import PartResult, judge_part
from gatewise.evaluation.value_metrics import regression_metrics

__all__ = [
    "ClassPrediction",
    "Evaluation",
    "Interval",
    "PartResult",
    "classification_metrics",
    "evaluate_parts",
    "judge_part",
    "regression_metrics",
]
