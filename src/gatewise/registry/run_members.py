"""Runs as members of an ensemble: what each is by its bundle, and whether it may stand in this one.

A member that was trained on other rows than the ensemble's training part may have learned rows that the ensemble is
judged on, so data, features, target, windows and split must be the same.
"""

from __future__ import annotations

from gatewise.bundle import Bundle
from gatewise.config.differences import first_difference
from gatewise.config.ensemble_section import EnsembleConfig, model_name
from gatewise.config.load import change_config
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError, EnsembleCompatibilityError
from gatewise.experiment import Prepared
from gatewise.learners.base import Trained
from gatewise.registry.folders import find_run_folder
from gatewise.registry.kept import ended_training

_SAME = ("features", "target", "windows", "split")


def with_runs(config: ExperimentConfig) -> ExperimentConfig:
    """The config with the settings of the runs among its members; one without such runs as it is.

    Raises:
        RunNotFoundError: no such run. BundleError: its bundle is damaged or not there.
        ConfigError: what can't stand in one ensemble.
    """
    model = config.model
    if not isinstance(model, EnsembleConfig) or not model.unknown_runs:
        return config
    members = dict(model.members)
    for name in model.unknown_runs:
        if name in members:
            raise ConfigError(
                f"run {name} is a member as it was trained; model.members.{name} would change it",
                f"leave model.members.{name} out, or name the run's model instead",
            )
        record = Bundle.load(find_run_folder(model_name(name)) / "bundle").record
        members[name] = record.config.model.model_dump(mode="json")
    return change_config(config, {"model.members": members})


def trained_runs(prepared: Prepared, asked: ExperimentConfig) -> dict[int, Trained]:
    """{place among the members: what came of that run} of those that `asked` named.

    Raises:
        EnsembleCompatibilityError: one was trained on something else, or has not ended.
        BundleError: what one ended with can't be read again.
    """
    if not isinstance(asked.model, EnsembleConfig):
        return {}
    runs = {number: name for number, name in enumerate(asked.model.base_models) if name in asked.model.unknown_runs}
    return {number: _trained(prepared, name) for number, name in runs.items()}


def _trained(prepared: Prepared, name: str) -> Trained:
    folder = find_run_folder(model_name(name))
    bundle = Bundle.load(folder / "bundle")
    model = prepared.config.model
    assert isinstance(model, EnsembleConfig)
    anew = ",".join(bundle.record.config.model.name if other == name else other for other in model.base_models)
    hint = f'model.base_models="{anew}" trains it anew'
    if bundle.record.data_fingerprint != prepared.samples.table.fingerprint:
        raise EnsembleCompatibilityError(f"run {name} must be of the ensemble's data; it was trained on others", hint)
    theirs, ours = bundle.record.config.to_dict(), prepared.config.to_dict()
    for section in _SAME:
        if difference := first_difference(theirs[section], ours[section], section):
            raise EnsembleCompatibilityError(
                f"run {name} must be of the ensemble's features, target, windows and split; {difference}", hint
            )
    if not (folder / "metrics.json").exists():
        raise EnsembleCompatibilityError(f"run {name} must have ended; it was cut off", hint)
    return ended_training(folder, bundle)
