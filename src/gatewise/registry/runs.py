"""Runs: a record in MLflow and a folder `$GATEWISE_HOME/runs/<run id>`, opened together.

A tracker that can't be reached when a run starts is an error, as nothing is lost yet.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gatewise.config.load import to_yaml
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.errors import StorageError
from gatewise.files import write_text
from gatewise.registry.data_set import data_set
from gatewise.registry.folders import find_run_folder, run_folder
from gatewise.registry.info import Group, Kind, RunInfo, this_process, write_info
from gatewise.registry.limits import flat_params
from gatewise.registry.listing import info_of
from gatewise.registry.looks import record_run
from gatewise.registry.subject import Subject, checked_name, subject_of
from gatewise.registry.tracking import artifact_folder, connect, talking, tracking_uri
from gatewise.registry.writer import Run

_PARAMS_PER_BATCH = 100  # MLflow's limit
_OURS = "gatewise.version"  # the tag that tells our runs from others on a shared server


def start_run(
    config: ExperimentConfig,
    table: Table | None = None,
    name: str | None = None,
    *,
    kind: Kind = "train",
    subject: Subject | None = None,
    steps: int | None = None,
    folder: Path | None = None,
    parent: Group | None = None,
) -> Run:
    """Opens a run of the experiment `config.name`, with the config as its parameters and as config.yaml in its folder.

    Args:
        table: the rows, which are recorded as its data set.
        name: `None`: made of data, model and target.
        subject: of a comparison; `None`: the config's.
        steps: how many epochs, or what its kind counts, there may be; `None`: the config's epochs.
        folder: of what has an id already; `None`: the folder of a new one.
        parent: the group that it belongs to.

    Raises:
        ConfigError: not a name.
        StorageError: the tracker can't be reached or the folder can't be written; nothing has been trained yet.
    """
    subject = subject or subject_of([config], table)
    name = checked_name(name) or subject.words
    record_run()
    client, uri = connect(), tracking_uri()
    from mlflow.entities import Param  # after connect, which turns telemetry off before MLflow's first import

    tags = {_OURS: version("gatewise"), "gatewise.config_hash": config.digest, "gatewise.kind": kind}
    nested = {"mlflow.parentRunId": parent.mlflow_run_id} if parent else {}
    with talking(uri):
        record = client.create_run(experiment_id(client, uri, config.name), tags={**tags, **nested}, run_name=name)
        run_id = folder.name if folder else record.info.run_id
        info = RunInfo(
            run_id=run_id,
            kind=kind,
            name=name,
            experiment=config.name,
            status="RUNNING",
            started_utc=datetime.now(UTC),
            folder=folder or run_folder(run_id, kind),
            subject=subject,
            of=config.training.max_epochs if steps is None else steps,
            tags=tags,
            parent=parent.run_id if parent else None,
            mlflow_run_id=record.info.run_id,
            process=this_process(),
        )
        run = Run(info, client, uri)
        params = [Param(key, value) for key, value in flat_params(config.to_dict())]
        for start in range(0, len(params), _PARAMS_PER_BATCH):
            client.log_batch(info.mlflow_run_id, params=params[start : start + _PARAMS_PER_BATCH])
        if table is not None:
            client.log_inputs(info.mlflow_run_id, datasets=[data_set(config, table, subject)])
    try:
        write_text(run.folder / "config.yaml", to_yaml(config))
        write_info(info)
    except StorageError:
        run.finish("FAILED")
        raise
    return run


def find_run(text: str) -> Run:
    """The run of kind train whose id is or starts with `text`, or whose name it is.

    Raises:
        RunNotFoundError: no run, or more than one.
        StorageError: the tracker can't be reached.
    """
    return Run(info_of(find_run_folder(text)), connect(), tracking_uri())


def experiment_id(client: Any, uri: str, name: str) -> str:
    """Of MLflow's experiment of that name, which is made where there is none; within `talking`."""
    from mlflow.exceptions import MlflowException

    # A server keeps artifacts itself; everything else keeps them in our home rather than in ./mlruns.
    location = None if uri.startswith(("http:", "https:")) else artifact_folder().as_uri()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:
            experiment = client.get_experiment_by_name(name)  # another process may have been faster
            if experiment is None:
                raise
    return str(experiment.experiment_id)
