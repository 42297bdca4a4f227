"""What can be said about an experiment: one model a section, every field with its unit and its bounds.

The parts themselves take flat arguments and know nothing of these classes; `experiment.py` builds the parts from them.
Checks that span sections live in `ExperimentConfig` alone and name the field to change.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from gatewise.config.broker_section import BrokerConfig as BrokerConfig
from gatewise.config.calibration_section import CalibrationConfig as CalibrationConfig
from gatewise.config.cv_section import CvConfig as CvConfig
from gatewise.config.cv_section import CvSection as CvSection
from gatewise.config.data_section import DataConfig as DataConfig
from gatewise.config.database_url import without_mask
from gatewise.config.decision_section import DecisionConfig as DecisionConfig
from gatewise.config.durations import Duration, Step
from gatewise.config.durations import format_duration as format_duration
from gatewise.config.durations import parse_duration as parse_duration
from gatewise.config.loss_section import require_computable
from gatewise.config.model_section import MODEL_CONFIGS as MODEL_CONFIGS
from gatewise.config.model_section import ModelConfig as ModelConfig
from gatewise.config.model_section import NetworkConfig as NetworkConfig
from gatewise.config.model_section import RecurrentConfig as RecurrentConfig
from gatewise.config.model_section import model_config as model_config
from gatewise.config.online_section import OnlineConfig as OnlineConfig
from gatewise.config.section import LATER, Section
from gatewise.config.target_section import TargetConfig as TargetConfig
from gatewise.config.target_section import TargetSection as TargetSection
from gatewise.config.training_section import MOST_SEEDS as MOST_SEEDS
from gatewise.config.training_section import TrainingConfig as TrainingConfig
from gatewise.errors import ConfigError
from gatewise.parts import sources


class FeatureConfig(Section):
    """Which columns of numbers the model eats, and how they are scaled (fitted on training rows only)."""

    sets: tuple[str, ...] = ("market39",)
    columns: tuple[str, ...] = ()  # raw columns of the table, after the sets
    # columns: as they are, or by how much they differ from the row before, as a fraction of the two rows' mean
    columns_as: Annotated[Literal["levels", "changes"], LATER] = "levels"
    # of target realized_volatility: log_vol_1, log_vol_5 and log_vol_22, what it measures over as many horizons before
    history: Annotated[bool, LATER] = False
    timeframes: tuple[Step, ...] = ()  # the sets again on bars of these lengths, joined when the longer bar has closed
    only: Annotated[tuple[str, ...], LATER] = ()  # of all these the ones so called, or like `rsi_*`; empty: all
    drop: Annotated[tuple[str, ...], LATER] = ()  # without these
    # of two features whose correlation on training rows is beyond this, either way, the later one is left unread
    drop_correlated: Annotated[float | None, Field(gt=0, lt=1), LATER] = None
    symbol_onehot: bool = False  # a 0/1 number for each symbol, joined to every step's input
    scaler: Literal["standard", "minmax", "robust", "none"] = "standard"
    scale_by: Literal["all", "symbol"] = "all"  # one scaler for all rows, or one a symbol
    clip: Annotated[float, Field(gt=0)] | None = None  # bound scaled values to ±clip; None: leave them

    @field_validator("only", "drop", mode="before")
    @classmethod
    def _comma_list(cls, value: Any) -> Any:
        """`rsi_*,macd`, as a flag gives it."""
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("sets")
    @classmethod
    def _named_once(cls, sets: tuple[str, ...]) -> tuple[str, ...]:
        if twice := next((name for name in sets if sets.count(name) > 1), None):
            raise ConfigError(f"features.sets names {twice!r} twice", "name each set once")
        return sets

    @model_validator(mode="after")
    def _something_to_eat(self) -> Self:
        if not self.sets and not self.columns and not self.history:
            raise ConfigError(
                "features.sets or features.columns must name something, or features.history be true; neither is so",
                'name columns, like features.columns=["close"], or with target.kind="realized_volatility" say '
                "features.history=true",
            )
        if self.timeframes and not self.sets:
            raise ValueError("features.timeframes takes features.sets to build on longer bars; none is named")
        return self


class WindowConfig(Section):
    """How rows become sequences."""

    sequence_length: int = Field(60, ge=1)
    stride: int = Field(1, ge=1)  # every stride-th row ends a training window; evaluation always uses every row
    supervise: Literal["last", "every"] = "last"
    burn_in: int = Field(0, ge=0)  # with every: the first steps whose outputs are not scored

    @model_validator(mode="after")
    def _burn_in_fits(self) -> Self:
        if self.burn_in >= self.sequence_length:
            raise ValueError("windows.burn_in must be below windows.sequence_length")
        if self.burn_in and self.supervise == "last":
            raise ValueError(
                "windows.burn_in must be 0 unless windows.supervise is every: with last no earlier step is scored; "
                f"got {self.burn_in}"
            )
        return self

    @property
    def steps_scored(self) -> int:
        """How many of a training window's last steps are supervised."""
        return 1 if self.supervise == "last" else self.sequence_length - self.burn_in


