"""Ensembles: members through their own learners, one after the other, and what puts their predictions together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gatewise.config.ensemble_section import LevelsConfig, VotingConfig
from gatewise.config.model_section import ModelConfig
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import BundleError
from gatewise.files import members_folder
from gatewise.fold import FittedFold, fit_fold, trained_labels
from gatewise.learners.base import Inputs, Learner, Predictor, Shape, Trained, TrainedMember, no_hidden_states
from gatewise.learners.combine import Combine, SecondStage, Vote
from gatewise.learners.kept_members import kept_member
from gatewise.learners.levels import inner_folds, predicted_rows, second_stage_rows
from gatewise.learners.members import Member, Trainings, members_of
from gatewise.learners.tabular import fit_model, restore_model
from gatewise.manifest import REMEDY
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.splits.folds import FoldSplit
from gatewise.tabular.base import TrainingRows
from gatewise.training.budget import STOPS, WHOLE, Budget
from gatewise.training.listeners import Listener
from gatewise.training.progress import Ending, FitResult

_FINAL = "final"
_SKETCHED_ROWS = 500
# Of what members come to, the first of these that any did.
_ENDINGS: tuple[Ending, ...] = (
    "max_time", "stop_after_epoch", "diverged", "max_epochs", "early_stopping", "fitted"
)  # fmt: skip


class EnsemblePredictor:
    """Members that predict, and what puts their predictions together."""

    def __init__(self, members: Sequence[tuple[ExperimentConfig, Predictor]], combine: Combine) -> None:
        self.members, self.combine = tuple(members), combine

    def predict(self, inputs: Inputs) -> npt.NDArray[np.float64]:
        return self.combine(predictions_of(self.members, inputs))

    def hidden_states(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        raise no_hidden_states(inputs.config.model)

    def tensors(self) -> Mapping[str, Tensor]:
        arrays = {name: torch.from_numpy(np.array(value)) for name, value in self.combine.to_state()[0].items()}
        each = {_place(number): member.tensors() for number, (_, member) in enumerate(self.members)} | {_FINAL: arrays}
        return {f"{place}/{name}": tensor for place, tensors in each.items() for name, tensor in tensors.items()}

    def state(self) -> Mapping[str, Any]:
        each = {_place(number): member.state() for number, (_, member) in enumerate(self.members)}
        return {place: state for place, state in (each | {_FINAL: self.combine.to_state()[1]}).items() if state}


def with_members(trained: Trained, updated: Sequence[Trained]) -> Trained:
    """The same ensemble of other states of its members, in their order."""
    assert isinstance(trained.predictor, EnsemblePredictor)
    members = tuple(replace(member, trained=made) for member, made in zip(trained.members, updated, strict=True))
    predictor = EnsemblePredictor([(one.config, one.trained.predictor) for one in members], trained.predictor.combine)
    return replace(trained, predictor=predictor, members=members)


def predictions_of(members: Sequence[tuple[ExperimentConfig, Predictor]], inputs: Inputs) -> npt.NDArray[np.float64]:
    """[members, n, numbers]."""
    return np.stack([member.predict(replace(inputs, config=config)) for config, member in members])


class Ensemble:
    """Trains members one after the other, and a second stage before them where there is one."""

    def __init__(self, learner_of: Callable[[ModelConfig], Learner]) -> None:
        self._learner_of = learner_of

    def check(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows, val_rows: Rows
    ) -> None:
        """Asks members' learners, of every fold that they are trained on.

        Raises:
            GatewiseError: see the learners, `fit_fold` and `inner_folds`.
        """
        members, parts = members_of(config), [(fold, train_rows, val_rows)]
        if isinstance(config.model, LevelsConfig):
            folds = inner_folds(config, samples, train_rows)
            parts += [(fit_fold(config, samples, inner.train), inner.train, inner.val) for inner in folds]
        for member in members:
            if member.is_run:
                continue
            for number, (fitted, *rows) in enumerate(parts):
                asked = _within(member.config, len(rows[0])) if number else member.config
                self._learner_of(asked.model).check(asked, samples, fitted, *rows)

    def train(
        self,
        config: ExperimentConfig,
        samples: Samples,
        fold: FittedFold,
        train_rows: Rows,
        val_rows: Rows,
        listener: Listener,
        checkpoint: Path | None = None,
        budget: Budget = WHOLE,
    ) -> Trained:
        """Each member as it would be trained alone; of a name that is listed again, with another seed.

        Args:
            checkpoint: members keep their states in a folder beside it, and go on from there.
            budget: its time is shared among the trainings that are to come.

        Raises:
            GatewiseError: see the learners.
            KeyboardInterrupt: Ctrl-C; there is no ensemble of some members.
        """
        started, members = time.perf_counter(), members_of(config)
        folder = None if checkpoint is None else members_folder(checkpoint)
        trainings = Trainings(listener, budget, config.model.num_trainings, folder)

        combine: Combine
        if isinstance(config.model, LevelsConfig):
            rows = self.level_one(config, samples, fold, inner_folds(config, samples, train_rows), trainings)
            listener.on_message(f"Fitting the second stage: {len(rows.y):,} rows")
            combine = self._second_stage(config, samples, fold, rows)
        else:
            combine = _vote(config.model)
        shape = Shape(samples.matrix.names, samples.labels.spec, len(samples.table.symbols), fold.floor)
        trained = []
        for number, member in enumerate(members):
            if member.is_run:
                restore = partial(self._learner_of(member.config.model).restore, member.config, shape)
                made = kept_member(folder, number, restore)
            else:
                made = self._trained(member, samples, fold, (train_rows, val_rows), trainings)
            trained.append(TrainedMember(member.label, member.config, made))
        predictor = EnsemblePredictor([(one.config, one.trained.predictor) for one in trained], combine)
        listener.on_message(f"Predicting validation rows with {len(members)} members")
        inputs = Inputs.of(config, samples, fold, val_rows, config.training.device)
        truth = trained_labels(samples, fold, val_rows)
        loss = float(samples.labels.spec.losses(predictor.predict(inputs), truth).mean())
        return _together(trained, predictor, loss, time.perf_counter() - started, listener)

    def update(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, trained: Trained, rows: Rows, number: int
    ) -> Trained:
        """Of members; what puts their predictions together stays."""
        learners = (self._learner_of(member.config.model) for member in trained.members)
        updated = [
            learner.update(member.config, samples, fold, member.trained, rows, number)
            for learner, member in zip(learners, trained.members, strict=True)
        ]
        return with_members(trained, updated)

    def level_one(
        self,
        config: ExperimentConfig,
        samples: Samples,
        fold: FittedFold,
        folds: Sequence[FoldSplit],
        trainings: Trainings,
    ) -> TrainingRows:
        """What the second stage is fitted on: what members that were trained on each fold say of its tested rows."""

        def train_on(member: Member, inner: FoldSplit, fitted: FittedFold) -> Predictor:
            within = replace(member, config=_within(member.config, len(inner.train)))
            place = f" on fold {inner.number} of {len(folds)}" if len(folds) > 1 else " before the holdout"
            return self._trained(within, samples, fitted, (inner.train, inner.val), trainings, place).predictor

        return second_stage_rows(config, members_of(config), samples, fold, folds, train_on)

    def _trained(
        self,
        member: Member,
        samples: Samples,
        fold: FittedFold,
        rows: tuple[Rows, Rows],
        trainings: Trainings,
        place: str = "",
    ) -> Trained:
        told, kept, share = trainings.next(f"{member.label}{place}")
        learner = self._learner_of(member.config.model)
        made = learner.train(member.config, samples, fold, *rows, told, kept, share)
        if made.fit.ended == "interrupted":
            raise KeyboardInterrupt
        return made

    def sketch(self, config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows) -> Predictor:
        """Of members' sketches."""
        members = [
            (member.config, self._learner_of(member.config.model).sketch(member.config, samples, fold, train_rows))
            for member in members_of(config)
        ]
        if not isinstance(config.model, LevelsConfig):
            return EnsemblePredictor(members, _vote(config.model))
        rows = train_rows[-_SKETCHED_ROWS:]
        predictions = predictions_of(members, Inputs.of(config, samples, fold, rows, config.training.device))
        seen = predicted_rows(config, samples, fold, rows, predictions)
        return EnsemblePredictor(members, self._second_stage(config, samples, fold, seen))

    def restore(
        self, config: ExperimentConfig, shape: Shape, tensors: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> Predictor:
        members = members_of(config)
        places = [_place(number) for number in range(len(members))]
        parts = {place: _under(place, tensors) for place in (*places, _FINAL)}
        known = {f"{place}/{name}" for place, inner in parts.items() for name in inner}
        if stray := sorted(tensors.keys() - known):
            raise BundleError(f"{stray[0]} is of no member", REMEDY)
        predictors = [
            (member.config, self._learner_of(member.config.model).restore(
                member.config, shape, parts[place], state.get(place, {})))
            for place, member in zip(places, members, strict=True)
        ]  # fmt: skip
        if not isinstance(config.model, LevelsConfig):
            return EnsemblePredictor(predictors, _vote(config.model))
        final, outputs = config.model.final_model(shape.spec.kind), shape.spec.num_outputs
        row = np.zeros((1, len(members) * outputs), np.float32)
        model = restore_model(final, parts[_FINAL], state.get(_FINAL, {}), row, outputs)
        return EnsemblePredictor(predictors, SecondStage(model, shape.floor))

    def _second_stage(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: TrainingRows
    ) -> SecondStage:
        assert isinstance(config.model, LevelsConfig)
        spec = samples.labels.spec
        return SecondStage(fit_model(config.model.final_model(spec.kind), rows, spec.num_outputs), fold.floor)


def _vote(model: ModelConfig) -> Vote:
    assert isinstance(model, VotingConfig)
    return Vote.of(model.weights, len(model.base_models), model.vote == "hard")


def _within(config: ExperimentConfig, num_train: int) -> ExperimentConfig:
    """With batches that an early fold can fill."""
    training = config.training
    windows = -(-num_train // config.windows.stride)
    most = min(training.batch_size, windows, training.windows_per_epoch or windows)
    return config.model_copy(update={"training": training.model_copy(update={"batch_size": max(1, most)})})


def _together(
    members: Sequence[TrainedMember], predictor: EnsemblePredictor, loss: float, seconds: float, listener: Listener
) -> Trained:
    """One epoch, that of the whole."""
    fits = [member.trained.fit for member in members]
    windows = [member.trained.train_windows * member.trained.fit.epochs for member in members]
    busy = sum(count / fit.windows_per_second for count, fit in zip(windows, fits, strict=True))
    speed = sum(windows) / max(busy, 1e-9)
    history = [{"val_loss": loss, "seconds": seconds, "windows_per_second": speed}]
    listener.on_epoch(1, history[0])
    ended = next(ending for ending in _ENDINGS if any(fit.ended == ending for fit in fits))
    cut = [member for member in members if member.trained.fit.ended in STOPS]  # each says how it alone is repeated
    whole = [member for member in members if member not in cut]
    remarks = tuple(f"{member.label}: {remark}" for member in whole for remark in member.trained.fit.remarks)
    if cut:
        stopped = ", ".join(f"{member.label} after epoch {member.trained.fit.epochs}" for member in cut)
        remarks += (
            f"Members were stopped before their last epoch, {cut[0].config.training.max_epochs} at most: {stopped}; "
            "gatewise train --resume goes on with them",
        )
    first = max((member.trained for member in members), key=lambda made: made.fit.ended != "fitted")
    fit = FitResult(history, 1, loss, speed, ended, remarks)
    return replace(first, predictor=predictor, fit=fit, members=tuple(members))


def _place(number: int) -> str:
    return f"members/{number}"


def _under(place: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{place}/"): value for name, value in tensors.items() if name.startswith(f"{place}/")}
