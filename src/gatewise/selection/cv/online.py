"""Models that were updated as labels settled, beside the same ones frozen: on the same rows, paired, with what it cost.

An updated model is a line of its own in every table, `lstm+online`; here it is held against its frozen twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from gatewise.config.durations import rough_duration
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL
from gatewise.evaluation.base import Floats, Ints, PredictionScores, count
from gatewise.evaluation.diebold_mariano import DieboldMariano, diebold_mariano, loss_series
from gatewise.evaluation.kinds.table import judge_of
from gatewise.evaluation.metric_names import metric_difference, metric_text, metric_words
from gatewise.evaluation.paired import Paired, pair
from gatewise.evaluation.side_by_side import in_tables
from gatewise.evaluation.verdict import SHORT
from gatewise.jobs.jobs import Job, JobResult
from gatewise.jobs.shared import SharedData
from gatewise.selection.cv.frames import Prediction
from gatewise.selection.cv.plan import ONLINE, Plan

_MOST_POINTS = 1_000  # of the drawn line
_FROZEN = "the frozen model"

Finished = Sequence[tuple[Job, JobResult]]


@dataclass(frozen=True)
class Online:
    """One model at one horizon, updated, over its folds and seeds.

    Attributes:
        name: of the frozen line, lstm@20.
        paired: the updated model beside the frozen one, by metric; below zero the updated one is better.
        diebold_mariano: of their losses.
        stretches, updates: in all trainings. seconds: that updates took.
        failed: (training, stretch, why) of updates that came to nothing: the model stayed as it was.
        timed: trainings whose budget ended their updates.
        time_us: int64 [points], at most 1,000 of the predicted moments. gain: float64 [points], the loss of the updated
            model less the frozen one's, added up until then; of several rows at a moment the mean.
    """

    name: str
    paired: Paired
    diebold_mariano: DieboldMariano
    stretches: int
    updates: int
    seconds: float
    failed: tuple[tuple[str, int, str], ...]
    timed: int
    time_us: Ints
    gain: Floats

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        paired = self.paired
        return {
            "verdict": paired.judgement.verdict,
            "frozen": paired.other_values,
            "updated": paired.values,
            "differences": {name: interval.to_dict() for name, interval in paired.differences.items()},
            "diebold_mariano": self.diebold_mariano.to_dict(),
            "stretches": self.stretches,
            "updates": self.updates,
            "seconds": self.seconds,
            "failed": [{"training": one, "stretch": number, "why": why} for one, number, why in self.failed],
            "timed": self.timed,
        }


def with_updated(finished: Finished) -> list[tuple[Job, JobResult]]:
    """The finished trainings of each line, followed by the same ones updated where they were, as a line of its own."""
    lines: list[tuple[Job, JobResult]] = []
    for _, group in groupby(finished, key=lambda pair: (pair[0].horizon, pair[0].model)):
        frozen = list(group)
        updated = ((replace(job, model=job.model + ONLINE), result.updated) for job, result in frozen)
        lines += [*frozen, *((job, result) for job, result in updated if result is not None)]
    return lines


def beside_frozen(
    compared: Sequence[Prediction], finished: Finished, shared: SharedData, plan: Plan
) -> dict[str, Online]:
    """By model@horizon of the frozen line, of those that were updated.

    Args:
        compared: all lines' predictions on the folds that models are compared on.
        finished: trainings, each once.
    """
    folds = {one.fold.number for one in compared}
    found = {}
    for horizon in shared.horizons:
        for model in dict.fromkeys(job.model for job, result in finished if result.online and job.horizon == horizon):
            trained = [
                (job, result) for job, result in finished if (job.model, job.horizon) == (model, horizon)
                and job.fold in folds
            ]  # fmt: skip
            updated, frozen = (
                [one for one in compared if (one.model, one.horizon) == (line, horizon)]
                for line in (model + ONLINE, model)
            )
            name = f"{model}@{horizon}"
            found[name] = _online(name, updated, frozen, trained, shared, plan)
    return found


def online_words(online: Online, deciding: str, name: str) -> list[str]:
    """Sentences on one: what updating changed, and what came in its way.

    Args:
        name: what the model is called beside the others.
    """
    values = online.paired.values[deciding], online.paired.other_values[deciding]
    size, apart = max(map(abs, values)), online.paired.differences[deciding]
    updates = f"{count(online.updates, 'update')} took {rough_duration(online.seconds)}"
    sentences = [
        f"{name} updated: {metric_words(deciding)} {metric_text(deciding, values[0], size)}, "
        f"{metric_difference(deciding, apart, size)} beside itself frozen: {SHORT[online.paired.judgement.verdict]}; "
        f"{updates}."
    ]
    if online.failed:
        place, stretch, why = online.failed[0]
        times = count(len(online.failed), "update")
        sentences.append(
            f"{name}: {times} came to nothing and left the model as it was; the first, {place}, stretch "
            f"{stretch}: {why}."
        )
    if online.timed:
        sentences.append(f"{name}: in {count(online.timed, 'training')} time was up before the last update.")
    return sentences


def _online(
    name: str,
    updated: Sequence[Prediction],
    frozen: Sequence[Prediction],
    trained: Finished,
    shared: SharedData,
    plan: Plan,
) -> Online:
    table, spec, horizon = shared.table, plan.base.evaluation, updated[0].horizon
    labels = shared.horizons[horizon].labels
    judge = judge_of(labels)
    every = block_numbers(table.frame[SYMBOL])
    rows = np.concatenate([one.rows for one in updated])
    # Each seed is a panel of its own at the same moments, so that seeds add no evidence.
    seeds = {seed: number for number, seed in enumerate(dict.fromkeys(one.seed for one in updated))}
    panel = np.concatenate([np.full(one.rows.size, seeds[one.seed]) for one in updated])
    symbol = every[rows] + panel * len(table.symbols)

    def scores(some: Sequence[Prediction]) -> PredictionScores:
        values = np.concatenate([one.values for one in some])
        return judge.kept_scores(labels.spec, labels.at(rows), values, symbol)

    one, other = scores(updated), scores(frozen)
    time_us = table.time_us[rows]
    paired = pair(
        one,
        other,
        in_tables(updated[0].metrics),
        judge.deciding_metric,
        time_us=time_us,
        symbol=symbol,
        horizon=horizon,
        confidence=spec.confidence,
        memory_rows=spec.block_rows,
        other_name=_FROZEN,
    )
    series, ahead = loss_series({"updated": one.loss, "frozen": other.loss}, time_us, symbol, horizon)
    gain = np.cumsum(series["updated"] - series["frozen"])
    points = np.unique(np.linspace(0, len(gain) - 1, min(_MOST_POINTS, len(gain))).astype(np.int64))
    results = [(job, result.online) for job, result in trained if result.online]
    return Online(
        name,
        paired,
        diebold_mariano(series["updated"], series["frozen"], ahead),
        stretches=sum(result.stretches for _, result in results),
        updates=sum(result.updates for _, result in results),
        seconds=sum(result.seconds for _, result in results),
        failed=tuple((job.label, number, why) for job, result in results for number, why in result.failed),
        timed=sum(result.ended == "max_time" for _, result in results),
        time_us=np.unique(time_us)[points],
        gain=gain[points],
    )
