"""What a cross-validation compares: models x horizons x seeds, and the symbols that each learns alone or together."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from gatewise.config.load import build_config
from gatewise.config.schema import MOST_SEEDS, ExperimentConfig
from gatewise.errors import ConfigError, GatewiseError
from gatewise.jobs.jobs import Job, fitting_batch, make_job
from gatewise.jobs.shared import ALL, SharedData

# Models are compared on the same rows of the same data, so only the others may differ between them.
_SAME = ("data", "features", "target", "split", "cv", "online", "evaluation", "broker")

_LISTS = ("horizons", "named_seeds", "remarks", "beside")
CV, COMPARE, STUDY = "cv", "compare", "study"
ONLINE = "+online"  # ends the name of an updated model's line
_RESUMED_BY = {
    CV: ("gatewise cv --resume", "gatewise.cv"),
    COMPARE: ("gatewise compare --resume", "gatewise.compare"),
    STUDY: ("gatewise study volatility --resume", 'gatewise.study("volatility", '),
}
# What earlier versions did not know, and what then stands for it.
_LATER: dict[str, Any] = {"named_seeds": [], "max_seconds": None, "remarks": [], "command": CV, "beside": []}

_log = logging.getLogger("gatewise.cv")

# (model, horizon, fold)
Place = tuple[str, int, int]


@dataclass(frozen=True)
class Tuning:
    """How each fold is tuned.

    Attributes:
        n_trials: of each search.
        spaces: by the models' names, as `SearchSpace.to_dict` gives them.
        pruner: median, hyperband or none.
    """

    n_trials: int
    spaces: Mapping[str, Mapping[str, Any]]
    pruner: str = "median"

    def to_dict(self) -> dict[str, Any]:
        """JSON values; the class takes them back."""
        return asdict(self)

    def widest(self, model: str, config: ExperimentConfig) -> ExperimentConfig:
        """The config with the longest window of the model's space."""
        # Tuning is an extra: what it brings is loaded where it is asked for.
        from gatewise.selection.tuning.data import widest
        from gatewise.selection.tuning.space_file import parse_space

        return widest(config, parse_space(dict(self.spaces[model]), config))


