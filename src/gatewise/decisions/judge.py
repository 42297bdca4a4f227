"""What a decision rule did on judged rows: how many it acted on, and how many of these came out right.

The share of right ones alone says nothing: acting on fewer and fewer rows finds any share somewhere. So it never stands
without the share of rows acted on, its coverage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL, Table
from gatewise.decisions.rule import REASONS, Codes, DecisionRule, takes_sides
from gatewise.evaluation.base import Floats, Interval, Ints
from gatewise.evaluation.intervals import Influence, Precision, too_few
from gatewise.evaluation.moments import memory, moments
from gatewise.targets.base import Labels
from gatewise.targets.outputs.base import Flags, OutputSpec

CURVE_POINTS = 50


@dataclass(frozen=True)
class DecisionScores:
    """Decisions as `Scores`: contributions [n, 4] of 1, acted, acted and right, acted and right before cost."""

    contributions: Floats

    @property
    def signals(self) -> Floats:
        """Acted, and right."""
        return self.contributions[:, 1:]

    @property
    def truth(self) -> Floats:
        """What came is in the signals."""
        return np.empty((len(self.contributions), 0))

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """coverage; accuracy_acted, precision: of the acted rows."""
        rows, acted, right, moved = np.moveaxis(sums, -1, 0)
        some = np.where(acted > 0, acted, 1.0)
        return {"coverage": acted / rows, "accuracy_acted": moved / some, "precision": right / some}

    def basis(self, metric: str) -> Floats:
        """All rows, or those acted on."""
        return self.contributions[:, :1] if metric == "coverage" else self.contributions[:, 1:2]

    def unsummed(self) -> dict[str, float]:
        return {}

    def on_rows(self, at: Ints, scale: Floats | None = None) -> DecisionScores:
        """The scores of some rows."""
        return DecisionScores(self.contributions[at])


@dataclass(frozen=True)
class DecisionResult:
    """A rule on one part.

    Attributes:
        side, reason: int8 [n], of each row; see `DecisionRule`.
        coverage: share of the rows that are acted on.
        accuracy_acted: share of these whose class came, or that moved the predicted way; `None`: none is acted on.
        precision: share of these that came out right as the certificate counts: of numbers, by more than the cost.
        number, right: of every row that a threshold might let act, sorted by the number downwards: the number, and
            whether it came out right, for the curve of precision by coverage.
    """

    side: Codes
    reason: Codes
    coverage: Interval
    accuracy_acted: Interval | None
    precision: Interval | None
    number: Floats
    right: Flags

    @property
    def acted(self) -> int:
        return int(np.count_nonzero(self.side))

    @cached_property
    def curve(self) -> tuple[Floats, Floats]:
        """(Coverage, precision) [points] of thresholds from the highest number down."""
        count = len(self.number)
        if not count:
            return np.empty(0), np.empty(0)
        at = np.unique(np.geomspace(min(10, count), count, CURVE_POINTS).astype(np.int64))
        return at / len(self.side), np.cumsum(self.right)[at - 1] / at

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; coverage stands beside every share of acted rows."""
        counts = np.bincount(self.reason, minlength=len(REASONS))
        return {
            "rows": len(self.side),
            "acted": self.acted,
            "coverage": self.coverage.to_dict(),
            "accuracy_acted": self.accuracy_acted and self.accuracy_acted.to_dict(),
            "precision": self.precision and self.precision.to_dict(),
            "reasons": {name: int(n) for name, n in zip(REASONS, counts, strict=True) if n},
        }


def judge_decisions(
    rule: DecisionRule,
    table: Table,
    labels: Labels,
    rows: Ints,
    predictions: Floats,
    *,
    horizon: int,
    confidence: float,
    memory_rows: int | None = None,
) -> DecisionResult:
    """What the rule does at some rows, with intervals.

    Args:
        rows: int64 [n], ascending, all labelled; predictions: float64 [n, num_outputs], in their own unit.
        horizon: rows that a label looks ahead, the least memory; memory_rows: the memory; `None`: measured.
    """
    side, reason = rule(labels.spec, predictions)
    y, acted = labels.at(rows), side != 0
    right, moved = (rule.right(labels.spec, predictions, y, after_cost) for after_cost in (True, False))
    ones = np.ones(len(rows))
    scores = DecisionScores(np.column_stack([ones, acted, acted & right, acted & moved]).astype(np.float64))
    when = moments(table.time_us[rows], block_numbers(table.frame[SYMBOL])[rows])
    judged, why = Influence(scores, when), too_few(when, horizon)
    longest = max(horizon * when.a_row, memory(when.means(scores.signals)))
    precise = Precision.of(when.count, longest if memory_rows is None else max(1.0, memory_rows * when.a_row))

    def interval(metric: str) -> Interval:
        if why:
            return Interval(judged.values[metric], reason=why)
        return judged.interval(metric, precise, confidence)

    could, number = rule.numbers(labels.spec, predictions)
    order = np.flatnonzero((could != 0) & (number > 0))
    order = order[np.argsort(-number[order], kind="stable")]
    any_acted = acted.any()
    coverage = (
        interval("coverage") if rule.acts else Interval(0.0, 0.0, 0.0)
    )  # what abstains always can't act by chance
    return DecisionResult(
        side,
        reason,
        coverage,
        interval("accuracy_acted") if any_acted else None,
        interval("precision") if any_acted else None,
        number[order],
        right[order],
    )


@dataclass(frozen=True)
class Decisions:
    """A rule, and what it did on each judged part."""

    rule: DecisionRule
    parts: Mapping[str, DecisionResult]

    @property
    def words(self) -> str:
        """What the rule does and promises, and how much of the newest part it acts on."""
        part, newest = list(self.parts.items())[-1]
        did = f"it acted on {newest.acted:,} of {len(newest.side):,} {part} rows"
        right = f", {newest.precision.value:.1%} of them right" if newest.precision else ""
        return f"The rule {self.rule.words}; {did}{right}."

    def sides(self, spec: OutputSpec) -> dict[str, Codes]:
        """What is traded, by part; none where classes say neither up nor down."""
        return {part: result.side for part, result in self.parts.items()} if takes_sides(spec) else {}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.rule.to_dict() | {
            "words": self.words,
            "parts": {part: result.to_dict() for part, result in self.parts.items()},
        }
