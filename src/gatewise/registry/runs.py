"""Runs: a record in MLflow and a folder `$GATEWISE_HOME/runs/<run id>`, opened together.

The folder is what counts. A tracker that can't be reached when a run starts is an error, as nothing is lost yet; once
the run goes, a tracker that falls silent is said once, its values are kept and sent again later, and training goes on.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlparse
from urllib.request import url2pathname

from gatewise.config.load import to_yaml
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import StorageError
from gatewise.files import write_text
from gatewise.registry.folders import match_id, run_folder
from gatewise.registry.info import RunInfo, read_info
from gatewise.registry.limits import flat_params, metric_name
from gatewise.registry.tracking import artifact_folder, connect, talking, tracking_uri

_log = logging.getLogger("gatewise.runs")
_RETRY_SECONDS = 60.0
_METRICS_PER_BATCH = 1000  # MLflow's limits
_PARAMS_PER_BATCH = 100
_OURS = "gatewise.version"  # the tag that tells our runs from others on a shared server


class Run:
    """A run that is being written. As a context manager it marks its own end.

    Leaving the block marks the run FINISHED; Ctrl-C or an exit marks it KILLED, any other exception FAILED.

    Attributes:
        run_id: MLflow's id, 32 hex digits.
        folder: where the run's files go; holds config.yaml from the start.
    """

    def __init__(self, run_id: str, client: Any, uri: str) -> None:
        self.run_id = run_id
        self.folder = run_folder(run_id)
        self._client = client
        self._uri = uri
        self._metrics: list[Any] = []
        self._tags: dict[str, str] = {}
        self._retry_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if kind is None:
            self.finish("FINISHED")
        else:
            self.finish("FAILED" if issubclass(kind, Exception) else "KILLED")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Records values at a step, all in one request. Never raises when the tracker is silent."""
        from mlflow.entities import Metric

        now_ms = time.time_ns() // 1_000_000
        self._metrics += [Metric(metric_name(name), float(value), now_ms, step) for name, value in values.items()]
        self._send()

    def set_tag(self, name: str, value: str) -> None:
        """Records a tag, such as the data's fingerprint, once it is known."""
        self._tags[name] = value
        self._send()

    def log_artifacts(self, path: Path) -> None:
        """Hands a file or folder to MLflow under its own name.

        On this machine the files are linked, not copied, so that a bundle is not stored twice; a server gets a copy.
        """
        try:
            with talking(self._uri):
                uri = urlparse(self._client.get_run(self.run_id).info.artifact_uri)
                if uri.scheme in ("", "file"):
                    _link(path, Path(url2pathname(uri.path)) / path.name)
                elif path.is_dir():
                    self._client.log_artifacts(self.run_id, str(path), path.name)
                else:
                    self._client.log_artifact(self.run_id, str(path))
        except StorageError as error:
            _log.warning("%s; %s stays at %s", error.message, path.name, path)

    def finish(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Sends what is kept and marks the run's end."""
        self._retry_at = 0.0
        self._send()
        try:
            with talking(self._uri):
                self._client.set_terminated(self.run_id, status)
        except StorageError as error:
            _log.warning("%s; %s is not recorded there, the run's files are in %s", error.message, status, self.folder)

    def reopen(self) -> None:
        """Takes an ended or killed run up again.

        Raises:
            StorageError: the tracker can't be reached.
        """
        with talking(self._uri):
            self._client.update_run(self.run_id, status="RUNNING")

    def change_config(self, config: ExperimentConfig) -> None:
        """Notes that the run goes on with another learning rate: in config.yaml, and as tags beside the first config's
        parameters, which MLflow lets nobody change.

        Raises:
            StorageError: the folder can't be written.
        """
        write_text(self.folder / "config.yaml", to_yaml(config))
        self.set_tag("gatewise.config_hash", config.digest)
        self.set_tag("gatewise.learning_rate", f"{config.training.learning_rate:g}")

    def _send(self) -> None:
        if time.monotonic() < self._retry_at:
            return
        from mlflow.entities import RunTag

        try:
            with talking(self._uri):
                while self._metrics or self._tags:
                    metrics = self._metrics[:_METRICS_PER_BATCH]
                    self._client.log_batch(self.run_id, metrics, tags=[RunTag(*tag) for tag in self._tags.items()])
                    del self._metrics[: len(metrics)]
                    self._tags.clear()
        except StorageError as error:
            if not self._retry_at:
                _log.warning("%s; the run goes on, its values are kept and sent again later", error.message)
            self._retry_at = time.monotonic() + _RETRY_SECONDS
        else:
            self._retry_at = 0.0


def start_run(config: ExperimentConfig) -> Run:
    """Opens a run of the experiment `config.name`, with the config as its parameters and as config.yaml in its folder.

    Raises:
        StorageError: the tracker can't be reached or the folder can't be written; nothing has been trained yet.
    """
    client, uri = connect(), tracking_uri()
    from mlflow.entities import Param  # after connect, which turns telemetry off before MLflow's first import

    name = f"{config.model.name}-{config.target.kind}-{config.target.horizon}"
    tags = {_OURS: version("gatewise"), "gatewise.config_hash": config.digest}
    with talking(uri):
        record = client.create_run(_experiment_id(client, uri, config.name), tags=tags, run_name=name)
        run = Run(record.info.run_id, client, uri)
        params = [Param(key, value) for key, value in flat_params(config.to_dict())]
        for start in range(0, len(params), _PARAMS_PER_BATCH):
            client.log_batch(run.run_id, params=params[start : start + _PARAMS_PER_BATCH])
    try:
        write_text(run.folder / "config.yaml", to_yaml(config))
    except StorageError:
        run.finish("FAILED")
        raise
    return run


def find_run(text: str) -> Run:
    """The run whose id is or starts with `text`.

    Raises:
        RunNotFoundError: no run, or more than one.
        StorageError: the tracker can't be reached.
    """
    info = find_info(text)
    return Run(info.run_id, connect(), tracking_uri())


def find_info(text: str) -> RunInfo:
    """Like `find_run`, to be read."""
    infos = list_runs()
    run_id = match_id(text, [info.run_id for info in infos])
    return next(info for info in infos if info.run_id == run_id)


def list_runs(limit: int | None = None) -> list[RunInfo]:
    """Our runs that the tracker knows, latest first.

    Raises:
        StorageError: the tracker can't be reached.
    """
    client, uri = connect(), tracking_uri()
    with talking(uri):
        names = {experiment.experiment_id: experiment.name for experiment in client.search_experiments()}
        infos: list[RunInfo] = []
        token = None
        while names and (limit is None or len(infos) < limit):
            page = client.search_runs(
                list(names),
                f"tags.`{_OURS}` != ''",
                max_results=1000 if limit is None else min(1000, limit - len(infos)),
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            infos += [read_info(run, names[run.info.experiment_id], run_folder(run.info.run_id)) for run in page]
            token = page.token
            if not token:
                break
    return infos


def _experiment_id(client: Any, uri: str, name: str) -> str:
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


def _link(source: Path, target: Path) -> None:
    if source.is_dir():
        for file in source.iterdir():
            _link(file, target / file.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another filesystem, or one without links
        shutil.copy2(source, target)
