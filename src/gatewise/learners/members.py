"""An ensemble's members as experiments of their own: the same rows, another model, what is heard of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gatewise.config.ensemble_section import EnsembleConfig
from gatewise.config.fields import value_at
from gatewise.config.load import change_config
from gatewise.config.model_base import NetworkConfig
from gatewise.config.model_presets import preset_section
from gatewise.config.schema import MOST_SEEDS, ExperimentConfig
from gatewise.training.budget import Budget
from gatewise.training.listeners import Listener

_APART = 0x9E3779B97F4A7C15  # between seeds of a model that is listed twice; neighbouring seeds may be other runs'


@dataclass(frozen=True)
class Member:
    """One of an ensemble.

    Attributes:
        label: as it is listed; of a name that is listed again, `lstm_2`.
        config: the experiment, with the member's model, its training and its seed.
        is_run: whether it was trained before, in a run of its own.
    """

    label: str
    config: ExperimentConfig
    is_run: bool = False


def members_of(config: ExperimentConfig) -> tuple[Member, ...]:
    """In the order of `base_models`.

    A setting of training that is as the ensemble's preset has it is as the member's own preset has it.
    """
    model = config.model
    assert isinstance(model, EnsembleConfig)
    model.require_known()
    members, times = [], Counter[str]()
    for name, section in zip(model.base_models, model.member_models, strict=True):
        number = times[name]
        times[name] += 1
        own = _own_training(config, section.name)
        training = change_config(config, own).training if own else config.training
        training = training.model_copy(update={"seed": (training.seed + number * _APART) % MOST_SEEDS})
        label = f"{name}_{number + 1}" if number else name
        own_config = config.model_copy(update={"model": section, "training": training})
        members.append(Member(label, own_config, model.is_run(name)))
    return tuple(members)


def networks_of(config: ExperimentConfig) -> list[ExperimentConfig]:
    """What trains in epochs: a network itself, an ensemble's members that are networks, of a model of one row none."""
    parts = [one.config for one in members_of(config)] if isinstance(config.model, EnsembleConfig) else [config]
    return [part for part in parts if isinstance(part.model, NetworkConfig)]


def _own_training(config: ExperimentConfig, name: str) -> dict[str, object]:
    usual = preset_section(config.model.name, "training")
    own = preset_section(name, "training")
    return {
        field: value
        for field, value in own.items()
        if field in usual and value != usual[field] and value_at(config, field) == usual[field]
    }


@dataclass
class Trainings:
    """The trainings of an ensemble one after the other: what is heard of each, where it is kept, how long it may take.

    Attributes:
        count: of all, those to come among them.
        folder: of checkpoints; `None`: none is kept.
    """

    listener: Listener
    budget: Budget
    count: int
    folder: Path | None

    def __post_init__(self) -> None:
        self.begun, self._start, self._said = 0, self.budget.clock(), set[str]()
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    def next(self, label: str) -> tuple[Listener, Path | None, Budget]:
        """What the next one is given; time that others leave over is shared by those to come."""
        left, self.begun = self.count - self.begun, self.begun + 1
        budget, seconds = self.budget, self.budget.max_seconds
        if seconds is not None:
            budget = replace(budget, max_seconds=max(0.0, seconds - (budget.clock() - self._start)) / left)
        kept = None if self.folder is None else self.folder / f"{self.begun}.safetensors"
        heard = MemberListener(self.listener, f"Training {self.begun} of {self.count}, {label}", self._said)
        return heard, kept, budget


@dataclass
class MemberListener:
    """Tells of a member in words: epochs of a run, in its history, are those of what it trains.

    Attributes:
        said: what was said before a first step, by it and members before it; it is not said again.
        trains: whether it came to a step.
    """

    listener: Listener
    label: str
    said: set[str]
    trains: bool = False

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        self.trains = True
        self.listener.on_step(epoch, step, num_steps)

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        losses = "  ".join(f"{name}={values[name]:.4f}" for name in ("train_loss", "val_loss") if name in values)
        self._tell(f"epoch {epoch}:  {losses}  time={values['seconds']:.1f}s")

    def on_message(self, text: str) -> None:
        if self.trains or text not in self.said:
            self._tell(text)
        if not self.trains:
            self.said.add(text)

    def _tell(self, text: str) -> None:
        self.listener.on_message(f"{self.label}: {text}")
