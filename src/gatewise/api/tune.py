"""`gatewise.tune`: the best settings of a model, searched on the rows of a frame before the test part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gatewise.api.call import Call, Config, are_counts, are_texts, speaking
from gatewise.api.fit import fit
from gatewise.api.model import Model
from gatewise.api.summary import Judged, Report, Summary
from gatewise.cli.output import from_here
from gatewise.config.durations import seconds_of
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError
from gatewise.evaluation.verdict import Judgement

if TYPE_CHECKING:
    from gatewise.selection.tuning.space import SearchSpace
    from gatewise.selection.tuning.tune import Tuned


class TuneResult(Judged):
    """What a search found; `outcome` holds all of it."""

    def __init__(self, outcome: Tuned) -> None:
        self.outcome = outcome

    @property
    def best(self) -> Mapping[str, Any]:
        """The best trial's settings by their names."""
        return dict(self.outcome.result.best.params)

    @property
    def best_config(self) -> ExperimentConfig:
        """The whole config with them."""
        return self.outcome.result.config

    def fit(self, data: Any = None, **said: Any) -> Model:
        """Trains with the best settings, and judges on the test part, which no trial saw; see `gatewise.fit`."""
        return fit(data, config=self.best_config, **said)

    @property
    def judgement(self) -> Judgement:
        """Of the best trial beside the prior, with the choice among all counted."""
        return self.outcome.result.verdict.judgement

    @property
    def trials(self) -> pl.DataFrame:
        """A row a trial: number, state, value, the folds' scores, and a column a setting."""
        return pl.read_parquet(self.outcome.table)

    def report(self) -> Report:
        """The page: a path, which a notebook shows."""
        return Report(self.outcome.report)

    def to_dict(self) -> dict[str, Any]:
        """What `gatewise tune --json` says (docs/machine-interface.md)."""
        return self.outcome.to_dict()

    @property
    def summary(self) -> Summary:
        result, outcome = self.outcome.result, self.outcome
        complete = [row for row in result.rows if row.state == "COMPLETE" and row.value is not None]
        ranked = sorted(complete, key=lambda row: (row.value, row.number))
        names = list(result.best.params)
        lines = [[str(row.number), f"{row.value:.6g}", *(_word(row.params[name]) for name in names)] for row in ranked]
        return Summary(
            self.headline,
            self.judgement.tone,
            f"{len(complete)} of {len(result.rows)} trials complete; {result.metric}, the mean over inner folds; the "
            f"prior comes to {result.prior_value:.6g}",
            [result.metric.replace("_", " "), *names],
            lines,
            outcome.remarks,
            {"study": outcome.folder.name, "report": str(from_here(outcome.report))},
            ("result.best", "result.fit(rows)  # has the best judged on the test part, which no trial saw"),
        )


def tune(
    data: Any = None,
    *,
    space: str | Path | Mapping[str, Any] | None = None,
    n_trials: int | None = None,
    timeout: str | float | timedelta | None = None,
    storage: str | None = None,
    study_name: str | None = None,
    pruner: str | None = None,
    sampler: str | None = None,
    workers: int | None = None,
    fleet: str | None = None,
    resume: str | None = None,
    config: Config = None,
    settings: Mapping[str, Any] | None = None,
    preset: str | Path | None = None,
    progress: bool = True,
    **said: Any,
) -> TuneResult:
    """Searches a model's settings by purged inner folds before the test part, as `gatewise tune` does.

    Args:
        data, config, settings, preset, progress, said: as of `fit`.
        space: one that ships, a file, or a mapping: {"hidden_size": [16, 32], "dropout": {"low": 0.0, "high": 0.5}}.
        n_trials: how many the study is to hold in the end; 50, with `quick` 5.
        timeout: seconds, or like "30m", after which no trial begins.
        storage: a database's URL.
        study_name: the run's name, and the study's in the storage, where it goes on.
        pruner: median, hyperband or none.
        sampler: how trials are chosen: tpe, random, or grid, which tries all points of the space once.
        workers: trials side by side, a process each; 0: in this one.
        fleet: trials of one shape trained as one: auto, on, off.
        resume: id (or its start) of a study that was cut off; a frame is given again.

    Raises:
        MissingExtraError: Optuna is absent.
        GatewiseError: rows or settings that can't be used, or no trial that came to an end.
        Interrupted: Ctrl-C; the text says how to go on.
    """
    are_texts(study_name=study_name, pruner=pruner, sampler=sampler, resume=resume)
    are_counts(n_trials=n_trials, workers=workers)
    call = Call(data, config, settings, said, tune, preset)
    asked = {
        "n_trials": n_trials,
        "timeout_seconds": _seconds(timeout),
        "storage": storage,
        "study_name": study_name,
        "pruner": pruner,
        "sampler": sampler,
        "workers": workers,
        "fleet": fleet,
    }
    with speaking(progress):
        from gatewise.cli.tune_progress import TuneProgress
        from gatewise.registry.folders import find_folder
        from gatewise.registry.tune import tune as search
        from gatewise.selection.tuning.folder import StudyRequest, read_request

        study_id = None
        if resume is None:
            made = call.config()
            request, wanted = StudyRequest.of(made, call.fields, asked), _space(space, made, call.fields)
        else:
            if call.says_anything or space or study_name or pruner or sampler:
                raise ConfigError(
                    "a study goes on with its own config and space; leave other settings out",
                    "n_trials, timeout, storage, workers and fleet may be changed",
                )
            folder = find_folder(resume, "tune")
            made, wanted, request = read_request(folder)
            request, study_id = request.updated(asked), folder.name
        table = call.rows.load(made.data)
        with TuneProgress(quiet=not progress) as listener:
            outcome = search(made, wanted, request, listener, table, study_id, study_name)
    return TuneResult(outcome)


def _space(space: str | Path | Mapping[str, Any] | None, config: ExperimentConfig, said: frozenset[str]) -> SearchSpace:
    from gatewise.selection.tuning.space_file import load_space, parse_space

    if isinstance(space, Mapping):
        return parse_space(dict(space), config)
    return load_space(None if space is None else str(space), config, said)


def _seconds(timeout: str | float | timedelta | None) -> float | None:
    if timeout is None or (isinstance(timeout, int | float) and not isinstance(timeout, bool)):
        return timeout
    return seconds_of("timeout", timeout)


def _word(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
