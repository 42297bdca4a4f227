"""The verdict where one model is to be beaten: which line is best, and is it shown to be better than that model?

Two things must agree. Diebold and Mariano's test says that the best line's losses lie below the model's, row by row;
the model confidence set, which counts that the best was picked among all, leaves the model out.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.evaluation.base import fixed, shown
from gatewise.evaluation.interval_words import bounds_text
from gatewise.evaluation.metric_names import metric_places, metric_words
from gatewise.evaluation.scoring import PRIOR
from gatewise.evaluation.verdict import Judgement
from gatewise.selection.cv.pairs import Pairs
from gatewise.selection.cv.summary import Summary
from gatewise.selection.cv.verdict import CvVerdict
from gatewise.selection.luck.overfitting import OverfittingReport


def judge_beside(
    pairs: Pairs,
    summaries: Sequence[Summary],
    overfitting: OverfittingReport,
    deciding: str,
    confidence: float,
    notes: Sequence[str] = (),
) -> CvVerdict:
    """Judges the best line beside the first model of `pairs.beside`; of several horizons, the one where it leads most.

    Better: DM's p is below 1 - confidence and the confidence set leaves the model out. Too few: no test can be made.
    Undecided: all else, also where that model is itself the best.

    Args:
        deciding: the metric that decides; lower is better.
        notes: what a reader should know beside.
    """
    several = len(pairs.beside) > 1
    metrics = {summary.name: summary.metrics[deciding].mean for summary in summaries}
    named = {horizon: f"{names[0]}@{horizon}" for horizon, names in pairs.beside.items()}
    apart = {s.name: s for s in summaries if s.model != PRIOR and s.name not in named.values()}
    if not apart:
        (model,) = {names[0] for names in pairs.beside.values()}
        return CvVerdict(Judgement("undecided", model), (f"There is nothing beside {model}.",), tuple(notes))
    lines = {name: pairs.tests[name][named[s.horizon]] for name, s in apart.items()}
    best = min(lines, key=lambda name: lines[name].difference)
    test, beaten = lines[best], named[apart[best].horizon]
    model, snooping = beaten.rpartition("@")[0], overfitting.snooping
    leader = best if several else apart[best].model
    other = beaten if several else model
    places = metric_places(deciding, metrics[best])
    ours, theirs = fixed(metrics[best], places), shown(metrics[beaten], places)
    if test.difference >= 0:
        return CvVerdict(
            Judgement("too_few" if test.p is None else "undecided", model),
            (f"{other} is best: {metric_words(deciding)} {theirs}; the nearest, {leader}, has {ours}.",),
            tuple(notes),
        )
    bounds = f" {bounds_text(test.interval(confidence), places, sign='+')}".rstrip()
    difference = f"difference {fixed(test.difference, places, '+')}{bounds}"
    numbers = f"{leader} is best: {metric_words(deciding)} {ours} against {other}'s {theirs}, {difference}"
    if test.p is None:
        return CvVerdict(Judgement("too_few"), (f"{numbers}; no test: {test.reason}.",), tuple(notes))
    numbers += f" at {confidence:.0%}, DM p {test.p:.2g}."
    if test.p >= 1 - confidence:
        return CvVerdict(Judgement("undecided", model), (numbers,), tuple(notes))
    if snooping.value is None or beaten in snooping.included:
        why = snooping.reason or f"{other} stays among those that can't be told from the best"
        luck = f"That it was picked as the best of {len(lines)} is not counted there; with that counted, {why}."
        return CvVerdict(Judgement("undecided", model), (numbers, luck), tuple(notes))
    return CvVerdict(Judgement("better", model), (numbers,), tuple(notes))
