"""The study in its storage: opened, refused where it is another's, and its trials begun or gone on with.

One process talks to the storage, whatever the number of workers, so that SQLite is as good as a server. A trial that a
kill cut off stays RUNNING; the next process goes on with it under its own number, as its parameters and the folds that
it was scored on are in the storage.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatewise.config.differences import first_difference
from gatewise.config.load import build_config
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError
from gatewise.files import home
from gatewise.locks import one_after_another
from gatewise.selection.tuning.space import SearchSpace
from gatewise.selection.tuning.storage import open_storage, require_optuna

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage

_TERMS, _ID = "gatewise", "gatewise_id"
# What a trial's score does not depend on; of the data section the rows themselves are compared.
_NOT_DECIDING = ("name", "data", "evaluation", "broker", "device", "checkpoint_every_epochs")
_WORDS = {"data": "other rows", "space": "another search space", "config": "another config", "pruner": "another pruner"}
_WORDS |= {"own_parts": "other code of one's own parts", "sampler": "another sampler"}


@dataclass(frozen=True)
class StudyStore:
    """An open study.

    Attributes:
        study: Optuna's.
        storage: Optuna's, beneath its cache.
        id: ours; names the study's folder.
        sampler: its name.
    """

    study: Study
    storage: BaseStorage
    space: SearchSpace
    id: str
    sampler: str

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

        from gatewise.selection.tuning.sampling import distributions

        for name, domain in distributions(self.space).items():
            if isinstance(domain, CategoricalDistribution):
                trial.suggest_categorical(name, domain.choices)
            elif isinstance(domain, IntDistribution):
                trial.suggest_int(name, domain.low, domain.high, step=domain.step, log=domain.log)
            elif isinstance(domain, FloatDistribution):
                trial.suggest_float(name, domain.low, domain.high, step=domain.step, log=domain.log)
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

    from gatewise.selection.tuning.sampling import make_pruner, make_sampler

    # Whoever begins a study says whose it is and on what terms; of two at once the second finds that said.
    with one_after_another(home() / "tune", "the studies of this home") if url else nullcontext():
        storage = optuna.storages.InMemoryStorage() if url is None else open_storage(url)
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            sampler=make_sampler(terms["sampler"], seed, space),
            pruner=make_pruner(terms["pruner"], num_folds),
            load_if_exists=True,
        )
        _claim(study, terms, study_id)
    return StudyStore(study, storage, space, study.user_attrs[_ID], terms["sampler"])


def _claim(study: Study, terms: Mapping[str, Any], study_id: str) -> None:
    """Says in an empty study whose it is and on what terms; of one that was begun, requires that they are these."""
    begun = bool(study.get_trials(deepcopy=False))
    held = study.user_attrs.get(_TERMS)
    if held is not None:  # maybe by an earlier version, whose config reads otherwise
        held = {"sampler": "tpe"} | held | {"config": _deciding(build_config(held["config"]))}
    if _ID not in study.user_attrs and not begun:
        study.set_user_attr(_ID, study_id)
    if held is None and begun:
        raise ConfigError(
            f"the storage's study {study.study_name!r} must be one of gatewise's own; somebody else's is there",
            'study_name="NEW", or another storage',
        )
    if held is None:
        study.set_user_attr(_TERMS, terms)
    elif part := next((part for part in terms if held.get(part) != terms[part]), None):
        where = first_difference(held.get(part), terms[part]) if part in ("config", "space") else None
        raise ConfigError(
            f"the storage's study {study.study_name!r} was begun on {_WORDS[part]}{f' ({where})' if where else ''}",
            'study_name="NEW", another storage, or the settings that it was begun with',
        )


def study_terms(
    config: ExperimentConfig, space: SearchSpace, data: str, pruner: str, sampler: str = "tpe"
) -> dict[str, Any]:
    """What a study's trials depend on, as JSON values.

    Args:
        data: the key of the samples that trials see.
    """
    terms: dict[str, Any] = {"config": _deciding(config)}
    terms |= {"own_parts": config.own_parts} if config.own_parts else {}
    terms |= {"space": space.to_dict(), "pruner": pruner, "sampler": sampler, "data": data}
    kept: dict[str, Any] = json.loads(json.dumps(terms))
    return kept


def _deciding(config: ExperimentConfig) -> dict[str, Any]:
    settings = {name: value for name, value in config.to_dict().items() if name not in _NOT_DECIDING}
    training = {name: value for name, value in settings["training"].items() if name not in _NOT_DECIDING}
    return settings | {"training": training}
