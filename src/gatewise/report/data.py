"""What a report shows, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gatewise.calibration.calibrator import Calibrator
from gatewise.decisions.judge import Decisions
from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.evaluate import Evaluation
from gatewise.evaluation.judge import PartResult
from gatewise.explain.in_report import UNEXPLAINED, Explanations
from gatewise.report.members import MemberResult
from gatewise.sample_weights import SampleWeights
from gatewise.targets.outputs.base import OutputSpec

if TYPE_CHECKING:
    from gatewise.learners.attention import Attention  # brings torch

MOST_POINTS = 2_000  # of a curve
MOST_WINDOWS = 100  # whose attention is drawn
MOST_DOTS = 1_000  # of a scatter
MOST_NEWEST = 250  # rows of a fan


@dataclass(frozen=True)
class Stretch:
    """A run of samples of one kind (train, purged, embargoed, val, test) in a lane (a symbol, or a fold)."""

    lane: str
    kind: str
    start_us: int
    end_us: int
    rows: int


@dataclass(frozen=True)
class Predicted:
    """Some of a part's rows for the pictures of numbers.

    Attributes:
        time_us: int64 [m].
        y: float64 [m, outputs], what came. value: float64 [m, num_outputs], what was predicted. In y's own unit.
        known_us: int64 [m, outputs], when each truth was known.
        start: float64 [m, outputs], the present values, where columns of one symbol's rows are predicted; else `None`.
        symbol: whose rows they are; empty: of all.
    """

    time_us: Ints
    y: Floats
    value: Floats
    known_us: Ints
    start: Floats | None = None
    symbol: str = ""


@dataclass(frozen=True)
class ReportData:
    """Everything that report.html shows.

    Attributes:
        title: what was trained on what.
        facts: what was run, group by group: {group: {name: words}}.
        evaluation: the verdicts; the newest part speaks at the top.
        spec: what is predicted.
        history: one mapping an epoch: train_loss, val_loss, learning_rate.
        best_epoch: counted from 1; its weights were kept.
        curves: what the history shows, in words; empty where it shows nothing.
        stretches: the split in time.
        class_counts: {part: int64 [classes]}, train among the parts; empty for numbers.
        predicted: {part: at most 1,000 rows, evenly taken}; empty for classes.
        newest: {part: the newest 250 rows of a symbol}; likewise.
        config_yaml: the resolved config.
        explanations: what predictions rest on, and the newest one.
        attention: of the newest windows of the newest part; `None` where a model has none.
        notes: what a reader should know beside the numbers.
        members: of an ensemble, beside it.
        weights: of the labels that were learned from; `None`: all counted alike.
        calibrator: what validation rows set right; `None`: nothing.
        decisions: the decision rule and what it did; `None`: there is none.
    """

    title: str
    facts: Mapping[str, Mapping[str, str]]
    evaluation: Evaluation
    spec: OutputSpec
    history: Sequence[Mapping[str, float]]
    best_epoch: int
    curves: str
    stretches: tuple[Stretch, ...]
    class_counts: Mapping[str, Ints]
    predicted: Mapping[str, Predicted]
    newest: Mapping[str, Predicted]
    config_yaml: str
    notes: tuple[str, ...]
    members: tuple[MemberResult, ...] = ()
    attention: Attention | None = None
    explanations: Explanations = UNEXPLAINED
    weights: SampleWeights | None = None
    calibrator: Calibrator | None = None
    decisions: Decisions | None = None

    @property
    def verdict(self) -> PartResult:
        """Of the newest part: test where there is one, else val."""
        return self.evaluation.newest


def thinned(count: int, most: int = MOST_POINTS) -> Ints:
    """At most `most` positions of `count`, evenly taken, first and last among them."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.int64)
