"""A search from config to best config: what it may see, its study, its trials, and the files that it leaves.

The folder `$GATEWISE_HOME/tune/<id>` holds config.yaml, space.yaml and study.json (what was asked for), study.db (the
trials, unless `storage` names another place), and at the end trials.parquet, best.yaml and report.html.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gatewise.config.names import long_name
from gatewise.config.schema import ExperimentConfig
from gatewise.data.load import load_table
from gatewise.data.sources import how_to_resume
from gatewise.data.table import Table
from gatewise.errors import ConfigError, Interrupted
from gatewise.files import home, make_folder, require_place
from gatewise.isolation import plain_numbers
from gatewise.jobs.store import JobStore
from gatewise.levels import remarks_on, unread_columns, unread_in_folds
from gatewise.selection.tuning.data import TuneData, tune_data
from gatewise.selection.tuning.folder import StudyRequest, study_folder, write_request
from gatewise.selection.tuning.result import SearchResult, find_best, nothing_found, write_result
from gatewise.selection.tuning.runners import fleet_choice, make_runner
from gatewise.selection.tuning.space import SearchSpace
from gatewise.selection.tuning.storage import file_url, require_optuna, resolve_url, shown_url, storage_errors
from gatewise.selection.tuning.study import open_study, study_terms
from gatewise.selection.tuning.trials import RUNNING, Search, Silent, TuneListener, rows_of

_log = logging.getLogger("gatewise.tune")


@dataclass(frozen=True)
class Tuned:
    """What a search found, and its files.

    Attributes:
        folder: named by the study's id.
        resumed: trials that had ended before.
        out_of_time: whether trials are left to do.
        storage: the database's URL, without its password.
        remarks: what people should know of the rows and settings, a sentence each.
        fleet: whether trials were trained as one, and why.
        sampler: what drew the trials.
    """

    result: SearchResult
    folder: Path
    resumed: int
    out_of_time: bool
    storage: str
    remarks: Sequence[str]
    fleet: Mapping[str, Any]
    sampler: str

    @property
    def best_config(self) -> Path:
        return self.folder / "best.yaml"

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def table(self) -> Path:
        return self.folder / "trials.parquet"

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise tune --json`."""
        best = self.result.best
        named = {"number": best.number, "value": best.value, "params": dict(best.params)}
        return {
            "id": self.folder.name,
            "metric": self.result.metric,
            "best": named | {"config": str(self.best_config)},
            "prior": self.result.prior_value,
            "prior_fold_scores": list(self.result.prior),
            **self.result.verdict.judgement.to_dict(),
            "against_prior": self.result.verdict.against_prior.to_dict(),
            "inner_folds": self.result.design,
            "trials": [row.to_dict() for row in self.result.rows],
            "sampler": self.sampler,
            "storage": self.storage,
            "report": str(self.report),
            "table": str(self.table),
            "resumed": self.resumed,
            "out_of_time": self.out_of_time,
            "remarks": list(self.remarks),
            "fleet": dict(self.fleet),
        }


