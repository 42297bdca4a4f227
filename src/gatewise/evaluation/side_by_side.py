"""A model beside its baselines as people read it, one table for terminals, notebooks and lists of runs.

Cells are text with each metric's own digits. The best baseline stands first, so that it is the last one to go where
there is little room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatewise.evaluation.base import Estimate, Interval
from gatewise.evaluation.metric_names import (
    IN_TABLES,
    deciding_among,
    metric_head,
    metric_interval,
    metric_spread,
    metric_text,
    metric_words,
)
from gatewise.evaluation.verdict import Judgement

Metrics = Mapping[str, Interval]


def in_tables(metrics: Iterable[str]) -> list[str]:
    """Those of some metrics that stand in short tables, in the order of all tables."""
    named = set(metrics)
    return [name for name in IN_TABLES if name in named]


def best_first(baselines: Mapping[str, Metrics]) -> list[str]:
    """Names of baselines, the lowest in the deciding metric first."""
    deciding = {name: metrics[deciding_among(metrics)].value for name, metrics in baselines.items()}
    return sorted(deciding, key=lambda name: (deciding[name], name))


def read_part(results: Mapping[str, Any], part: str) -> tuple[Metrics, dict[str, Metrics]]:
    """The model's metrics on a part and each baseline's, of what a run's record says of them."""
    who = {"model": results["metrics"], **results["baselines"]}
    everyone: dict[str, Metrics] = {
        name: {metric: Interval(**of) for metric, of in parts[part].items()} for name, parts in who.items()
    }
    return everyone.pop("model"), everyone


def against(judgement: Judgement, model: Metrics, baselines: Mapping[str, Metrics]) -> str:
    """The headline and the two numbers behind it: of the baseline that it names, or else of the best."""
    metric = deciding_among(model)
    beside = judgement.baseline or best_first(baselines)[0]
    values = model[metric].value, baselines[beside][metric].value
    whose = "" if judgement.baseline else f"{beside}'s "
    ours, theirs = (metric_text(metric, value, max(map(abs, values))) for value in values)
    return f"{judgement.headline}: {metric_words(metric)} {ours} against {whose}{theirs}"


def side_by_side(
    model: Metrics, baselines: Mapping[str, Metrics], confidence: float, order: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Names of all columns but the first, and lines: metrics down, the model with its interval and baselines across.

    Args:
        order: of the baselines.
    """
    everyone = {"model": model, **{name: baselines[name] for name in order}}
    lines, some = [], False
    for name in in_tables(model):
        size = max(abs(metrics[name].value) for metrics in everyone.values())
        ours, *others = (metric_text(name, metrics[name].value, size) for metrics in everyone.values())
        bounds = metric_interval(name, model[name], size)
        some |= bool(bounds)
        lines.append([metric_head(name), ours, bounds, *others])
    if some:
        return ["model", f"{confidence:.0%} interval", *order], lines
    return ["model", *order], [[*line[:2], *line[3:]] for line in lines]


def read_folds(results: Mapping[str, Any]) -> list[tuple[str, int, dict[str, Estimate]]]:
    """What `over_folds` takes, of what a cross-validation's record says."""
    folds = len(results["coverage"]["compared"])
    return [
        (who, folds, {metric: Estimate(**of) for metric, of in metrics.items()})
        for who, metrics in results["summary"].items()
    ]


def over_folds(
    everyone: Iterable[tuple[str, int, Mapping[str, Estimate]]], confidence: float
) -> tuple[list[str], list[list[str]]]:
    """The same of a cross-validation: (name, folds, metrics) down, means and deviations with their intervals across."""
    names: list[str] = []
    lines = []
    for who, folds, metrics in everyone:
        names = names or in_tables(metrics)
        estimates = {name: metrics[name] for name in names}
        lines.append([who, str(folds), *(metric_spread(name, e.mean, e.std) for name, e in estimates.items())])
        bounds = [metric_interval(name, e, abs(e.mean)) for name, e in estimates.items()]
        if any(bounds):
            lines.append([f"  {confidence:.0%} interval", "", *bounds])
    return ["folds", *map(metric_head, names)], lines
