"""Removing runs, and renaming them: folder and MLflow's record together.

A run's folder is first put aside under a hidden name, in one step, so that a removal that is killed leaves no run that
is half there; the next removal clears away what was left aside.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from gatewise.errors import ConfigError, ReadError, StorageError
from gatewise.files import home
from gatewise.locks import only_process
from gatewise.registry.folders import PLACES
from gatewise.registry.info import GROUPS, RunInfo, read_info, write_info
from gatewise.registry.listing import list_runs
from gatewise.registry.subject import checked_name
from gatewise.registry.tracking import connect, talking, tracking_uri

_ASIDE = ".removed."


def with_members(infos: Iterable[RunInfo]) -> list[RunInfo]:
    """The runs, each once, and with a group the runs that belong to it."""
    infos = list(infos)
    groups = {info.run_id for info in infos if info.kind in GROUPS}
    members = [info for info in list_runs("train") if info.parent in groups] if groups else []
    return list({info.folder: info for info in (*infos, *members)}.values())


def remove_runs(infos: Iterable[RunInfo]) -> None:
    """Removes runs for good: their folders, MLflow's runs with what is nested in them, and the artifacts.

    MLflow itself keeps the bare record as a deleted one until `mlflow gc`.

    Raises:
        ConfigError: a process works on one of them, or it is a bundle that lies outside of the home; none is removed.
        StorageError: the tracker can't be reached, and none is removed; or a folder can't be.
    """
    infos = list(infos)
    for info in infos:
        if not info.folder.is_relative_to(home()) or not info.run_id:
            raise ConfigError(f"{info.folder} is no run of this home, so it is not removed", "remove the folder itself")
        with only_process(info.folder, info.name):
            pass
    client, uri = connect(), tracking_uri()
    with talking(uri):
        client.search_experiments(max_results=1)
    for info in infos:
        try:
            info.folder.rename(info.folder.parent / f"{_ASIDE}{info.run_id}")
        except OSError as error:
            raise StorageError(f"can't remove {info.folder}: {error.strerror or error}") from error
    for place, *_ in PLACES.values():
        for folder in (home() / place).glob(f"{_ASIDE}*"):
            _clear(folder, client, uri)


def rename_run(info: RunInfo, name: str) -> RunInfo:
    """Gives a run another name, here and in MLflow.

    Raises:
        ConfigError: not a name, or a process works on the run.
        StorageError: the tracker can't be reached, or run.json can't be written.
    """
    if not info.run_id:
        raise ConfigError(f"{info.folder} is a bundle, which has no name", "name the run that it is of")
    renamed = replace(info, name=checked_name(name) or "")
    with only_process(info.folder, info.name):
        client, uri = connect(), tracking_uri()
        with talking(uri):
            client.update_run(info.mlflow_run_id, name=renamed.name)
        write_info(renamed)
    return renamed


def _clear(folder: Path, client: Any, uri: str) -> None:
    try:
        mlflow_run_id = read_info(folder).mlflow_run_id
    except ReadError:  # of an earlier version, which had one id
        mlflow_run_id = folder.name.removeprefix(_ASIDE)
    with talking(uri):
        _delete(client, mlflow_run_id)
    shutil.rmtree(folder)


def _delete(client: Any, mlflow_run_id: str) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    try:
        info = client.get_run(mlflow_run_id).info
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":  # recorded elsewhere, or cleared away by hand
            return
        raise
    for nested in client.search_runs([info.experiment_id], f"tags.`mlflow.parentRunId` = '{mlflow_run_id}'"):
        if "gatewise.version" not in nested.data.tags:  # a run of its own has its own folder
            client.delete_run(nested.info.run_id)
    if info.lifecycle_stage != "deleted":
        client.delete_run(mlflow_run_id)
    address = urlparse(info.artifact_uri)
    if address.scheme in ("", "file"):
        path = Path(url2pathname(address.path))
        shutil.rmtree(path.parent if path.parent.name == mlflow_run_id else path, ignore_errors=True)
    else:
        get_artifact_repository(info.artifact_uri).delete_artifacts()