@plain_numbers()
def tune(
    config: ExperimentConfig,
    space: SearchSpace,
    request: StudyRequest,
    listener: TuneListener | None = None,
    table: Table | None = None,
    study_id: str | None = None,
    on_open: Callable[[Path, Table], None] = lambda folder, table: None,
) -> Tuned:
    """Searches a space on the samples before the test part, scored on the inner folds that `config.cv` cuts.

    The storage decides whether a study begins or goes on: on the same storage, under the same name, it goes on.

    Args:
        table: the rows; `None` loads what `config.data` names.
        study_id: of a study in the default storage that goes on.
        on_open: is called with the study's folder and the rows before any trial.

    Raises:
        MissingExtraError: Optuna is absent.
        ConfigError: the storage holds a study of other settings or rows, or another process works on it.
        StorageError: the storage or the folder can't be used.
        TrainingError: no trial came to an end with a value.
        GatewiseError: see `tune_data`; before any trial.
        Interrupted: Ctrl-C; what is done is kept.
    """
    started = time.monotonic()
    listener = listener or Silent()
    require_optuna()
    require_place(home())
    if config.training.per_symbol:
        raise ConfigError(
            "tuning finds settings for one model over all rows; training.per_symbol must be false",
            "tune one symbol: data.symbols=['NAME'] with training.per_symbol=False",
        )
    config.decision.refuse("tuning looks for its settings")
    request, grid_remarks = within_grid(request, space)
    used, why = fleet_choice(config, space, request.n_trials, request.fleet)
    _log.info("fleet: %s (%s)", "on" if used else "off", why)
    study_id = study_id or uuid.uuid4().hex
    url = resolve_url(request.storage) if request.storage else file_url(study_folder(study_id) / "study.db")
    shown = shown_url(url)
    table = load_table(config.data) if table is None else table
    data = tune_data(config, space, table, adapt=request.adapt)
    samples = data.shared.samples(config)
    searched = {long_name(parameter.name) for parameter in space.parameters}
    remarks = (*remarks_on(config, samples, samples.rows, searched), *grid_remarks)
    for remark in remarks:
        _log.warning("%s", remark)
    terms = study_terms(config, space, data.key, request.pruner, request.sampler)
    if request.storage is None:
        make_folder(study_folder(study_id))
    with storage_errors(shown):
        study = open_study(url, request.study_name, space, terms, data.num_folds, config.training.seed, study_id)
        folder = study_folder(study.id)
        store = JobStore(folder)
        with store.lock():
            write_request(folder, config, space, replace(request, storage=request.storage and shown))
            on_open(folder, table)
            before = rows_of(study)
            resumed = sum(row.state != RUNNING for row in before)
            if before:
                _log.info("study %s goes on: %d trials are done", study.id, resumed)
            deadline = None if request.timeout_seconds is None else started + request.timeout_seconds
            try:
                listener.on_study(request.n_trials, data.num_folds, before, data.metric)
                runner = make_runner(request.workers, request.n_trials, used, data.shared, store, listener)
                try:
                    out_of_time = Search(study, config, data, runner, listener, store).run(request.n_trials, deadline)
                finally:
                    runner.close()
                remarks = (*remarks, *_of_best(find_best(study, config, data), data))
                result = write_result(folder, study, config, data, shown, remarks)
            except KeyboardInterrupt:
                with suppress(KeyboardInterrupt):  # groups of processes are often told twice
                    write_result(folder, study, config, data, shown, remarks)
                done = sum(row.state != RUNNING for row in rows_of(study))
                raise Interrupted(
                    f"with {done} of {request.n_trials} trials done; "
                    f"{how_to_resume(config.data, study.id, 'gatewise tune --resume', 'gatewise.tune')}"
                ) from None
    if result is None:
        raise nothing_found(rows_of(study))
    fleet = {"used": used, "why": why}
    return Tuned(result, folder, resumed, out_of_time, shown, remarks, fleet, request.sampler)


def within_grid(request: StudyRequest, space: SearchSpace) -> tuple[StudyRequest, tuple[str, ...]]:
    """The request with at most as many trials as a grid has points, where one is asked for, and what to say of it.

    Raises:
        ConfigError: the space has no grid.
    """
    if request.sampler != "grid":
        return request, ()
    count = space.num_points
    if request.n_trials >= count:
        return replace(request, n_trials=count), ()
    return request, (f"{request.n_trials:,} of the grid's {count:,} points are tried",)


def _of_best(best: SearchResult | None, data: TuneData) -> Iterator[str]:
    """What people should know of the best trial's trainings: sizes far from the data's, and what they left unread."""
    if best is None:
        return
    from gatewise.learners.sizes import size_remarks  # builds the network, with torch

    config, samples = best.config, data.shared.samples(best.config)
    yield from size_remarks(config, samples, max(fold.train.size for fold in data.folds))
    unread = {fold.number: unread_columns(config, samples, fold.train) for fold in data.folds}
    if remark := unread_in_folds(unread, samples.matrix.names, config.features.drop_correlated):
        yield remark
