"""What running a job means: fit on its fold's training part, train, predict its test part and judge that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gatewise.data.table import SYMBOL
from gatewise.errors import NotEnoughRowsError
from gatewise.evaluation.scoring import score, score_symbols
from gatewise.features.symbols import require_trained
from gatewise.files import online_file
from gatewise.jobs.jobs import Job, JobResult, OnlineResult
from gatewise.jobs.shared import ALL, SharedData
from gatewise.quiet import warnings_only
from gatewise.splits.base import Rows
from gatewise.splits.spans import take_spans
from gatewise.training.budget import Budget
from gatewise.training.listeners import Listener

if TYPE_CHECKING:
    from gatewise.fold import FittedFold
    from gatewise.learners.base import Trained

_TIMED_PREDICTIONS = 3


def run_job(
    job: Job,
    shared: SharedData,
    listener: Listener,
    checkpoint: Path | None = None,
    on_stretch: Callable[[int, int], None] = lambda done, num_stretches: None,
) -> JobResult:
    """Fits scalers and class weights, trains and predicts, on the job's fold alone; then goes over the test rows again
    with a model that is updated, where `online` says so.

    Args:
        checkpoint: where the state is kept on the way; training goes on from it if it is there.
        on_stretch: hears how many stretches of the test rows are done, and of how many.

    Raises:
        LabelError: none of the classes in the fold's validation part occurs in its training part.
        NotEnoughRowsError: the symbol has no row in the fold's training or validation part.
        DivergedError, MemoryExhaustedError, ConfigError: see `train_model`.
    """
    # Torch takes seconds to import, and the process that plans jobs never computes with it.
    from gatewise.learners.table import train_model

    started = time.perf_counter()
    fold, samples = shared.fold(job.horizon, job.fold, job.symbol), shared.samples(job.config)
    fitted = fit_job(job, shared)
    budget = Budget(job.max_seconds, over_sittings=True)
    trained = train_model(job.config, samples, fitted, fold.train, fold.val, listener, checkpoint, budget)
    if trained.fit.ended == "interrupted":  # the best weights so far are no result; the checkpoint goes on from here
        raise KeyboardInterrupt
    result = judge_job(job, shared, fitted, trained, started)
    if job.config.online.every is None:
        return result
    return replace(result, online=_updated(job, shared, fitted, trained, checkpoint, on_stretch))


def _updated(
    job: Job,
    shared: SharedData,
    fitted: FittedFold,
    trained: Trained,
    checkpoint: Path | None,
    on_stretch: Callable[[int, int], None],
) -> OnlineResult:
    from gatewise.jobs.online import Standing, predict_online

    fold, samples = shared.fold(job.horizon, job.fold, job.symbol), shared.samples(job.config)
    spans = samples.spans
    if job.symbol != ALL:
        spans = take_spans(spans, (shared.table.frame[SYMBOL] == job.symbol).to_numpy()[spans.row])
    state = predict_online(
        job.config,
        samples,
        spans,
        fold,
        Standing(fitted, trained),
        kept=None if checkpoint is None else (online_file(checkpoint), job.key),
        on_stretch=on_stretch,
        max_seconds=job.max_seconds,
    )
    judged = (shared.table, samples.labels, fold.train, fold.test, state.predictions)
    return OnlineResult(
        score(*judged),
        score_symbols(*judged) if job.symbol == ALL else {},
        state.predictions,
        state.done,
        state.updates,
        state.failed,
        state.seconds,
        state.ended,
    )


def fit_job(job: Job, shared: SharedData) -> FittedFold:
    """Scalers and class weights of the job's training part.

    Raises:
        LabelError, NotEnoughRowsError: see `run_job`.
    """
    from gatewise.fold import fit_fold
    from gatewise.learners.table import check_trainable

    fold = shared.fold(job.horizon, job.fold, job.symbol)
    for part, rows in (("training", fold.train), ("validation", fold.val), ("test", fold.test)):
        if not rows.size:
            raise NotEnoughRowsError(f"the {part} part must hold at least one sample; {job.symbol} has none")
        if job.config.knows_symbols:
            require_trained(shared.table, fold.train, rows)
    with warnings_only("gatewise.features"):  # a word on every fold of every seed would drown the others
        fitted = fit_fold(job.config, shared.samples(job.config), fold.train)
    check_trainable(job.config, shared.samples(job.config), fitted, fold.train, fold.val)
    return fitted


def judge_job(job: Job, shared: SharedData, fitted: FittedFold, trained: Trained, started: float) -> JobResult:
    """What a trained model says of the fold's test rows, and what that is worth.

    Args:
        started: `time.perf_counter()` when the job began.
    """
    from gatewise.bundle import Bundle, calibrated

    config, samples = job.config, shared.samples(job.config)
    fold = shared.fold(job.horizon, job.fold, job.symbol)
    bundle = calibrated(Bundle.of(config, samples, fitted, trained.predictor), samples, fitted, fold.val)
    predict = partial(bundle.predict_rows, shared.table, samples.matrix, device=config.training.device)
    began = time.perf_counter()
    predictions = predict(fold.test)
    predicting = time.perf_counter() - began
    judged = (shared.table, samples.labels, fold.train, fold.test, predictions)
    return JobResult(
        job.key,
        score(*judged),
        score_symbols(*judged) if job.symbol == ALL else {},
        len(fold.train),
        len(fold.val),
        len(fold.test),
        trained.fit.epochs,
        trained.fit.best_epoch,
        np.array(fold.test),
        predictions,
        time.perf_counter() - started,
        trained.fit.ended,
        {
            "windows_per_second": trained.fit.windows_per_second,
            "predictions_per_second": len(fold.test) / max(predicting, 1e-9),
            "latency_seconds": _latency(predict, fold.test),
            "weights": sum(tensor.numel() for tensor in trained.predictor.tensors().values()),
        },
    )


def _latency(predict: Callable[[Rows], object], rows: Rows) -> float:
    """Seconds that one prediction takes, the median of a few."""
    seconds = []
    for row in rows[-_TIMED_PREDICTIONS:]:
        began = time.perf_counter()
        predict(np.array([row]))
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))
