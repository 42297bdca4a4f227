"""Ensembles' sections: whose predictions are put together, and how.

A member is a model of the zoo, with the settings of its own preset where `members` says nothing else. All read the same
rows, so windows, features and target are the experiment's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from gatewise.config.model_base import ModelConfig
from gatewise.config.model_presets import preset_section
from gatewise.errors import ConfigError, EnsembleCompatibilityError, UnknownNameError

if TYPE_CHECKING:
    from gatewise.config.schema import TrainingConfig

_RUN_ID = re.compile("[0-9a-f]{4,32}")
LAST_ROW = "last_row:"  # before a model of one row that is to stand among models of windows
Sizes = Literal["preset", "quick", "tiny"]
Weight = Annotated[float, Field(ge=0)]


class EnsembleConfig(ModelConfig):
    """Base of ensembles' sections."""

    tiny: ClassVar[Mapping[str, Any]] = {"sizes": "tiny"}
    quick: ClassVar[Mapping[str, Any]] = {"sizes": "quick"}
    fits_levels: ClassVar[bool] = False  # whether a second stage is fitted on what members say of held-out rows

    base_models: tuple[str, ...] = ("lstm", "gru")
    members: dict[str, dict[str, Any]] = Field({})  # {base model: {field of its section: value}}
    sizes: Sizes = "preset"  # of members: of their presets, of a first look, or such as a proof takes

    @field_validator("base_models", mode="before")
    @classmethod
    def _by_commas(cls, value: Any) -> Any:
        return read_names(value)

    @model_validator(mode="after")
    def _members_go_together(self) -> Self:
        if len(self.base_models) < 2:
            raise ConfigError(
                f"an ensemble takes two base models or more; got {', '.join(self.base_models) or 'none'}",
                'model.base_models="lstm,gru"',
            )
        if stray := [name for name in self.members if name not in self.base_models]:
            raise UnknownNameError("base model in model.members", stray[0], self.base_models)
        if len(set(self.runs)) < len(self.runs):
            raise ConfigError(
                f"a run is a member once; got {', '.join(self.base_models)}", "model.weights gives it more say"
            )
        if self.unknown_runs:  # gatewise.registry.run_members fills in what they are
            return self
        sides = [
            (name, model.name, _reads_windows(model))
            for name, model in zip(self.base_models, self.member_models, strict=True)
        ]
        if any(name.startswith(LAST_ROW) and windows for name, _, windows in sides):
            plain = ",".join(model if windows else name for name, model, windows in sides)
            raise EnsembleCompatibilityError(
                f"{LAST_ROW} is for models of one row; got it before one of windows", f'model.base_models="{plain}"'
            )
        sequences = [name for name, _, windows in sides if windows]
        rows = [name for name, _, windows in sides if not (windows or name.startswith(LAST_ROW))]
        if sequences and rows:
            raise _mixed(self.base_models, sequences, rows)
        return self

    @property
    def member_models(self) -> tuple[ModelConfig, ...]:
        """Each member's section, in the order of `base_models`.

        Raises:
            ConfigError: no such model, or settings that are none of it.
        """
        return tuple(self._member(name) for name in self.base_models if name not in self.unknown_runs)

    @property
    def runs(self) -> tuple[str, ...]:
        """Those of `base_models` that are runs, which are not trained again."""
        return tuple(name for name in self.base_models if self.is_run(name))

    @property
    def unknown_runs(self) -> tuple[str, ...]:
        """Those of which `members` does not say yet what they are."""
        return tuple(name for name in self.runs if "name" not in self.members.get(name, {}))

    def require_known(self) -> None:
        """Refuses runs of which nothing is known.

        Raises:
            ConfigError: there is one.
        """
        if self.unknown_runs:
            run = self.unknown_runs[0]
            raise ConfigError(
                f"{run} is a run; runs are members of ensembles that are trained once, on one split",
                f"gatewise train takes it; elsewhere name its model, which gatewise runs show {run} says",
            )

    @classmethod
    def is_run(cls, base_model: str) -> bool:
        """Whether a base model is the beginning of a run's id."""
        name = model_name(base_model)
        return bool(_RUN_ID.fullmatch(name)) and name not in cls.options

    def _member(self, name: str) -> ModelConfig:
        own = self.members.get(name, {})
        model = own["name"] if self.is_run(name) else model_name(name)
        made = self.options[model]
        if issubclass(made, EnsembleConfig):
            raise ConfigError(f"a member is one model; {model} is an ensemble", "name its base models instead")
        of_preset = {key.removeprefix("model."): value for key, value in preset_section(model, "model").items()}
        sizes = "preset" if self.is_run(name) else self.sizes  # a run has the sizes that it was trained with
        first, last = (made.sized(getattr(made, size)) if sizes == size else {} for size in ("quick", "tiny"))
        known = made.model_fields.keys() - ({"name"} if not self.is_run(name) else set())
        if unknown := own.keys() - known:
            raise UnknownNameError(f"key in model.members.{name}", min(unknown), known)
        try:
            return made.model_validate(of_preset | first | own | last | {"name": model})
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(map(str, problem["loc"]))
            raise ConfigError(
                f"model.members.{name}.{field}: {problem['msg']}; got {problem['input']!r}",
                f"gatewise models show {model} prints its fields",
            ) from error

    @property
    def reads_windows(self) -> bool:
        """Whether any member does."""
        return any(map(_reads_windows, self.member_models))

    @property
    def reads_history(self) -> bool:
        return any(model.reads_history for model in self.member_models)

    @property
    def is_causal(self) -> bool:
        return all(model.is_causal and _reads_windows(model) for model in self.member_models)

    @property
    def learned_width(self) -> int:
        return max(model.learned_width for model in self.member_models)

    @property
    def continues(self) -> str:
        return next(filter(None, (model.continues for model in self.member_models)), "")

    @property
    def parts(self) -> tuple[str, ...]:
        self.require_known()
        return (self.name, *(model.name for model in self.member_models))

    @property
    def num_trainings(self) -> int:
        return len(self.base_models) - len(self.runs)

    def require_length(self, sequence_length: int) -> None:
        for model in self.member_models:
            model.require_length(sequence_length)

    def require(self, output_kind: str, supervise: str, training: TrainingConfig) -> None:
        super().require(output_kind, supervise, training)
        for model in self.member_models:
            among_networks = self.reads_windows and not _reads_windows(model)  # which the other settings are for
            model.require(output_kind, "last", type(training)() if among_networks else training)

    def refuse_unread(self, training: TrainingConfig) -> None:
        if not (self.reads_windows or self.runs):
            self.member_models[0].refuse_unread(training)


