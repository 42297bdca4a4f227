"""A cross-validation in words: does the best of the compared models know more than the prior, and is that luck?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gatewise.evaluation.base import decimals
from gatewise.evaluation.report_html import metric_words
from gatewise.selection.overfitting import OverfittingReport
from gatewise.selection.scoring import PRIOR
from gatewise.selection.summary import Summary


@dataclass(frozen=True)
class Verdict:
    """The headline, whether it is good news, and the sentences behind it."""

    headline: str
    tone: Literal["good", "open", "bad"]
    lines: tuple[str, ...]


def judge(
    summaries: Sequence[Summary], overfitting: OverfittingReport, deciding: str, confidence: float, complete: bool
) -> Verdict:
    """Puts numbers into words.

    A model is said to know more than the prior where its interval over folds lies below zero and, with the choice among
    all of them counted, the test against data snooping agrees.

    Args:
        deciding: the metric that decides; lower is better.
        complete: whether every fold of every model is in.
    """
    models = [of for of in summaries if of.model != PRIOR]
    best = min(models, key=lambda of: of.against_prior.mean)
    better = [of for of in models if of.beats_prior]
    p = overfitting.snooping.value
    shown = p is not None and p < 1 - confidence
    tone: Literal["good", "open", "bad"] = "open"
    if max(of.folds for of in models) < 2:
        headline = "Too few folds for a verdict"
    elif better and shown:
        headline, tone = f"{best.name} knows more than the prior", "good"
    elif better:
        headline = f"{best.name} looks better than the prior, but luck is not ruled out"
    elif all(of.beats_prior is False for of in models):
        headline, tone = "Worse than the prior", "bad"
    elif shown:
        headline = f"{best.name} is ahead of the prior over all rows, but its folds differ too much to count on it"
    else:
        headline, tone = "No better than chance", "bad"
    lines = [_line(of, deciding, confidence) for of in models]
    if not complete:
        lines.append("Some folds failed and are in none of these numbers.")
    return Verdict(headline, tone, tuple(lines))


def measures(of: OverfittingReport) -> list[tuple[str, str, str]]:
    """(name, value, meaning or why there is none) of each measure of overfitting."""
    found = (
        ("PBO", of.pbo.value, of.pbo.meaning or of.pbo.reason),
        ("Deflated Sharpe", of.deflated_sharpe.value, of.deflated_sharpe.meaning or of.deflated_sharpe.reason),
        ("Snooping", of.snooping.value, of.snooping.meaning or of.snooping.reason),
    )
    return [(name, "–" if value is None else f"{value:.2f}", words or "") for name, value, words in found]


def _line(of: Summary, deciding: str, confidence: float) -> str:
    mean, apart = of.metrics[deciding].mean, of.against_prior
    places = decimals(mean)
    chance = mean - apart.mean  # the prior's on the same folds: some of the model's may have failed
    told = f"{of.name}: {metric_words(deciding)} {mean:.{places}f}; the prior's is {chance:.{places}f}"
    if apart.low is None or apart.high is None:
        return f"{told}; one fold gives no interval."
    between = f"{apart.mean:+.{places}f} [{apart.low:+.{places}f}, {apart.high:+.{places}f}]"
    found = {True: "better", False: "worse", None: "undecided"}[of.beats_prior]
    return f"{told}; difference {between} at {confidence:.0%} over {of.folds} folds: {found}."
