"""`gatewise.cv`: models compared by purged cross-validation on the rows of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gatewise.api.call import Call, Config, are_counts, are_texts, speaking
from gatewise.api.summary import Judged, Report, Summary
from gatewise.cli.output import from_here
from gatewise.errors import ArgumentError, ConfigError
from gatewise.evaluation.side_by_side import over_folds
from gatewise.evaluation.verdict import Judgement

if TYPE_CHECKING:
    from gatewise.selection.cv.outcome import CvOutcome
    from gatewise.selection.cv.plan import Plan


class CvResult(Judged):
    """What a cross-validation found; `outcome` holds all of it."""

    def __init__(self, outcome: CvOutcome) -> None:
        self.outcome = outcome

    @property
    def judgement(self) -> Judgement:
        """Better where some model is so beside the prior and the test against snooping agrees."""
        return self.outcome.verdict.judgement

    @property
    def folds(self) -> pl.DataFrame:
        """A row for each training: fold, seed, model, horizon, symbol, counts, metrics."""
        return self.outcome.frame

    @property
    def out_of_fold(self) -> pl.DataFrame:
        """Every model's predictions of rows that it was not trained on."""
        return pl.read_parquet(self.outcome.out_of_fold)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """{"model@horizon": {metric: {mean, std, low, high}}} over folds."""
        return dict(self.to_dict()["summary"])

    def report(self) -> Report:
        """The page: a path, which a notebook shows."""
        return Report(self.outcome.report)

    def to_dict(self) -> dict[str, Any]:
        """What `gatewise cv --json` says (docs/machine-interface.md)."""
        return self.outcome.to_dict()

    @property
    def summary(self) -> Summary:
        outcome = self.outcome
        summaries = ((each.name, each.folds, each.metrics) for each in outcome.summaries)
        head, lines = over_folds(summaries, outcome.plan.base.evaluation.confidence)
        return Summary(
            self.headline,
            self.judgement.tone,
            "mean ± standard deviation over folds of rows that no training saw",
            head,
            lines,
            [f"{remark.rstrip('.')}." for remark in outcome.remarks],
            {"cv": outcome.folder.name, "report": str(from_here(outcome.report))},
            ("result.report()", "result.out_of_fold"),
        )


def cv(
    data: Any = None,
    *,
    models: str | Sequence[str] | None = None,
    horizons: int | Sequence[int] | None = None,
    seeds: str | int | Sequence[int] = 1,
    max_time: str | timedelta | None = None,
    per_symbol: bool = False,
    workers: int | None = None,
    fleet: str = "auto",
    run_name: str | None = None,
    resume: str | None = None,
    config: Config = None,
    settings: Mapping[str, Any] | None = None,
    preset: str | Path | None = None,
    progress: bool = True,
    **said: Any,
) -> CvResult:
    """Compares models by purged cross-validation, as `gatewise cv` does.

    Args:
        data, config, settings, preset, progress, said: as of `fit`.
        models: names, or one with commas between.
        horizons: rows ahead that the target looks.
        seeds: trainings of each model on each fold: how many, or a list that names each seed.
        max_time: of each training, like "10m"; it ends between epochs.
        per_symbol: one model for each symbol.
        workers: processes; 1 trains in this one, `None` takes one a core.
        fleet: models of one shape trained as one: auto, on, off.
        run_name: `None`: made of data, models, target and horizons.
        resume: id (or its start) of a cross-validation that was cut off; a frame is given again.

    Raises:
        GatewiseError: rows or settings that can't be used; the first failure where folds failed.
        Interrupted: Ctrl-C; the text says how to go on.
    """
    are_texts(run_name=run_name, resume=resume)
    are_counts(workers=workers)
    call = Call(data, config, settings, said, cv, preset)
    with speaking(progress):
        from gatewise.cli.cv import make_compute
        from gatewise.cli.cv_progress import CvProgress
        from gatewise.registry.cv import cross_validate
        from gatewise.registry.folders import find_folder
        from gatewise.selection.cv.cv import resume_cv, start_cv

        anything = call.says_anything or models or horizons or per_symbol or seeds != 1 or max_time is not None
        asked = _plan(call, models, horizons, seeds, per_symbol, max_time) if anything or resume is None else None
        if resume is None:
            assert asked is not None
            plan, folder = asked, None
        else:
            folder = find_folder(resume, "cv")
            plan = resume_cv(folder, asked)
        place, choice = make_compute("local", workers, plan, fleet)
        table = call.rows.load(plan.base.data)
        with CvProgress(quiet=not progress) as listener:
            outcome = cross_validate(plan, folder or start_cv(plan), place, listener, choice, table, run_name)
        if outcome.failures:
            from gatewise.selection.cv.outcome import failure_words

            raise failure_words(outcome.failures, outcome.num_jobs)
    return CvResult(outcome)


def _plan(
    call: Call,
    models: str | Sequence[str] | None,
    horizons: int | Sequence[int] | None,
    seeds: str | int | Sequence[int],
    per_symbol: bool,
    max_time: str | timedelta | None,
) -> Plan:
    from gatewise.config.seeds import names_seeds, read_seeds
    from gatewise.selection.cv.plan import Plan
    from gatewise.training.budget import Budget

    names = listed("models", models, str)
    if names:
        configs = {name: call.config(names, **{"model.name": name}) for name in names}
    else:
        alone = call.config()
        configs = {alone.model.name: alone}
    first = next(iter(configs.values()))
    ahead = listed("horizons", horizons, int) or (first.target.horizon,)
    if names_seeds(seeds) and "training.seed" in call.fields:
        raise ConfigError("seeds names every seed, and so does seed; got both", "leave out one of the two")
    chosen = read_seeds(seeds, first.training.seed)
    named = chosen if names_seeds(seeds) else ()
    per_symbol = per_symbol or first.training.per_symbol
    max_seconds = Budget.of(max_time).max_seconds
    return Plan(configs, ahead, len(chosen), per_symbol, named_seeds=named, max_seconds=max_seconds)


def listed(name: str, value: Any, kind: type) -> tuple[Any, ...]:
    """One or several as a tuple; none for `None`."""
    if isinstance(value, str):
        values: tuple[Any, ...] = tuple(word.strip() for word in value.split(","))
    else:
        values = () if value is None else tuple(value) if isinstance(value, list | tuple | range) else (value,)
    what = {str: "names", int: "whole numbers"}[kind]
    if value is not None and (not values or not all(isinstance(v, kind) and not isinstance(v, bool) for v in values)):
        example = {"models": 'models=["lstm", "gru"]', "horizons": "horizons=[5, 20]"}[name]
        raise ArgumentError(f"{name} are {what}; got {value!r}", example)
    return values
