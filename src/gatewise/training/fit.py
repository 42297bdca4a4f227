"""The training loop: fit -> epoch -> step, training and validation through the same epoch function.

The loop never waits for the device within an epoch; sums are read once at its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gatewise.clocks import stage, trained_on
from gatewise.config.schema import TrainingConfig
from gatewise.errors import ConfigError, DivergedError
from gatewise.host import choose_threads
from gatewise.interrupts import Uninterrupted
from gatewise.isolation import plain_numbers
from gatewise.models.base import Network
from gatewise.nn.dropout import epoch_key
from gatewise.targets.outputs.base import OutputSpec
from gatewise.training.budget import WHOLE, Budget, Stop
from gatewise.training.crew import crew
from gatewise.training.device import Precision
from gatewise.training.listeners import Listener
from gatewise.training.monitor import choose_monitor
from gatewise.training.objective import make_objective
from gatewise.training.optimizers import make_optimizer, trainable
from gatewise.training.prior import start_below
from gatewise.training.progress import FitResult, Progress, nothing_finite
from gatewise.training.state import TrainState
from gatewise.training.step import Step, Totals, piece_of
from gatewise.windows import Windows, epoch_order, evenly

Rows = npt.NDArray[np.int64]


@plain_numbers()
def fit(
    model: Network,
    windows: Windows,
    train_rows: Rows,
    val_rows: Rows,
    settings: TrainingConfig,
    precision: Precision,
    spec: OutputSpec,
    listener: Listener,
    saved: tuple[dict[str, Tensor], dict[str, Any]] | None = None,
    save: Callable[[TrainState], None] | None = None,
    budget: Budget = WHOLE,
    best_optimizer: dict[str, Tensor] | None = None,
) -> FitResult:
    """Trains `model` in place and leaves the best epoch's weights in it.

    Args:
        windows: the supervised series; `train_rows` and `val_rows` end its windows.
        spec: what is predicted.
        saved: a `TrainState` as tensors and values, to go on from; the result is that of an undisturbed run.
        save: called with the state after every `settings.checkpoint_every_epochs` epochs, and where a loss is no longer
            finite: the best weights of before are then what is gone on from; and where the budget ends the training.
        budget: what may end it before its schedule does.
        best_optimizer: where the optimizer's state after the best epoch is put, for what goes on from there.

    Raises:
        ConfigError: the batch is larger than the training part.
        DivergedError: the loss is not finite in the first epoch; later it ends the training, and the result says so.
        MemoryExhaustedError: not even one window fits.
    """
    check_batch_size(settings, len(train_rows))
    parameters, rate = trainable(model), settings.learning_rate
    optimizer = make_optimizer(parameters=parameters, learning_rate=rate, **dict(settings.optimizer))
    progress = Progress.start(settings, choose_monitor(settings, spec))
    state = TrainState(model, optimizer, progress, best_optimizer=best_optimizer, batch_size=settings.batch_size)
    device = windows.matrix.device
    scaler = torch.amp.GradScaler(device.type, enabled=precision.scale_gradients)
    if saved is not None:
        state.load(*saved)
        if state.loss_scale:
            scaler.load_state_dict(state.loss_scale)
        for remark in progress.past_remarks:
            listener.on_message(remark)
        if progress.diverged and not progress.epoch:
            raise nothing_finite(progress.diverged)
    if windows.log_weight is not None and not progress.epoch:
        start_below(model, windows.log_weight)
    objective = make_objective(settings, precision, spec, progress.monitor)
    judged = evenly(val_rows, settings.validation_windows)
    train, val = (torch.from_numpy(rows).to(device) for rows in (train_rows, judged))
    piece = piece_of(model, settings.batch_size, windows.sequence_length, device)
    threads, reason = choose_threads() if device.type == "cpu" else (1, "the GPU computes")
    listener.on_message(f"Threads: {threads} ({reason})")
    cut: Literal["interrupted"] | Stop | None = None
    spent = budget.spent(progress.history)
    if spent and not progress.finished:
        cut = budget.stop(progress.epoch, spent, progress.history[-1]["seconds"])
    began = budget.clock() - spent
    with crew(threads) as members:
        clip = settings.gradient_clip
        step = Step(model, optimizer, scaler, windows, objective, clip, listener, piece, members)
        try:
            while not progress.finished and cut is None:
                trained, validated, seconds, speed = _fit_epoch(state, step, train, val, len(spec.classes))
                with Uninterrupted():  # model, record, history and checkpoint tell of the same epoch
                    try:
                        is_best = progress.observe(trained, validated, seconds, speed)
                    except DivergedError:
                        progress.diverged = progress.news
                        if save is not None:  # a lower rate that goes on from here is told of it
                            save(state)
                        raise
                    if progress.news:
                        listener.on_message(progress.news)
                    if progress.diverged:
                        model.load_state_dict(state.best)
                        if save is not None:
                            save(state)
                        break
                    if is_best:
                        state.keep_best()
                    state.loss_scale = scaler.state_dict()
                    listener.on_epoch(progress.epoch, progress.history[-1])
                    if not progress.finished:
                        cut = budget.stop(progress.epoch, budget.clock() - began, seconds)
                    if save is not None and (cut or progress.epoch % settings.checkpoint_every_epochs == 0):
                        with stage("checkpoints"):
                            save(state)
            for line in progress.ending:
                listener.on_message(line)
        except KeyboardInterrupt:
            if not state.best:
                raise
            cut = "interrupted"
    model.load_state_dict(state.best)
    return progress.result(cut)


def check_batch_size(settings: TrainingConfig, num_train: int) -> None:
    """Raises ConfigError if an epoch of `num_train` windows, or of `windows_per_epoch`, is smaller than a batch."""
    available = min(num_train, settings.windows_per_epoch or num_train)
    if settings.batch_size > available:
        raise ConfigError(
            f"training.batch_size must not exceed the {available:,} windows of an epoch; got {settings.batch_size}",
            f"training.batch_size={available} or less, or more rows",
        )


def _fit_epoch(
    state: TrainState, step: Step, train: Tensor, val: Tensor, num_classes: int
) -> tuple[dict[str, float], dict[str, float], float, float]:
    """Trains for an epoch and validates: both results, the seconds of both, and windows a second of the training."""
    started = time.perf_counter()
    progress, settings = state.progress, state.progress.settings
    order = epoch_order(train, settings.seed, progress.epoch, settings.windows_per_epoch)
    key, number = epoch_key(settings.seed, progress.epoch), progress.epoch + 1
    with stage("training"):
        trained = run_epoch(step, order, settings.batch_size, num_classes, number, progress.learning_rate, key)
    train_seconds = time.perf_counter() - started
    trained_on(len(order))
    with stage("validation"):
        validated = run_epoch(step, val, settings.batch_size, num_classes, number)
    seconds = time.perf_counter() - started
    return trained, validated, seconds, len(order) / train_seconds


def run_epoch(
    step: Step,
    rows: Tensor,
    batch_size: int,
    num_classes: int,
    epoch: int,
    learning_rate: Callable[[float], float] | None = None,
    key: int = 0,
) -> dict[str, float]:
    """One pass over `rows`: a training epoch if a learning rate is given, else an evaluation. Every row counts.

    Args:
        learning_rate: from how much of the epoch has gone by, in [0, 1), to the rate.
        key: what dropout draws from; see `epoch_key`.

    Returns:
        What `Totals.read` gives, over the whole pass.
    """
    training = learning_rate is not None
    step.model.train(training)
    totals = Totals(num_classes, rows.device, step.objective.reported)
    batches = rows.split(batch_size)
    with torch.set_grad_enabled(training):
        for number, rows_B in enumerate(batches):
            if learning_rate is not None:
                step.optimizer.learning_rate = learning_rate((number + 0.5) / len(batches))
                step.train(rows_B, totals, key + number)
                step.listener.on_step(epoch, number + 1, len(batches))
            else:
                step.evaluate(rows_B, totals)
    return totals.read()
