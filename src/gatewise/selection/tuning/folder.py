"""A study's folder `$GATEWISE_HOME/tune/<id>`: what was asked for, so that it can go on, and what was found."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from gatewise.config.alike import require_fleet_choice
from gatewise.config.load import load_config, to_yaml
from gatewise.config.quick import QUICK_TRIALS
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError, ReadError, UnknownNameError
from gatewise.files import home, write_frame, write_json, write_text
from gatewise.selection.tuning.space import Choice, Range, SearchSpace
from gatewise.selection.tuning.space_file import parse_space
from gatewise.selection.tuning.trials import TrialRow

PRUNERS = ("median", "hyperband", "none")
SAMPLERS = ("tpe", "random", "grid")
_REQUEST = "study.json"


@dataclass(frozen=True)
class StudyRequest:
    """How a search is to be run; none of it but the pruner, the sampler and the name decides what one trial finds.

    Attributes:
        n_trials: how many trials the study is to hold in the end, those of earlier processes among them.
        timeout_seconds: after which no trial begins; `None`: no limit.
        storage: a database's URL; `None`: study.db in the study's folder.
        study_name: in the storage.
        pruner: median, hyperband or none.
        sampler: tpe, random or grid.
        workers: trials side by side, each in a process of its own; 0: one at a time, in this process.
        adapt: whether fewer inner folds than `cv.n_splits` may be taken where the samples can't carry so many.
        fleet: whether trials are trained as one, many at once, in this process: auto, on or off.
    """

    n_trials: int = 50
    timeout_seconds: float | None = None
    storage: str | None = None
    study_name: str = "gatewise"
    pruner: str = "median"
    workers: int = 1
    adapt: bool = False
    fleet: str = "auto"
    sampler: str = "tpe"

    def __post_init__(self) -> None:
        if self.n_trials < 1:
            raise ConfigError(f"a search needs at least one trial; got n_trials {self.n_trials}", "n_trials=50")
        if self.timeout_seconds is not None and not 0 < self.timeout_seconds < inf:
            raise ConfigError(
                f"the timeout must be above 0 seconds and finite; got {self.timeout_seconds:g}",
                "leave it out for no bound",
            )
        if self.workers < 0:
            raise ConfigError(f"workers must be 0 or more; got {self.workers}", "workers=0 trains in this process")
        require_fleet_choice(self.fleet)
        if self.pruner not in PRUNERS:
            raise UnknownNameError("pruner", self.pruner, PRUNERS)
        if self.sampler not in SAMPLERS:
            raise UnknownNameError("sampler", self.sampler, SAMPLERS)

    @classmethod
    def of(cls, config: ExperimentConfig, said: Collection[str], asked: Mapping[str, Any]) -> StudyRequest:
        """What is asked of a config whose fields `said` were said: their number of folds is kept or refused."""
        usual = QUICK_TRIALS if config.training.quick else cls.n_trials
        return cls(usual, study_name=config.name, adapt="cv.n_splits" not in said).updated(asked)

    def updated(self, changes: Mapping[str, Any]) -> StudyRequest:
        """The same with what was said, which is all that is not `None`."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


def study_folder(study_id: str) -> Path:
    """`$GATEWISE_HOME/tune/<id>`."""
    return home() / "tune" / study_id


def write_request(folder: Path, config: ExperimentConfig, space: SearchSpace, request: StudyRequest) -> None:
    """Writes what `read_request` reads.

    Raises:
        StorageError: the disk is full or not writable.
    """
    write_text(folder / "config.yaml", to_yaml(config))
    write_text(folder / "space.yaml", yaml.safe_dump(space.to_dict(), sort_keys=False))
    write_json(folder / _REQUEST, asdict(request))


def read_request(folder: Path) -> tuple[ExperimentConfig, SearchSpace, StudyRequest]:
    """What a study was begun with.

    Raises:
        ReadError: a file is missing or damaged.
    """
    try:
        config = load_config(folder / "config.yaml")
        space = parse_space(yaml.safe_load((folder / "space.yaml").read_text(encoding="utf-8")), config)
        request = StudyRequest(**json.loads((folder / _REQUEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise ReadError(f"{folder} must hold a study; a file is missing or damaged", "start a new one") from error
    return config, space, request


def write_best(folder: Path, config: ExperimentConfig, best: TrialRow, metric: str) -> None:
    """Writes best.yaml, which `gatewise train --config` takes."""
    comment = f"# Trial {best.number} of study {folder.name}: {metric} {best.value:.6g} over the inner folds.\n"
    write_text(folder / "best.yaml", comment + to_yaml(config))


def write_trials(folder: Path, space: SearchSpace, rows: Sequence[TrialRow], num_folds: int) -> None:
    """Writes trials.parquet, in which nothing depends on the clock."""
    write_frame(folder / "trials.parquet", trials_frame(space, rows, num_folds))


def trials_frame(space: SearchSpace, rows: Sequence[TrialRow], num_folds: int) -> pl.DataFrame:
    """number, state, value, fold_1 …, diverged_folds, error, then a column a parameter."""
    columns: list[pl.Series] = [
        pl.Series("number", [row.number for row in rows], pl.Int64),
        pl.Series("state", [row.state for row in rows], pl.String),
        pl.Series("value", [row.value for row in rows], pl.Float64),
    ]
    for fold in range(num_folds):
        scores = [row.scores[fold] if fold < len(row.scores) else None for row in rows]
        columns.append(pl.Series(f"fold_{fold + 1}", scores, pl.Float64))
    columns.append(pl.Series("diverged_folds", [list(row.diverged) for row in rows], pl.List(pl.Int64)))
    errors = [f"{row.error['type']}: {row.error['message']}" if row.error else None for row in rows]
    columns.append(pl.Series("error", errors, pl.String))
    for parameter in space.parameters:
        kind = _kind(parameter)
        values = [row.params.get(parameter.name) for row in rows]
        texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
        columns.append(pl.Series(parameter.name, texts if kind == pl.String else values, kind))
    return pl.DataFrame(columns)


def _kind(parameter: Choice | Range) -> Any:
    if isinstance(parameter, Range):
        return pl.Int64 if parameter.whole else pl.Float64
    kinds = {type(value) for value in parameter.values if value is not None}
    if kinds == {bool}:
        return pl.Boolean
    if kinds and kinds <= {int, float}:
        return pl.Int64 if kinds == {int} else pl.Float64
    return pl.String
