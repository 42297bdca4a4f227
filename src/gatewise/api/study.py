"""`gatewise.study`: a whole table of forecasts on the rows of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gatewise.api.call import Call, Config, are_texts, speaking
from gatewise.api.compare import Asked, refuse_failures, run_asked
from gatewise.api.cv import CvResult
from gatewise.api.summary import Report, Summary
from gatewise.cli.output import from_here
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import UnknownNameError

if TYPE_CHECKING:
    from gatewise.jobs.shared import SharedData
    from gatewise.selection.cv.plan import Plan
    from gatewise.selection.study.outcome import Study

STUDIES = ("volatility",)


class StudyResult(CvResult):
    """What a study found: a cross-validation's result, and its own table."""

    def __init__(self, study: Study) -> None:
        super().__init__(study.outcome)
        self.study = study

    @property
    def table(self) -> pl.DataFrame:
        """A row a line, the best first, numbers as they are."""
        from gatewise.selection.study.table import study_frame

        return study_frame(self.study.lines)

    @property
    def markdown(self) -> str:
        """The table, to paste into Markdown."""
        return (self.outcome.folder / "table.md").read_text(encoding="utf-8")

    def report(self) -> Report:
        """The study's page: a path, which a notebook shows."""
        return Report(self.study.files[0])

    def to_dict(self) -> dict[str, Any]:
        """What `gatewise study --json` prints."""
        return self.study.to_dict()

    @property
    def summary(self) -> Summary:
        from gatewise.selection.study.table import FEW, held_against, study_cells

        head, lines = study_cells(self.study.lines, held_against(self.outcome), FEW)
        return Summary(
            self.headline,
            self.judgement.tone,
            "on rows that no training saw",
            head[1:],
            lines,
            [f"{line.rstrip('.')}." for line in self.outcome.verdict.lines],
            {"study": self.outcome.folder.name, "report": str(from_here(self.study.files[0]))},
            ("result.report()", "result.table"),
        )


def study(
    name: str,
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
) -> StudyResult:
    """Makes a whole table of forecasts, as `gatewise study` does.

    Args:
        name: volatility: forecasts of realised volatility beside the HAR family, on one held-out newest part.
        data, config, settings, preset, progress, said: as of `fit`.
        models: beside har_log and ridge: names, or one with commas between; `None`: all that the table knows.
        max_time: of all networks' trainings together, like "30m", which `None` stands for.
        seeds: trainings of each model: how many, or a list that names each seed.
        run_name: `None`: made of data, models, target and horizon.
        resume: id (or its start) of a study that was cut off; a frame is given again.

    Raises:
        GatewiseError: rows or settings that can't be used; the first failure where trainings failed.
        Interrupted: Ctrl-C; the text says how to go on.
    """
    are_texts(name=name, run_name=run_name, resume=resume)
    if name not in STUDIES:
        raise UnknownNameError("study", name, STUDIES)
    call = Call(data, config, settings, said, study, preset)
    with speaking(progress):
        from gatewise.selection.study.plan import MAX_TIME, first_config, paced_study, plan_study, resume_study

        def config_of(compared: Sequence[str], more: Mapping[str, Any], below: Mapping[str, Any]) -> ExperimentConfig:
            return call.config(compared, below, **more)

        def planned(names: Sequence[str], chosen: Sequence[int]) -> tuple[Plan, SharedData]:
            length = MAX_TIME if max_time is None else max_time
            plan, table = plan_study(
                config_of, names, length, chosen, call.fields, load=lambda first: call.rows.load(first.data)
            )
            return paced_study(plan, table)

        asked = Asked("study", models, max_time, seeds, resume, run_name, progress)
        outcome = run_asked(call, asked, partial(first_config, config_of), planned, resume_study)
        from gatewise.selection.study.outcome import write_study

        made = write_study(outcome)
        refuse_failures(outcome)
    return StudyResult(made)
