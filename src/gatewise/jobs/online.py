"""A fold's model, updated before each stretch of its test rows on labels that are settled by then, and on no other.

What may be learned is `splits.stretches.settled`; how, the section `online`. With `how: warm` weights and optimizer
form a chain, which is kept as it grows; with `how: refit` each state is a function of its stretch alone. Either way a
run that was killed goes on to the same predictions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gatewise.bundle import Bundle, calibrated
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import DivergedError, LabelError, NotEnoughRowsError
from gatewise.fold import FittedFold, fit_fold
from gatewise.interrupts import Uninterrupted
from gatewise.jobs.jobs import fitting_batch
from gatewise.learners.base import Shape, Trained
from gatewise.learners.ensemble import with_members
from gatewise.learners.table import check_trainable, learner_of, train_model
from gatewise.quiet import warnings_only
from gatewise.rows import newest_of
from gatewise.samples import Samples
from gatewise.splits.base import Rows, Spans
from gatewise.splits.embargo import embargo_us, purge_us
from gatewise.splits.folds import FoldSplit, newest_apart
from gatewise.splits.purge import Mask
from gatewise.splits.stretches import Stretch, cut_stretches, settled
from gatewise.training.budget import Budget
from gatewise.training.checkpoint import load_checkpoint, save_checkpoint
from gatewise.training.listeners import Listeners

_SECONDS_BETWEEN_SAVES = 2.0
_KEPT_AFTER = (
    DivergedError,
    LabelError,
    NotEnoughRowsError,
)  # an update that comes to these leaves the model as it was

# (done, of all)
OnStretch = Callable[[int, int], None]


@dataclass(frozen=True)
class Standing:
    """A model as it stands: what was fitted to the rows that it learned from, and what it learned."""

    fitted: FittedFold
    trained: Trained


# (config, samples, standing, rows that may be learned from in order of time, number of the stretch, budget) -> standing
Update = Callable[[ExperimentConfig, Samples, Standing, Rows, int, Budget], Standing]


@dataclass
class OnlineState:
    """The record of a run between two stretches.

    Attributes:
        predictions: float64 [test rows, outputs], as a bundle gives them; those of the stretches done so far count.
        done: stretches. made_at: the one whose update made the model as it stands; 0: training did.
        updates: that were made. failed: (stretch, why) of those that left the model as it was.
        seconds: that updates took, over all sittings.
        ended: `max_time` where the budget allowed no more updates; else empty.
    """

    standing: Standing
    predictions: npt.NDArray[np.float64]
    done: int = 0
    made_at: int = 0
    updates: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0
    ended: str = ""

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """See `training.checkpoint.State`."""
        tensors = {"predictions": torch.from_numpy(self.predictions)}
        models: list[Mapping[str, Any]] = []
        for number, leaf in enumerate(_leaves(self.standing.trained)):
            tensors |= {f"{number}/model/{name}": value for name, value in leaf.predictor.tensors().items()}
            tensors |= {f"{number}/optimizer/{name}": value for name, value in leaf.optimizer.items()}
            models.append(leaf.predictor.state())
        counts = {name: getattr(self, name) for name in _COUNTS}
        return {name: value.contiguous() for name, value in tensors.items()}, counts | {"models": models}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Takes all in but the model, see `_go_on`."""
        self.predictions[:] = tensors["predictions"].numpy()
        for name in _COUNTS:
            setattr(self, name, values[name])


_COUNTS = ("done", "made_at", "updates", "failed", "seconds", "ended")