class VotingConfig(EnsembleConfig):
    """voting: members' predictions averaged; classes by their probabilities (soft) or by members' votes (hard)."""

    vote: Literal["soft", "hard"] = "soft"
    weights: tuple[Weight, ...] = ()  # of members, in their order; empty: all alike

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights and (len(self.weights) != len(self.base_models) or not 0 < sum(self.weights) < math.inf):
            raise ConfigError(
                f"model.weights must be one for each of {len(self.base_models)} base models, not all 0, with a sum; "
                f"got {', '.join(f'{weight:g}' for weight in self.weights)}",
                "leave it out for equal weights",
            )
        return self

    def require(self, output_kind: str, supervise: str, training: TrainingConfig) -> None:
        super().require(output_kind, supervise, training)
        if self.vote == "hard" and output_kind != "classes":
            raise ConfigError(f"model.vote hard counts votes for classes; got {output_kind}", 'model.vote="soft"')


class LevelsConfig(EnsembleConfig):
    """Base of ensembles whose second stage learns from members' predictions of rows that they were not trained on."""

    targets: ClassVar = ("classes", "values", "volatility")
    fits_levels: ClassVar = True

    final: str | None = None  # a model of one row; None: logistic for classes, ridge for numbers

    @model_validator(mode="after")
    def _final_reads_rows(self) -> Self:
        if self.runs:
            raise ConfigError(
                f"{self.name} trains its members on parts of the training rows, and run {self.runs[0]} knows them all",
                'model.name="voting", or name its model',
            )
        known = [name for name, made in self.options.items() if (made.consumes, made.reads) == ("rows", "features")]
        if self.final is not None and self.final not in known:
            reads = self.options[self.final].reads
            raise ConfigError(
                f"model.final must be a model of one row of numbers; {self.final} reads "
                f"{'windows' if reads == 'features' else reads}",
                f"valid: {', '.join(known)}",
            )
        return self

    @property
    def parts(self) -> tuple[str, ...]:
        return (*super().parts, *([self.final] if self.final else []))

    @property
    def num_folds(self) -> int:
        """Trainings of each member before the one that predicts."""
        return 1

    @property
    def num_trainings(self) -> int:
        return len(self.base_models) * (1 + self.num_folds)

    def final_model(self, output_kind: str) -> ModelConfig:
        """The second stage's section."""
        name = self.final or ("logistic" if output_kind == "classes" else "ridge")
        return self.options[name](name=name)

    def require(self, output_kind: str, supervise: str, training: TrainingConfig) -> None:
        super().require(output_kind, supervise, training)
        self.final_model(output_kind).require(output_kind, "last", type(training)())


class BlendingConfig(LevelsConfig):
    """blending: the second stage learns from the newest training rows, of which members then know nothing."""

    holdout: float = Field(0.2, ge=0.01, le=0.9)  # share of the training rows


class StackingConfig(LevelsConfig):
    """stacking: the second stage learns from each block of training rows but the first, as members of before say it."""

    n_splits: int = Field(5, ge=2, le=1_000)  # blocks; members of each are trained on those before it

    @property
    def num_folds(self) -> int:
        return self.n_splits


ENSEMBLES: dict[str, type[EnsembleConfig]] = {
    "voting": VotingConfig,
    "blending": BlendingConfig,
    "stacking": StackingConfig,
}


def read_names(value: Any) -> Any:
    """Base models of `lstm,gru`, as a flag gives them; another value is left as it is."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def model_name(base_model: str) -> str:
    """Of a member as it is listed."""
    return base_model.removeprefix(LAST_ROW)


def _reads_windows(model: ModelConfig) -> bool:
    return model.consumes == "sequences"


def _mixed(every: Sequence[str], sequences: Sequence[str], rows: Sequence[str]) -> EnsembleCompatibilityError:
    wrapped = ",".join(f"{LAST_ROW}{name}" if name in rows else name for name in every)
    sides = " and ".join(
        f"{', '.join(dict.fromkeys(names))} read {shape}"
        for names, shape in ((sequences, "sequences [batch, steps, features]"), (rows, "rows [batch, features]"))
    )
    return EnsembleCompatibilityError(
        f"base models of an ensemble must all read windows or all read rows; {sides}",
        f'model.base_models="{wrapped}" takes the last row of each window for what reads rows',
    )
