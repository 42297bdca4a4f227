"""A cross-validation's verdict: does the best of the compared models know more than the prior, and is that luck?

It is one of the four of every judgement (evaluation/verdict.py). What lies between them, an advantage that may be luck
or one that a few folds carry alone, is said in the sentences below the headline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gatewise.evaluation.base import fixed, shown
from gatewise.evaluation.interval_words import bounds_text
from gatewise.evaluation.metric_names import metric_places, metric_words
from gatewise.evaluation.scoring import PRIOR
from gatewise.evaluation.verdict import SHORT, Judgement
from gatewise.selection.cv.summary import Summary
from gatewise.selection.luck.cscv import BacktestOverfitting
from gatewise.selection.luck.deflated_sharpe import DeflatedSharpe
from gatewise.selection.luck.fold_interval import LEAST_FOLDS
from gatewise.selection.luck.overfitting import OverfittingReport
from gatewise.selection.luck.snooping import Snooping


@dataclass(frozen=True)
class CvVerdict:
    """The judgement, the sentences behind it, and what a reader should know beside."""

    judgement: Judgement
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """All sentences, the reasons first."""
        return (*self.reasons, *self.notes)

    @property
    def headline(self) -> str:
        """The verdict as a sentence without a full stop."""
        return self.judgement.headline


def judge(
    summaries: Sequence[Summary],
    overfitting: OverfittingReport,
    deciding: str,
    confidence: float,
    notes: Sequence[str] = (),
) -> CvVerdict:
    """Judges the comparison as a whole, the prior being its one baseline.

    Better: some model's interval over folds lies below zero, and the test against data snooping, which counts the
    choice among all of them, agrees. Worse: every model's lies above zero. Too few: no model has three folds, or the
    rows are too few for that test. Undecided: all else.

    Args:
        deciding: the metric that decides; lower is better.
        notes: what a reader should know beside, such as the folds that all of this stands on.
    """
    models = [summary for summary in summaries if summary.model != PRIOR]
    snooping = overfitting.snooping
    verdicts = [summary.judgement.verdict for summary in models]
    shown = snooping.value is not None and snooping.value < 1 - confidence
    if not snooping.periods or all(verdict == "too_few" for verdict in verdicts):
        judgement = Judgement("too_few")
    elif "better" in verdicts and shown:
        judgement = Judgement("better")
    elif all(verdict == "worse" for verdict in verdicts):
        judgement = Judgement("worse", PRIOR)
    else:
        judgement = Judgement("undecided")
    shades = _shades(models, judgement, snooping, shown)
    reasons = *shades, *(_line(summary, deciding, confidence) for summary in models)
    return CvVerdict(judgement, reasons, tuple(notes))


def measures(report: OverfittingReport) -> list[tuple[str, str, str]]:
    """(name, value, meaning or why there is none) of each measure of overfitting."""
    measured: dict[str, BacktestOverfitting | DeflatedSharpe | Snooping] = {
        f"PBO by {report.pbo.by}": report.pbo,
        "PBO by skill": report.skill_pbo,
        "Deflated Sharpe": report.deflated_sharpe,
        "Snooping": report.snooping,
    }
    values = {name: "–" if measure.value is None else f"{measure.value:.2f}" for name, measure in measured.items()}
    return [(name, values[name], measure.meaning or measure.reason or "") for name, measure in measured.items()]


def _shades(models: Sequence[Summary], judgement: Judgement, snooping: Snooping, shown: bool) -> list[str]:
    """What the four verdicts have no room for, as a sentence or none."""
    best = min(models, key=lambda summary: summary.against_prior.mean)
    ahead = [summary for summary in models if summary.judgement.verdict == "better"]
    leader = min(ahead, key=lambda summary: summary.against_prior.mean) if ahead else best
    if judgement.verdict == "too_few":
        folds = max(summary.folds for summary in models)
        if folds < LEAST_FOLDS:
            return [f"A verdict takes {LEAST_FOLDS} folds; there {'is' if folds == 1 else 'are'} {folds}."]
        return [f"Whether the best of them is luck can't be tested: {snooping.reason}."]
    if judgement.verdict == "better":
        return [f"{leader.name} knows more than the prior, with the choice among all that were compared counted."]
    if ahead:
        return [f"{leader.name} looks better than the prior, but luck is not ruled out."]
    if shown:
        return [f"{best.name} is ahead of the prior over all rows, but its folds differ too much to count on it."]
    return []


def _line(summary: Summary, deciding: str, confidence: float) -> str:
    mean, apart = summary.metrics[deciding].mean, summary.against_prior
    places = metric_places(deciding, mean)
    chance = mean - apart.mean  # the prior's on the same folds: some of the model's may have failed
    compared = f"{summary.name}: {metric_words(deciding)} {mean:.{places}f}; the prior's is {shown(chance, places)}"
    if apart.low is None or apart.high is None:
        return f"{compared}; one fold gives no interval."
    between = f"{fixed(apart.mean, places, '+')} {bounds_text(apart, places, sign='+')}"
    verdict = "too few folds" if summary.folds < LEAST_FOLDS else SHORT[summary.judgement.verdict]
    return f"{compared}; difference {between} at {confidence:.0%} over {summary.folds} folds: {verdict}."