def _whole(part: float) -> float:
    return int(part) if part >= 1 and part.is_integer() else part


Part = Annotated[float, AfterValidator(_whole)]  # a share below 1, or a number of rows


class SplitConfig(Section):
    """Chronological parts. What is left after train and val is test; `test: 0` gives a plain train/val split."""

    # fixed: shares of samples. rows: cut by the rows that labels lie in, as printed long-horizon tables do.
    # walk_forward takes a model a fold: gatewise cv, not train.
    method: Literal["fixed", "walk_forward", "rows"] = "fixed"
    train: Part = Field(0.70, gt=0)  # with rows shares of them, or how many
    val: Part = Field(0.15, ge=0)
    test: Part = Field(0.15, ge=0)
    # Of the val samples the newest such share choose a decision rule's threshold and carry its certificate.
    certify: Annotated[float, Field(gt=0, lt=1), LATER] = 0.5
    # With rows: whether train and val give way to later parts' inputs, or, as in printed tables, to labels alone.
    purge_inputs: Annotated[bool, LATER] = True
    purge_rows: int = Field(0, ge=0)  # at least this many; label spans and input reach are always purged
    embargo_rows: int | None = Field(None, ge=0)
    embargo: Duration | None = None  # None and no embargo_rows: five days of rows, at most 2 % of the series

    @property
    def counts_rows(self) -> bool:
        """Whether parts are numbers of rows, not shares."""
        return self.method == "rows" and self.train >= 1

    @field_validator("train", "val", "test")
    @classmethod
    def _shares_are_less_than_all(cls, part: float, info: ValidationInfo) -> float:
        if part >= 1 and info.data.get("method") != "rows":
            raise ValueError('must be less than 1, a share; split.method="rows" takes numbers of rows')
        return part

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        parts = (self.train, self.val, self.test)
        if any(part >= 1 for part in parts):
            if not all(float(part).is_integer() for part in parts) or not self.val:
                raise ConfigError(
                    f"split.train, split.val and split.test must all be numbers of rows, or all shares; got {parts}",
                    "split.train=8640 split.val=2880 split.test=2880, or 0.7, 0.1 and 0.2",
                )
        elif not self.val:
            raise ConfigError("split.val: must be greater than 0, as it chooses the epoch; got 0", "split.val=0.15")
        elif abs(self.train + self.val + self.test - 1) > 1e-9:
            raise ConfigError(
                f"split.train + split.val + split.test must be 1; got {self.train:g} + {self.val:g} + {self.test:g}",
                "set split.val and split.test too, or train_split=0.8 for train 0.8, val 0.2 and no test",
            )
        if not self.purge_inputs and self.method != "rows":
            raise ConfigError(
                f'split.purge_inputs=false is of printed tables, whose split.method is "rows"; got "{self.method}"',
                'split.method="rows", or leave split.purge_inputs out',
            )
        if self.embargo_rows is not None and self.embargo is not None:
            raise ValueError("give split.embargo_rows or split.embargo, not both")
        return self


class EvaluationConfig(Section):
    """How results are judged."""

    confidence: float = Field(0.95, gt=0.5, lt=1)
    bootstrap_samples: int = Field(1_000, ge=50)  # draws of the tests against data snooping, in cv
    block_rows: int | None = Field(None, ge=1)  # what happens is forgotten after so many rows; None: measured
    baseline_rows: int = Field(100_000, ge=100)  # baselines are fitted on at most this many training rows
    # rows after which a path is expected to repeat itself, of the seasonal naive reference; None: a day's rows where
    # they are intraday, a week's of days, a year's of weeks and months, as training has them
    season: Annotated[int | None, Field(ge=1), LATER] = None
    cost: float = Field(0.0005, ge=0)  # one-way, fraction of the price (any prices: their unit): the broker's fee