@dataclass(frozen=True)
class Plan:
    """A cross-validation to be.

    Attributes:
        models: configs by the name under which results are shown; all alike but for model, training and windows.
        horizons: rows ahead, in the order in which results are shown.
        num_seeds: each model is trained with this many seeds, from `training.seed` upwards.
        per_symbol: one model for each symbol instead of one for all.
        tuning: how each fold is tuned before it is trained; `None`: models are trained as they are configured.
        named_seeds: the seeds, `num_seeds` of them, instead of those from `training.seed` upwards; empty: those.
        max_seconds: that each training may take, over all sittings.
        remarks: what people should know of how these settings came about, a sentence each.
        command: that it is of; trainings of a comparison run one after the other, as their times are compared.
        beside: models that every line is held against, frozen or updated, whichever is better; the first is to be
            beaten. Empty: the prior is.
    """

    models: Mapping[str, ExperimentConfig]
    horizons: tuple[int, ...]
    num_seeds: int = 1
    per_symbol: bool = False
    tuning: Tuning | None = None
    named_seeds: tuple[int, ...] = ()
    max_seconds: float | None = None
    remarks: tuple[str, ...] = ()
    command: str = CV
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, given in (("models", self.models), ("horizons", self.horizons)):
            if not given:
                raise ConfigError(f"cross-validation needs {name} to compare; got none")
        if len(set(self.horizons)) < len(self.horizons) or min(self.horizons) < 1:
            horizons = ", ".join(map(str, self.horizons))
            raise ConfigError(f"horizons are whole numbers from 1, each given once; got {horizons}", "horizons=(5, 20)")
        if self.base.target.horizons and self.horizons != (self.base.target.horizon,):
            raise ConfigError(
                "target.horizons predict several horizons at once, horizons of a cross-validation one after another; "
                f"got {', '.join(map(str, self.horizons))}",
                "leave out one of the two",
            )
        self.base.decision.refuse("folds have none to spare")
        if self.tuning is not None and self.max_seconds is not None:
            raise ConfigError(
                "max_time is a budget of each fold's one training, and a search in each fold makes many; got both",
                "leave out one of the two",
            )
        if self.num_seeds < 1:
            raise ConfigError(f"cross-validation needs at least one seed; got {self.num_seeds}", "num_seeds=3")
        for name in self.models:
            if max(self.seeds(name)) >= MOST_SEEDS:
                raise ConfigError(
                    f"seeds must be below 2**63; {self.num_seeds} from {self.seeds(name)[0]} upwards are not",
                    "training.seed=42, or any other that leaves room",
                )
        if any(config.training.auto_batch_size for config in self.models.values()):
            raise ConfigError(
                "all folds need one batch size; training.auto_batch_size would measure it anew for each",
                "training.batch_size=512, or the size that gatewise train measured",
            )
        for section, (name, config) in product(_SAME, self.models.items()):
            if getattr(config, section) != getattr(self.base, section):
                raise ConfigError(
                    f"models are compared on the same rows, so {section} must be alike for all; {name} has another"
                )

    @property
    def base(self) -> ExperimentConfig:
        """The first model's config: what it says of data, features and folds holds for all."""
        return next(iter(self.models.values()))

    @property
    def resumed_by(self) -> tuple[str, str]:
        """The command that goes on with it, and the function of Python that does."""
        return _RESUMED_BY[self.command]

    @property
    def knows_symbols(self) -> bool:
        """Whether some model is fitted to its symbol, or told which it is."""
        return self.per_symbol or any(config.knows_symbols for config in self.models.values())

    @property
    def num_folds(self) -> int:
        return self.base.cv.num_folds

    @property
    def most_jobs(self) -> int:
        """Jobs, if one symbol or all are learned together; known before any row is read."""
        return len(self.models) * len(self.horizons) * self.num_seeds * self.num_folds

    def config_of(self, line: str) -> ExperimentConfig:
        """What a line of the tables, other than the prior's, is of: a model, or the same updated."""
        return self.models[line.removesuffix(ONLINE)]

    def config(self, model: str, horizon: int, seed: int | None = None) -> ExperimentConfig:
        """What is trained for one model and horizon, with a seed or with the first."""
        config = self.models[model]
        target = config.target.over(horizon)
        training = config.training if seed is None else config.training.model_copy(update={"seed": seed})
        return config.model_copy(update={"target": target, "training": training})

    def seeds(self, model: str) -> Sequence[int]:
        """The seeds of a model."""
        if self.named_seeds:
            return self.named_seeds
        first = self.models[model].training.seed
        return range(first, first + self.num_seeds)

    def configs(self) -> list[ExperimentConfig]:
        """One for each model and horizon; where folds are tuned, with the longest window that may be tried."""
        pairs = [(model, self.config(model, horizon)) for horizon in self.horizons for model in self.models]
        tuning = self.tuning
        return [config if tuning is None else tuning.widest(model, config) for model, config in pairs]

    def jobs(
        self, shared: SharedData, tuned: Mapping[Place, ExperimentConfig | GatewiseError] | None = None
    ) -> Iterator[Job]:
        """Every training, in the order in which results are shown: horizon, model, fold, seed, symbol.

        Args:
            tuned: configs that take the place of a model's own in a fold.

        A symbol that has no test row in a fold has nothing to be judged on there, and no job.
        """
        symbols = shared.table.symbols if self.per_symbol and len(shared.table.symbols) > 1 else (ALL,)
        warned: set[tuple[str, int, int]] = set()
        for horizon, model in product(self.horizons, self.models):
            for fold in shared.horizons[horizon].folds:
                tuned_config = (tuned or {}).get((model, horizon, fold.number))
                config = tuned_config if isinstance(tuned_config, ExperimentConfig) else self.config(model, horizon)
                for seed, symbol in product(self.seeds(model), symbols):
                    part = shared.fold(horizon, fold.number, symbol)
                    if not part.test.size:
                        continue
                    asked, batch = config.training.batch_size, fitting_batch(config, part.train.size)
                    if batch < asked and config.model.consumes == "sequences":
                        lowered = batch == config.training.windows_per_epoch
                        where = model if lowered else f"fold {fold.number}, horizon {horizon}"
                        if (where, batch, asked) not in warned:
                            warned.add((where, batch, asked))
                            text = "%s: batches of %d, all windows of an epoch; training.batch_size is %d"
                            _log.info(text, where, batch, asked)
                    training = config.training.model_copy(update={"seed": seed, "batch_size": batch})
                    job_config = config.model_copy(update={"training": training})
                    yield make_job(job_config, shared, fold.number, model, symbol, self.max_seconds)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them back."""
        models = [{"name": name, "config": config.to_dict()} for name, config in self.models.items()]  # in order
        tuning = self.tuning and self.tuning.to_dict()
        values = {**vars(self), "models": models, "tuning": tuning}
        values |= {name: list(values[name]) for name in _LISTS}
        return {name: value for name, value in values.items() if name not in _LATER or value != _LATER[name]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """What `to_dict` gave."""
        models = {named["name"]: build_config(named["config"]) for named in values["models"]}
        tuning = values["tuning"] and Tuning(**values["tuning"])
        lists = {name: tuple(values.get(name, ())) for name in _LISTS}
        return cls(**{**values, "models": models, "tuning": tuning, **lists})
