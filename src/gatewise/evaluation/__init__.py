"""Judging: metrics with intervals, baselines on the same rows, an indicative backtest, the verdict, the report."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gatewise.evaluation.base import ClassPrediction, Interval
from gatewise.evaluation.class_metrics import classification_metrics
from gatewise.evaluation.value_metrics import regression_metrics

if TYPE_CHECKING:
    from gatewise.evaluation.evaluate import Evaluation, evaluate_parts
    from gatewise.evaluation.judge import PartResult, judge_part

# These bring scikit-learn and arch, seconds that a process which only counts metrics need not wait.
_WHERE = {"Evaluation": "evaluate", "evaluate_parts": "evaluate", "PartResult": "judge", "judge_part": "judge"}

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


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"gatewise.evaluation.{_WHERE[name]}"), name)
