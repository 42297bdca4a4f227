"""`gatewise.compare`: models side by side, each in the same time, on the rows of a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gatewise.api.call import Call, Config, are_texts, speaking
from gatewise.api.cv import CvResult, listed
from gatewise.api.summary import Summary
from gatewise.cli.output import from_here
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError

if TYPE_CHECKING:
    from gatewise.jobs.shared import SharedData
    from gatewise.selection.cv.outcome import CvOutcome
    from gatewise.selection.cv.plan import Plan


class CompareResult(CvResult):
    """What a comparison found: a cross-validation's result, and its models side by side."""

    @property
    def table(self) -> pl.DataFrame:
        """A row for each model, the best first: as texts, as they are printed."""
        from gatewise.selection.cv.side_by_side import side_by_side

        head, lines = side_by_side(self.outcome)
        return pl.DataFrame(lines, schema=dict.fromkeys(head, pl.String()), orient="row")

    @property
    def markdown(self) -> str:
        """The table with all short metrics, to paste into Markdown."""
        return (self.outcome.folder / "compare.md").read_text(encoding="utf-8")

    @property
    def summary(self) -> Summary:
        from gatewise.selection.cv.side_by_side import side_by_side

        head, lines = side_by_side(self.outcome)
        return Summary(
            self.headline,
            self.judgement.tone,
            f"mean over folds of rows that no training saw; {self.outcome.coverage.description.lower()}",
            head[1:],
            lines,
            [f"{remark.rstrip('.')}." for remark in self.outcome.remarks],
            {"compare": self.outcome.folder.name, "report": str(from_here(self.outcome.report))},
            ("result.report()", "result.markdown"),
        )


def compare(
    data: Any = None,
    *,
    models: str | Sequence[str] | None = None,
    max_time: str | timedelta | None = None,
    seeds: str | int | Sequence[int] = 1,
    run_name: str | None = None,
    resume: str | None = None,
    config: Config = None,
    settings: Mapping[str, Any] | None = None,
    preset: str | Path | None = None,
    progress: bool = True,
    **said: Any,
) -> CompareResult:
    """Compares models side by side, each in the same time, as `gatewise compare` does.

    Args:
        data, config, settings, preset, progress, said: as of `fit`.
        models: names, or one with commas between; `None`: networks that predict the target, xgboost, voting.
        max_time: of each model over all of its trainings, like "10m", which `None` stands for.
        seeds: trainings of each model on each fold: how many, or a list that names each seed.
        run_name: `None`: made of data, models, target and horizon.
        resume: id (or its start) of a comparison that was cut off; a frame is given again.

    Raises:
        GatewiseError: rows or settings that can't be used; the first failure where folds failed.
        Interrupted: Ctrl-C; the text says how to go on.
    """
    are_texts(run_name=run_name, resume=resume)
    call = Call(data, config, settings, said, compare, preset)
    with speaking(progress):
        from gatewise.selection.compare.pace import paced
        from gatewise.selection.compare.plan import MAX_TIME, first_config, plan_comparison
        from gatewise.selection.cv.cv import resume_cv

        def config_of(compared: Sequence[str], more: Mapping[str, Any]) -> ExperimentConfig:
            return call.config(compared, **more)

        def planned(names: Sequence[str], chosen: Sequence[int]) -> tuple[Plan, SharedData]:
            length = MAX_TIME if max_time is None else max_time
            plan = plan_comparison(config_of, names, length, chosen, call.fields)
            return paced(plan, call.rows.load(plan.base.data))

        asked = Asked("comparison", models, max_time, seeds, resume, run_name, progress)
        outcome = run_asked(call, asked, partial(first_config, config_of), planned, resume_cv)
        refuse_failures(outcome)
    return CompareResult(outcome)


@dataclass(frozen=True)
class Asked:
    """What a comparison of some noun was asked for, see `compare`."""

    noun: str
    models: str | Sequence[str] | None
    max_time: str | timedelta | None
    seeds: str | int | Sequence[int]
    resume: str | None
    run_name: str | None
    progress: bool


def run_asked(
    call: Call,
    asked: Asked,
    first_config: Callable[[Sequence[str]], ExperimentConfig],
    planned: Callable[[Sequence[str], Sequence[int]], tuple[Plan, SharedData]],
    resumed: Callable[[Path], Plan],
) -> CvOutcome:
    """Runs a new plan, or goes on with one; failures are in the outcome.

    Args:
        first_config: of model names, before any row is read. planned: of model names and seeds. resumed: of a folder.
    """
    from gatewise.cli.cv import make_compute
    from gatewise.cli.cv_progress import CvProgress
    from gatewise.config.seeds import names_seeds, read_seeds
    from gatewise.registry.cv import cross_validate
    from gatewise.registry.folders import find_folder
    from gatewise.selection.cv.cv import start_cv

    models, seeds, resume = asked.models, asked.seeds, asked.resume
    shared: SharedData | None
    if resume is None:
        if names_seeds(seeds) and "training.seed" in call.fields:
            raise ConfigError("seeds names every seed, and so does seed; got both", "leave out one of the two")
        names = listed("models", models, str)
        first = first_config(names)
        plan, shared = planned(names, read_seeds(seeds, first.training.seed) if seeds != 1 else ())
        folder, table = start_cv(plan), shared.table
    elif call.says_anything or models is not None or asked.max_time is not None or seeds != 1:
        raise ConfigError(f"resume takes the {asked.noun}'s own settings; leave others out", f'resume="{resume}"')
    else:
        folder = find_folder(resume, "cv")
        plan = resumed(folder)
        shared, table = None, call.rows.load(plan.base.data)
    place, fleet = make_compute("local", None, plan, "auto")
    with CvProgress(quiet=not asked.progress) as listener:
        return cross_validate(plan, folder, place, listener, fleet, table, asked.run_name, shared)


def refuse_failures(outcome: CvOutcome) -> None:
    """Raises the first failure of a comparison's trainings, if one failed."""
    if outcome.failures:
        from gatewise.selection.cv.outcome import failure_words

        raise failure_words(outcome.failures, outcome.num_jobs)