class ExperimentConfig(Section):
    """A whole experiment; everything that `gatewise train` does follows from it."""

    name: str = Field("gatewise", min_length=1)
    data: DataConfig = DataConfig()
    features: FeatureConfig = FeatureConfig()
    target: SerializeAsAny[TargetSection] = TargetConfig()
    windows: WindowConfig = WindowConfig()
    split: SplitConfig = SplitConfig()
    cv: SerializeAsAny[CvSection] = CvConfig()
    model: SerializeAsAny[ModelConfig] = RecurrentConfig(name="lstm")
    training: TrainingConfig = TrainingConfig()
    calibration: Annotated[CalibrationConfig, LATER] = CalibrationConfig()
    decision: Annotated[DecisionConfig, LATER] = DecisionConfig()
    online: Annotated[OnlineConfig, LATER] = OnlineConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    broker: Annotated[BrokerConfig, LATER] = BrokerConfig()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        output_kind = self.target.output_kind
        self.model.require_length(self.windows.sequence_length)
        if self.training.class_weights != "none" and output_kind not in ("classes", None):
            raise ConfigError(
                f"training.class_weights need classes; target.kind is {self.target.kind}",
                'training.class_weights="none", or a target of classes: target.kind="direction"',
            )
        if output_kind is not None:
            training, predicted = self.training, f"target.kind is {self.target.kind}"
            predicted += ", of which quantiles are asked" * (output_kind == "quantiles")
            predicted += ", of which steps are asked" * (output_kind == "sequences")
            require_computable(training.loss, training.monitor, output_kind, predicted)
            self.model.require(output_kind, self.windows.supervise, self.training)
            self.calibration.require(output_kind)
            self.decision.require(output_kind)
        if self.online.every is not None and self.cv.splitter in ("kfold", "combinatorial"):
            raise ConfigError(
                "online.every updates models on what comes after their training, which is tested in order of time; "
                f'got cv.splitter="{self.cv.splitter}"',
                'cv.splitter="expanding", or leave out online.every',
            )
        if self.model.continues and self.features.drop_correlated:
            raise ConfigError(
                f"model.{self.model.continues} reads each forecast column; features.drop_correlated may drop some",
                f"features.drop_correlated=null, or model.{self.model.continues}=false",
            )
        if self.features.history and not self.target.has_history:
            raise ConfigError(
                f"features.history is what target realized_volatility measures; target.kind is {self.target.kind}",
                'features.history=false, or target.kind="realized_volatility"',
            )
        if self.data.prices == "any":
            self.target.refuse_fractions()
        if self.training.per_symbol and self.reads_symbol:
            raise ValueError(
                "training.per_symbol trains each model on one symbol, so it has none to tell apart: leave out "
                "features.symbol_onehot and model.symbol_embedding"
            )
        return self

    @property
    def reads_symbol(self) -> bool:
        """Whether a model is told which symbol a window is of."""
        return self.features.symbol_onehot or self.model.learned_width > 0

    @property
    def knows_symbols(self) -> bool:
        """Whether something is fitted to each symbol, so that others can't be predicted."""
        return self.reads_symbol or self.features.scale_by == "symbol"

    @property
    def certify(self) -> float:
        """The share of the val samples that certify a decision rule; 0: there is none."""
        return 0.0 if self.decision.rule == "none" else self.split.certify

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; feeding them back gives an equal config, but for a password in `data.url`."""
        return self.model_dump(mode="json")

    @property
    def own_parts(self) -> dict[str, str]:
        """{import path: SHA-256 of its module's file} of what it takes that is not gatewise's."""
        named = {"model": self.model.parts, "loss": [self.training.loss.name], "feature set": self.features.sets}
        named |= {"target": [self.target.kind], "splitter": [self.cv.splitter]}
        return {path: digest for kind, names in named.items() for path, digest in sources(kind, names).items()}

    @property
    def digest(self) -> str:
        """SHA-256 of the resolved values and of own parts' code, first 16 hex digits; whether `data.url` holds the
        password is no matter.

        A field that came later counts where it is not at its default: what earlier versions left half done goes on.
        """
        values = self.without_later()
        values["data"]["url"] = without_mask(values["data"]["url"])
        values |= {"own_parts": self.own_parts} if self.own_parts else {}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
