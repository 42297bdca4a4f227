"""A search within a fold: a cross-validation that tunes anew in each of its folds never scores what it has tuned on."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import numpy as np

from gatewise.config.schema import CvConfig, ExperimentConfig
from gatewise.jobs.shared import SharedData
from gatewise.jobs.store import JobStore
from gatewise.selection.tuning.data import inner_data, widest
from gatewise.selection.tuning.folder import StudyRequest
from gatewise.selection.tuning.result import SearchResult, find_best, nothing_found
from gatewise.selection.tuning.runners import fleet_choice, make_runner
from gatewise.selection.tuning.space import SearchSpace
from gatewise.selection.tuning.storage import file_url, storage_errors
from gatewise.selection.tuning.study import open_study, study_terms
from gatewise.selection.tuning.trials import Search, Silent, TuneListener, rows_of
from gatewise.splits.base import Rows
from gatewise.splits.spans import take_spans

# Forward in time, as what is found will be used, and three trainings a trial.
INNER_FOLDS = CvConfig(n_splits=3)


def tune_on(
    shared: SharedData,
    rows: Rows,
    config: ExperimentConfig,
    space: SearchSpace,
    n_trials: int,
    *,
    folds: CvConfig | None = None,
    stopping: Rows | None = None,
    pruner: str = "median",
    workers: int = 0,
    fleet: str = "off",
    folder: Path | None = None,
    listener: TuneListener | None = None,
) -> SearchResult:
    """Searches a space on some samples alone.

    Trials are fitted, stopped and scored within `rows`, so that nothing else of the table, and no label that is settled
    beyond them, can bear on what is found. The result's `config` is the one to train on the outer fold.

    Args:
        shared: made with `widest(config, space)` among its configs: all trials are scored on one set of rows.
        rows: what may be trained on in the outer fold, its val too, purged against what the fold is tested on.
        folds: how the inner folds are cut; embargo and least purge are the config's. `None`: three expanding ones, or
            what the rows can carry instead (`inner_folds`), which the result says.
        stopping: those of the rows that stop the training of the outer fold, purged against the others: the last
            resort of a fold too short for anything else.
        workers: processes; 0: in this one.
        fleet: whether trials are trained as one: auto, on or off.
        folder: keeps the study and checkpoints, so that a search that was killed goes on; `None`: nothing is kept.

    Raises:
        MissingExtraError: Optuna is absent.
        NotEnoughRowsError, LabelError: see `inner_data`.
        ConfigError: no trials asked for, or the folder holds the study of another fold or other settings.
        TrainingError: no trial came to an end with a value.
    """
    request = StudyRequest(n_trials, pruner=pruner, workers=workers, fleet=fleet)
    cut, wide = shared.horizons[config.target.horizon], widest(config, space)
    assert cut.reach_rows >= wide.windows.sequence_length + shared.matrix.lookback - 2, "made for shorter windows"
    inner = take_spans(cut.spans, np.isin(cut.spans.row, rows))
    data = inner_data(shared.samples(wide), inner, folds or INNER_FOLDS, config, adapt=folds is None, stopping=stopping)
    terms = study_terms(config, space, data.key, pruner)
    listener = listener or Silent()
    with tempfile.TemporaryDirectory(prefix="gatewise-") as scratch:
        store = JobStore(folder or Path(scratch))
        url = file_url(folder / "study.db") if folder else None
        with store.lock(), storage_errors(url or "in memory"):
            seed = config.training.seed
            study = open_study(url, "inner", space, terms, data.num_folds, seed, uuid.uuid4().hex)
            listener.on_study(n_trials, data.num_folds, rows_of(study), data.metric)
            used, _ = fleet_choice(config, space, request.n_trials, request.fleet)
            runner = make_runner(request.workers, request.n_trials, used, data.shared, store, listener)
            try:
                Search(study, config, data, runner, listener, store, small_batches=True).run(n_trials)
            finally:
                runner.close()
            result = find_best(study, config, data)
    if result is None:
        raise nothing_found(rows_of(study))
    return result