def predict_online(
    config: ExperimentConfig,
    samples: Samples,
    spans: Spans,
    fold: FoldSplit,
    standing: Standing,
    *,
    rule: Callable[[Spans, Stretch, int], Mask] = settled,
    update: Update | None = None,
    kept: tuple[Path, str] | None = None,
    on_stretch: OnStretch = lambda done, of_all: None,
    max_seconds: float | None = None,
) -> OnlineState:
    """Goes over the fold's test rows, stretch by stretch: update, then predict.

    Args:
        spans: of the samples that may ever be learned from, tested ones among them; none older than the fold's training
            part is.
        standing: the model as the fold's training left it; it stays as it is.
        rule, update: the parts to use; the audit passes others to prove that it would notice.
        kept: the file in which the state is kept on the way, and what it belongs to; it is gone on from if it is there.
        max_seconds: that updates may take over all sittings; the first is always made. Rows after that are predicted by
            the model as it stands.

    Raises:
        BundleError: what was kept is damaged.
        GatewiseError: see `Bundle.predict_rows`.
    """
    every = config.online.stretch
    assert every is not None
    table, time_us = samples.table, samples.table.time_us
    stretches = cut_stretches(time_us[fold.test], every, table.calendar)
    oldest_us = int(time_us[fold.train].min())
    update = update or update_standing

    def learned(stretch: Stretch) -> Rows:
        return rows_learned(config, samples, spans, stretch, oldest_us, rule)

    frozen = Bundle.of(config, samples, standing.fitted, standing.trained.predictor)
    calibrator = calibrated(frozen, samples, standing.fitted, fold.val).record.calibrator

    def bundle_of(model: Standing) -> Bundle:
        made = Bundle.of(config, samples, model.fitted, model.trained.predictor)
        return Bundle(replace(made.record, calibrator=calibrator))

    state = OnlineState(standing, np.full((len(fold.test), samples.labels.spec.num_outputs), np.nan))
    if kept is not None and (saved := load_checkpoint(*kept)) is not None:
        state.load(*saved)
        if state.made_at and config.online.how == "refit":
            rows = learned(stretches[state.made_at - 1])
            state.standing = update(config, samples, standing, rows, state.made_at, Budget())
        elif state.made_at:
            state.standing = _go_on(config, samples, standing, *saved)
    bundle, last_save, last_seconds = bundle_of(state.standing), time.monotonic(), 0.0
    apart = -(-len(stretches) // (config.model.most_updates or len(stretches)))  # stretches from update to update
    seen = len(learned(stretches[(state.done - 1) // apart * apart])) if state.done else 0
    for stretch in stretches[state.done :]:
        rows = learned(stretch)
        budget = Budget(None if max_seconds is None else max(0.0, max_seconds - state.seconds))
        if state.done and budget.max_seconds is not None and budget.max_seconds < last_seconds:
            state.ended = "max_time"
        has_turn = (stretch.number - 1) % apart == 0
        if has_turn and len(rows) > seen and not state.ended:
            began = time.perf_counter()
            try:
                state.standing = update(config, samples, state.standing, rows, stretch.number, budget)
                state.made_at, state.updates = stretch.number, state.updates + 1
                bundle = bundle_of(state.standing)
            except _KEPT_AFTER as error:
                state.failed.append((stretch.number, error.message))
            last_seconds = time.perf_counter() - began
            state.seconds += last_seconds
        seen = len(rows) if has_turn else seen  # what settles between two turns is news at the next
        tested, device = fold.test[stretch.at], config.training.device
        state.predictions[stretch.at] = bundle.predict_rows(table, samples.matrix, tested, device)
        state.done = stretch.number
        if kept is not None and time.monotonic() - last_save > _SECONDS_BETWEEN_SAVES:
            with Uninterrupted():
                save_checkpoint(kept[0], state, kept[1], config.own_parts)
            last_save = time.monotonic()
        on_stretch(state.done, len(stretches))
    return state


def rows_learned(
    config: ExperimentConfig,
    samples: Samples,
    spans: Spans,
    stretch: Stretch,
    oldest_us: int,
    rule: Callable[[Spans, Stretch, int], Mask] = settled,
) -> Rows:
    """Rows that may be learned from before a stretch, in order of time.

    Args:
        spans: of those that ever may.
        oldest_us: the time of the oldest that does.
    """
    table = samples.table
    gap_us, _ = embargo_us(config.split, table.timeframe, samples.spans)
    least_us = purge_us(config.split, table.timeframe)
    near = spans.time_us >= stretch.first_us - least_us if least_us else False
    rows = spans.row[rule(spans, stretch, gap_us) & (spans.time_us >= oldest_us) & ~np.asarray(near)]
    return newest_of(rows, table.time_us, len(rows))


def update_standing(
    config: ExperimentConfig, samples: Samples, standing: Standing, rows: Rows, number: int, budget: Budget
) -> Standing:
    """One update by the section `online`.

    Raises:
        DivergedError, LabelError, NotEnoughRowsError: nothing comes of it.
        KeyboardInterrupt: Ctrl-C within a training.
    """
    if config.online.how == "warm":
        learner = learner_of(config.model)
        trained = learner.update(config, samples, standing.fitted, standing.trained, rows, number)
        return replace(standing, trained=trained)
    train, val = _parts(config, samples, rows)
    training = config.training.model_copy(update={"batch_size": fitting_batch(config, len(train))})
    config = config.model_copy(update={"training": training})
    with warnings_only("gatewise.features"):
        fitted = fit_fold(config, samples, train)
    check_trainable(config, samples, fitted, train, val)
    trained = train_model(config, samples, fitted, train, val, Listeners(()), None, budget)
    if trained.fit.ended == "interrupted":
        raise KeyboardInterrupt
    return Standing(fitted, trained)


def _parts(config: ExperimentConfig, samples: Samples, rows: Rows) -> tuple[Rows, Rows]:
    """What a refit trains on and what stops it, as a fold's parts lie; a model of one row, which nothing stops, learns
    from all.
    """
    newest = np.sort(rows[-config.online.window :] if config.online.window else rows)
    if config.model.consumes == "rows":
        return newest, newest[-1:]
    spans, table = samples.spans, samples.table
    gap_us, _ = embargo_us(config.split, table.timeframe, spans)
    kept = np.isin(spans.row, newest)
    val, others = newest_apart(spans, kept, config.cv.val, gap_us, purge_us(config.split, table.timeframe))
    if not others.kept.any():
        raise NotEnoughRowsError(
            f"a refit must keep samples to train on; none of {len(newest):,} is left beside those that stop it",
            "raise online.window, or lower cv.val or split.embargo",
        )
    return spans.row[others.kept], spans.row[val]


def _leaves(trained: Trained) -> Iterator[Trained]:
    """A model itself, or an ensemble's members."""
    if not trained.members:
        yield trained
    for member in trained.members:
        yield from _leaves(member.trained)


def _go_on(
    config: ExperimentConfig,
    samples: Samples,
    standing: Standing,
    tensors: Mapping[str, Tensor],
    values: Mapping[str, Any],
) -> Standing:
    """The model as it stood when the state was kept.

    Raises:
        BundleError: the kept model is none of this config's.
    """
    labels = samples.labels
    shape = Shape(samples.matrix.names, labels.spec, len(samples.table.symbols), standing.fitted.floor)
    models = iter(enumerate(values["models"]))

    def restored(config: ExperimentConfig, trained: Trained) -> Trained:
        if trained.members:
            return with_members(trained, [restored(one.config, one.trained) for one in trained.members])
        number, state = next(models)
        model, optimizer = (_under(f"{number}/{part}/", tensors) for part in ("model", "optimizer"))
        predictor = learner_of(config.model).restore(config, shape, model, state)
        return replace(trained, predictor=predictor, optimizer=optimizer)

    return replace(standing, trained=restored(config, standing.trained))


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
