"""The study in its storage: opened, refused where it is another's, and its trials begun or gone on with.

One process talks to the storage, whatever the number of workers, so that SQLite is as good as a server. A trial that a
kill cut off stays RUNNING; the next process goes on with it under its own number, as its parameters and the folds that
it was scored on are in the storage.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError, MissingExtraError, StorageError
from gatewise.selection.plan import first_difference
from gatewise.selection.space import SearchSpace

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage

_TERMS, _ID = "gatewise", "gatewise_id"
_LOCK_SECONDS = 60
# What a trial's score does not hang on; of the data section the rows themselves are compared.
_NOT_DECIDING = ("name", "data", "evaluation", "device", "checkpoint_every_epochs")
_WORDS = {"data": "other rows", "space": "another search space", "config": "another config", "pruner": "another pruner"}


@dataclass(frozen=True)
class StudyStore:
    """An open study.

    Attributes:
        study: Optuna's.
        storage: Optuna's, beneath its cache.
        id: ours; names the study's folder.
    """

    study: Study
    storage: BaseStorage
    space: SearchSpace
    id: str

    def begin(self) -> Trial:
        """A new trial with all its parameters drawn."""
        return self._drawn(self.study.ask())

    def go_on(self, number: int) -> Trial:
        """A trial that was cut off; parameters that were not drawn yet are what they would have been."""
        from optuna.trial import Trial

        study_id = self.storage.get_study_id_from_name(self.study.study_name)
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(study_id, number)
        return self._drawn(Trial(self.study, trial_id))

    def cut_off(self) -> list[int]:
        """Numbers of the trials that are RUNNING; of a study just opened, those that a killed process left."""
        from optuna.trial import TrialState

        return [trial.number for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))]

    def _drawn(self, trial: Trial) -> Trial:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        from gatewise.selection.sampling import distributions

        for name, of in distributions(self.space).items():
            if isinstance(of, CategoricalDistribution):
                trial.suggest_categorical(name, of.choices)
            elif isinstance(of, IntDistribution):
                trial.suggest_int(name, of.low, of.high, step=of.step, log=of.log)
            elif isinstance(of, FloatDistribution):
                trial.suggest_float(name, of.low, of.high, step=of.step, log=of.log)
        return trial


def open_study(
    url: str | None,
    name: str,
    space: SearchSpace,
    terms: Mapping[str, Any],
    num_folds: int,
    seed: int,
    study_id: str,
) -> StudyStore:
    """Opens a study or makes it.

    Args:
        url: SQLAlchemy's, as `resolve_url` gives it; `None`: in memory.
        terms: of `study_terms`; must be those of the study, if there is one.
        num_folds: how many scores a trial has at most.
        study_id: of a study that is made.

    Raises:
        MissingExtraError: Optuna is absent.
        ConfigError: the storage holds a study of that name on other terms, or one of somebody else's.
        StorageError: the storage can't be opened.
    """
    require_optuna()
    import optuna

    from gatewise.selection.sampling import NumberedTpe, make_pruner

    storage = optuna.storages.InMemoryStorage() if url is None else _open(url)
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        sampler=NumberedTpe(seed),
        pruner=make_pruner(terms["pruner"], num_folds),
        load_if_exists=True,
    )
    if _ID not in study.user_attrs and not study.get_trials(deepcopy=False):
        study.set_user_attr(_ID, study_id)
    held = study.user_attrs.get(_TERMS)
    if held is None and study.get_trials(deepcopy=False):
        raise ConfigError(
            f"the storage's study {name!r} must be one of gatewise's own; somebody else's is there",
            "--study-name NEW, or another --storage",
        )
    if held is None:
        study.set_user_attr(_TERMS, terms)
    elif part := next((part for part in terms if held.get(part) != terms[part]), None):
        where = first_difference(held.get(part), terms[part]) if part in ("config", "space") else None
        raise ConfigError(
            f"the storage's study {name!r} was begun on {_WORDS[part]}{f' ({where})' if where else ''}",
            "--study-name NEW, another --storage, or the settings that it was begun with",
        )
    return StudyStore(study, storage, space, study.user_attrs[_ID])


def study_terms(config: ExperimentConfig, space: SearchSpace, data: str, pruner: str) -> dict[str, Any]:
    """What a study's trials hang on, as JSON values.

    Args:
        data: the key of the samples that trials see.
    """
    settings = {name: value for name, value in config.to_dict().items() if name not in _NOT_DECIDING}
    training = {name: value for name, value in settings["training"].items() if name not in _NOT_DECIDING}
    terms = {"config": settings | {"training": training}, "space": space.to_dict(), "pruner": pruner, "data": data}
    kept: dict[str, Any] = json.loads(json.dumps(terms))
    return kept


def require_optuna() -> None:
    """Sees to it that Optuna is there and says what it has to say through our logger alone.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "tune") from error
    optuna.logging.disable_default_handler()
    logger = logging.getLogger("optuna")
    if not any(isinstance(handler, _Bridge) for handler in logger.handlers):
        logger.addHandler(_Bridge())


def resolve_url(text: str) -> str:
    """A storage's URL, with a SQLite file's path made absolute.

    Raises:
        ConfigError: not a URL, or one of a storage that keeps nothing.
    """
    require_optuna()
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(
            f"--storage takes a database's URL; got {text!r}", "for example --storage sqlite:///study.db"
        ) from error
    if url.get_backend_name() != "sqlite":
        return text
    if url.database in (None, "", ":memory:"):
        raise ConfigError(f"--storage must name a file to keep the study in; got {text!r}", "sqlite:///study.db")
    return url.set(database=str(Path(str(url.database)).absolute())).render_as_string(hide_password=False)


def file_url(path: Path) -> str:
    """The URL of a SQLite file."""
    require_optuna()
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path.absolute())).render_as_string()


def shown_url(text: str) -> str:
    """The URL without its password."""
    from sqlalchemy.engine import make_url

    return make_url(text).render_as_string(hide_password=True)


@contextmanager
def storage_errors(shown: str) -> Iterator[None]:
    """Turns what a database raises into one line.

    Raises:
        StorageError: the database can't be opened, read or written.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
        reason = " ".join(str(getattr(cause, "orig", None) or cause).split())
        raise StorageError(f"the study's storage {shown} can't be used: {reason}", "see --storage") from error


def _open(url: str) -> BaseStorage:
    from optuna.storages import RDBStorage

    waits = {"connect_args": {"timeout": _LOCK_SECONDS}} if url.startswith("sqlite") else {}
    shown = shown_url(url)
    with storage_errors(shown):
        try:
            return RDBStorage(url, engine_kwargs=waits)
        except ImportError as error:
            raise ConfigError(
                f"the driver of {shown.split(':')[0]} is not installed", "pip install it, or use SQLite"
            ) from error
        except RuntimeError as error:  # tables of another version of Optuna
            raise StorageError(f"{shown}: {' '.join(str(error).split())}", "another --storage") from error


class _Bridge(logging.Handler):
    """Hands Optuna's log on to ours, a step quieter: every trial is told of by us."""

    def emit(self, record: logging.LogRecord) -> None:
        quieter = {logging.INFO: logging.DEBUG, logging.WARNING: logging.INFO}
        level = quieter.get(record.levelno, record.levelno)
        logging.getLogger("gatewise.optuna").log(level, "%s", record.getMessage())
