"""`gatewise.compare`: models side by side, each in the same time, on the rows of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from gatewise.api.call import Call, Config, are_texts, speaking
from gatewise.api.cv import CvResult, listed
from gatewise.api.summary import Summary
from gatewise.cli.output import from_here
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError


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
        from gatewise.cli.cv import make_compute
        from gatewise.cli.cv_progress import CvProgress
        from gatewise.config.seeds import names_seeds, read_seeds
        from gatewise.registry.cv import cross_validate
        from gatewise.registry.folders import find_folder
        from gatewise.selection.compare.pace import paced
        from gatewise.selection.compare.plan import MAX_TIME, first_config, plan_comparison
        from gatewise.selection.cv.cv import resume_cv, start_cv

        def config_of(compared: Sequence[str], more: Mapping[str, Any]) -> ExperimentConfig:
            return call.config(compared, **more)

        if resume is None:
            if names_seeds(seeds) and "training.seed" in call.fields:
                raise ConfigError("seeds names every seed, and so does seed; got both", "leave out one of the two")
            names = listed("models", models, str)
            chosen = read_seeds(seeds, first_config(config_of, names).training.seed) if seeds != 1 else ()
            length = MAX_TIME if max_time is None else max_time
            plan = plan_comparison(config_of, names, length, chosen, call.fields)
            plan, shared = paced(plan, call.rows.load(plan.base.data))
            folder, table = start_cv(plan), shared.table
        elif call.says_anything or models is not None or max_time is not None or seeds != 1:
            raise ConfigError("resume takes the comparison's own settings; leave others out", f'resume="{resume}"')
        else:
            folder = find_folder(resume, "cv")
            plan = resume_cv(folder)
            shared, table = None, call.rows.load(plan.base.data)
        place, fleet = make_compute("local", None, plan, "auto")
        with CvProgress(quiet=not progress) as listener:
            outcome = cross_validate(plan, folder, place, listener, fleet, table, run_name, shared)
        if outcome.failures:
            from gatewise.selection.cv.outcome import failure_words

            raise failure_words(outcome.failures, outcome.num_jobs)
    return CompareResult(outcome)
