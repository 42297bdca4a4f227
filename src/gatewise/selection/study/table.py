"""The study's table: every line, what takes no fitting among them, the lowest in the deciding metric first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from gatewise.config.durations import rough_duration
from gatewise.evaluation.base import Interval
from gatewise.evaluation.diebold_mariano import DieboldMariano, p_text
from gatewise.evaluation.metric_names import metric_head, metric_text
from gatewise.evaluation.scoring import PRIOR
from gatewise.selection.cv.outcome import CvOutcome
from gatewise.selection.cv.plan import ONLINE
from gatewise.selection.cv.side_by_side import NONE, in_set, short

METRICS = ("qlike", "log_mse", "log_r2")
FEW = ("qlike", "log_r2")  # where there are 80 columns


@dataclass(frozen=True)
class Line:
    """One line at the study's horizon.

    Attributes:
        metrics: means over folds.
        tests: by reference, the line beside it.
        ratio: its loss by the first reference's, with the interval of their difference; 1 of that itself.
        kept: whether it is in the model confidence set, in words.
        seconds: of its trainings and predictions; weights: numbers that it holds; `None` where there is no such thing.
    """

    name: str
    metrics: dict[str, float]
    tests: dict[str, DieboldMariano]
    ratio: Interval
    kept: str
    seconds: float | None
    weights: int | None


def held_against(outcome: CvOutcome) -> Sequence[str]:
    """The lines that all others stand beside, the first of which is to be beaten."""
    (names,) = outcome.pairs.beside.values()
    return names


def study_lines(outcome: CvOutcome) -> list[Line]:
    """The lowest loss first; the prior is none of them, as everything beats it."""
    (horizon,) = outcome.plan.horizons
    deciding, first = outcome.deciding_metric, held_against(outcome)[0]
    confidence = outcome.plan.base.evaluation.confidence
    loss = {one.model: one.metrics[deciding].mean for one in (*outcome.summaries, *outcome.references)}
    lines = []
    for one in (*outcome.summaries, *outcome.references):
        if one.model == PRIOR:
            continue
        tests = {name.rpartition("@")[0]: test for name, test in outcome.pairs.tests[one.name].items()}
        effort = outcome.efforts.get(f"{one.model}@{horizon}")
        lines.append(
            Line(
                one.model,
                {name: one.metrics[name].mean for name in METRICS if name in one.metrics},
                tests,
                _ratio(tests.get(first), loss[first], confidence),
                in_set(one, outcome),
                None if effort is None else effort.seconds,
                None if effort is None else effort.weights,
            )
        )
    return sorted(lines, key=lambda line: line.metrics[deciding])


def _ratio(test: DieboldMariano | None, loss: float, confidence: float) -> Interval:
    if test is None:
        return Interval(1.0)
    apart = test.interval(confidence)
    low, high = (None if bound is None else 1 + bound / loss for bound in (apart.low, apart.high))
    return Interval(1 + apart.value / loss, low, high, apart.reason)


def study_frame(lines: Sequence[Line]) -> pl.DataFrame:
    """A row a line, numbers as they are: table.csv."""
    rows = [
        {
            "model": line.name,
            **line.metrics,
            "ratio": line.ratio.value,
            "ratio_low": line.ratio.low,
            "ratio_high": line.ratio.high,
            **{f"dm_p_{name}": test.p for name, test in line.tests.items()},
            "confidence_set": {"yes": True, "no": False}.get(line.kept),
            "seconds": line.seconds,
            "weights": line.weights,
        }
        for line in lines
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    types: dict[str, Any] = {name: pl.Float64() for name in columns}
    types |= {"model": pl.String(), "confidence_set": pl.Boolean(), "weights": pl.Int64()}
    return pl.DataFrame(rows, schema={name: types[name] for name in columns})


def study_cells(
    lines: Sequence[Line], beside: Sequence[str], metrics: Sequence[str] = METRICS
) -> tuple[list[str], list[list[str]]]:
    """Names of all columns, and each line's cells as text."""
    others = [f"p {name.removesuffix(ONLINE)}" for name in beside[1:]]
    return ["model", *map(metric_head, metrics), "ratio", "DM p", *others, "set", "took", "size"], [
        [
            line.name,
            *(metric_text(name, line.metrics[name]) for name in metrics),
            f"{line.ratio.value:.3f}",
            *(_p(line.tests.get(name)) for name in beside),
            line.kept,
            NONE if line.seconds is None else rough_duration(line.seconds) if line.seconds >= 1 else "<1s",
            NONE if line.weights is None else short(line.weights),
        ]
        for line in lines
    ]


def study_legend(outcome: CvOutcome) -> list[str]:
    """What the columns are, a sentence each."""
    beside, confidence = held_against(outcome), outcome.plan.base.evaluation.confidence
    first, also = beside[0], "".join(f"; p {name.removesuffix(ONLINE)}: beside {name}" for name in beside[1:])
    return [
        "QLIKE decides: the mean of v/f - ln(v/f) - 1, v the variance that came, f its forecast; MSE, R² are of ln v.",
        f"ratio: its QLIKE by {first}'s, a moment counting once however many symbols it holds; below 1 is better.",
        f"DM p: Diebold and Mariano's (1995) test beside {first}: the probability of losses this far apart, row by "
        f"row, if they were alike in the long run. It counts one pair{also}.",
        f"set: whether it is in the model confidence set at {confidence:.0%}, which counts that many are compared "
        "(Hansen, Lunde and Nason 2011); what takes no fitting is not in the running.",
        "took: all its trainings and predictions; size: numbers that a network holds.",
    ]


def study_markdown(lines: Sequence[Line], outcome: CvOutcome) -> str:
    """table.md: the table, and what its columns are below it."""
    head, cells = study_cells(lines, held_against(outcome))
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *cells]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    said = [f"{outcome.verdict.headline}.", *outcome.verdict.lines, *study_legend(outcome)]
    return f"{table}\n\n" + "".join(f"- {sentence}\n" for sentence in said)


def _p(test: DieboldMariano | None) -> str:
    return NONE if test is None or test.p is None else p_text(test.p)
