"""A cross-validation's lines side by side, as text: how good each is, if it can be told from the best, what it took.

One table for the terminal, Markdown, notebooks and the page. The best stands first; what knows nothing stands among the
others, as that is what they have to beat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatewise.config.model_section import NetworkConfig
from gatewise.evaluation.base import Estimate
from gatewise.evaluation.diebold_mariano import p_text
from gatewise.evaluation.metric_names import metric_head, metric_interval, metric_text
from gatewise.evaluation.side_by_side import in_tables
from gatewise.selection.cv.effort import Effort
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.summary import Summary

NONE = "–"
_SHORT = ("epochs", "win/s", "ms", "size", "MB")


def side_by_side(outcome: CvOutcome, metrics: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Names of all columns, and a line for each model, the prior and what takes no fitting among them.

    Args:
        metrics: beside the deciding one.
    """
    deciding, confidence = outcome.deciding_metric, outcome.plan.base.evaluation.confidence
    summaries = sorted(
        [*outcome.summaries, *outcome.references], key=lambda each: (each.horizon, each.metrics[deciding].mean)
    )
    size = max(abs(each.metrics[deciding].mean) for each in summaries)
    head = ["model", metric_head(deciding), f"{confidence:.0%} interval", "set", *_tested(outcome)]
    head += [*_SHORT, *map(metric_head, metrics)]
    return head, [_line(each, outcome, size, metrics) for each in summaries]


def markdown(outcome: CvOutcome) -> str:
    """A table that pastes into Markdown, with what its columns are below it."""
    others = [name for name in in_tables(outcome.summaries[0].metrics) if name != outcome.deciding_metric]
    head, lines = side_by_side(outcome, others)
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    table = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
    notes = "\n".join(f"- {note}" for note in legend(outcome))
    return f"{table}\n\n{notes}\n"


def legend(outcome: CvOutcome) -> Iterator[str]:
    """What the columns are, a sentence each."""
    confidence = outcome.plan.base.evaluation.confidence
    yield f"Means over {outcome.coverage.description.lower()}; intervals are Student's t over folds."
    if outcome.overfitting.snooping.value is None:
        yield f"set: no model confidence set: {outcome.overfitting.snooping.reason}."
    else:
        yield (
            f"set: whether it is in the model confidence set at {confidence:.0%}, of those that these rows can't tell "
            "from the best (Hansen, Lunde and Nason 2011)."
        )
    held = [f"{name}@{horizon}" for horizon, names in outcome.pairs.beside.items() for name in names]
    yield (
        f"DM p: Diebold and Mariano's (1995) test beside {', '.join(held)}: the probability of losses this far apart, "
        "row by row, if they were alike in the long run. It counts one pair; the set counts that many are compared, "
        "and intervals over folds that training on other rows gives other models, so they may disagree."
    )
    yield (
        "win/s: windows a second in training; ms: one prediction alone; size: numbers that the model holds; MB: the "
        "account of a training step in memory."
    )
    if any(effort.timed for effort in outcome.efforts.values()):
        yield "epochs with *: time was up."


def _line(summary: Summary, outcome: CvOutcome, size: float, metrics: Sequence[str]) -> list[str]:
    deciding, effort = summary.metrics[outcome.deciding_metric], outcome.efforts.get(summary.name)
    return [
        summary.name if len(outcome.plan.horizons) > 1 else summary.model,
        metric_text(outcome.deciding_metric, deciding.mean, size),
        metric_interval(outcome.deciding_metric, deciding, size, "{}–{}") or NONE,
        in_set(summary, outcome),
        *_p_values(summary, outcome),
        *(_effort_cells(effort, _has_epochs(summary, outcome)) if effort else [NONE] * len(_SHORT)),
        *(_with_interval(name, summary.metrics[name]) for name in metrics),
    ]


def in_set(summary: Summary, outcome: CvOutcome) -> str:
    snooping = outcome.overfitting.snooping
    if snooping.value is None or summary in outcome.references:
        return NONE
    if summary.name not in snooping.confidence_p:  # the benchmark, of one horizon
        return NONE if len(outcome.plan.horizons) > 1 else "yes" if snooping.benchmark_included else "no"
    return "yes" if summary.name in snooping.included else "no"


def _tested(outcome: CvOutcome) -> list[str]:
    """Heads of the tests' columns: of several references each is named, of one the legend does so."""
    (first, *_) = outcome.pairs.beside.values()
    return [f"DM p {name}" for name in first] if len(first) > 1 else ["DM p"]


def _p_values(summary: Summary, outcome: CvOutcome) -> list[str]:
    pairs, tests = outcome.pairs, outcome.pairs.tests.get(summary.name, {})
    found = [tests.get(f"{name}@{summary.horizon}") for name in pairs.beside[summary.horizon]]
    return [NONE if test is None or test.p is None else p_text(test.p) for test in found]


def _has_epochs(summary: Summary, outcome: CvOutcome) -> bool:
    """Models of one row are fitted once, and members of an ensemble have epochs each of its own."""
    return isinstance(outcome.plan.config_of(summary.model).model, NetworkConfig)


def _effort_cells(effort: Effort, has_epochs: bool) -> list[str]:
    least, most = effort.least_epochs, effort.most_epochs
    epochs = (str(most) if least == most else f"{least}–{most}") if has_epochs else NONE
    epochs += "*" * bool(effort.timed)
    latency = effort.latency_seconds
    return [
        epochs,
        NONE if effort.windows_per_second is None else short(effort.windows_per_second),
        NONE if latency is None else f"{1e3 * latency:.{1 if latency < 0.1 else 0}f}",
        NONE if effort.weights is None else short(effort.weights),
        NONE if effort.memory_bytes is None else f"{effort.memory_bytes / 2**20:,.0f}",
    ]


def _with_interval(metric: str, estimate: Estimate) -> str:
    bounds = metric_interval(metric, estimate, abs(estimate.mean))
    return f"{metric_text(metric, estimate.mean)} {bounds}".strip()


def short(number: float) -> str:
    """In three digits: 1.57M, 62.3k, 950."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.{2 if number < 10 * size else 1 if number < 100 * size else 0}f}{unit}"
    return f"{number:.0f}"
