"""A run that is being written: its run.json, and its record in MLflow.

The folder is what counts. Once a run goes, a tracker that falls silent is said once, its values are kept and sent again
later, and training goes on.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlparse
from urllib.request import url2pathname

from gatewise.config.load import to_yaml
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import StorageError
from gatewise.files import write_text
from gatewise.registry.info import HEADLINE, VERDICT, RunInfo, Score, this_process, write_info
from gatewise.registry.limits import flat_params, metric_name
from gatewise.registry.tracking import talking

_log = logging.getLogger("gatewise.runs")
_RETRY_SECONDS = 60.0
_PAUSE_SECONDS = 1.0  # run.json is written at most so often while epochs pass
_METRICS_PER_BATCH = 1000  # MLflow's limit


class Run:
    """A run that is being written. As a context manager it marks its own end.

    Leaving the block marks the run FINISHED; Ctrl-C or an exit marks it KILLED, any other exception FAILED.

    Attributes:
        info: what run.json says, or is about to.
        folder: where the run's files go; holds config.yaml from the start.
    """

    def __init__(self, info: RunInfo, client: Any, uri: str) -> None:
        self.info = info
        self.folder = info.folder
        self._client = client
        self._uri = uri
        self._metrics: list[Any] = []
        self._tags: dict[str, str] = {}
        self._retry_at = self._write_at = 0.0

    @property
    def run_id(self) -> str:
        """32 hex digits."""
        return self.info.run_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if kind is None:
            self.finish("FINISHED")
        else:
            self.finish("FAILED" if issubclass(kind, Exception) else "KILLED")

    def log(self, step: int, values: Mapping[str, float], steps: int = 0) -> None:
        """Records values at a step, all in one request. Never raises when the tracker is silent.

        Args:
            steps: how many there may be, if that is another number than before.

        Raises:
            StorageError: run.json can't be written.
        """
        from mlflow.entities import Metric

        now_ms = time.time_ns() // 1_000_000
        named = {metric_name(name): float(value) for name, value in values.items()}
        self._metrics += [Metric(name, value, now_ms, step) for name, value in named.items()]
        self._note(done=step, of=steps or self.info.of, metrics={**self.info.metrics, **named})
        self._send()

    def set_tag(self, name: str, value: str) -> None:
        """Records a tag, such as the data's fingerprint, once it is known."""
        self._tags[name] = value
        self._note(now=True, tags={**self.info.tags, name: value})
        self._send()

    def judge(self, verdict: str | None, headline: str, score: Score | None) -> None:
        """Records what came of it; a group has no verdict of its own."""
        self._tags |= {HEADLINE: headline} | ({VERDICT: verdict} if verdict else {})
        self._note(now=True, tags={**self.info.tags, **self._tags}, score=score)
        self._send()

    def _note(self, now: bool = False, **changes: Any) -> None:
        self.info = replace(self.info, **changes)
        if now or time.monotonic() >= self._write_at:
            write_info(self.info)
            self._write_at = time.monotonic() + _PAUSE_SECONDS

    def log_nested(
        self, name: str, params: Mapping[str, Any], steps: Sequence[tuple[int, Mapping[str, float]]]
    ) -> None:
        """Records in MLflow a run that was a part of this one, with its numbers at their steps; once a name."""
        from mlflow.entities import Metric, Param

        now_ms = time.time_ns() // 1_000_000
        metrics = [Metric(metric_name(m), float(v), now_ms, step) for step, values in steps for m, v in values.items()]
        ours = self.info.mlflow_run_id
        try:
            with talking(self._uri):
                experiment = self._client.get_run(ours).info.experiment_id
                known = f"tags.`mlflow.parentRunId` = '{ours}' AND attributes.run_name = '{name}'"
                for old in self._client.search_runs([experiment], known):
                    self._client.delete_run(old.info.run_id)
                nested = self._client.create_run(experiment, tags={"mlflow.parentRunId": ours}, run_name=name)
                self._client.log_batch(
                    nested.info.run_id, metrics[:_METRICS_PER_BATCH], [Param(*pair) for pair in flat_params(params)]
                )
                self._client.set_terminated(nested.info.run_id)
        except StorageError as error:
            _log.warning("%s; %s is not recorded there", error.message, name)

    def log_artifacts(self, path: Path, under: str = "") -> None:
        """Hands a file or folder to MLflow under its own name, in the folder `under`.

        On this machine the files are linked, not copied, so that a bundle is not stored twice; a server gets a copy.
        """
        try:
            with talking(self._uri):
                uri = urlparse(self._client.get_run(self.info.mlflow_run_id).info.artifact_uri)
                if uri.scheme in ("", "file"):
                    _link(path, Path(url2pathname(uri.path)) / under / path.name)
                elif path.is_dir():
                    self._client.log_artifacts(
                        self.info.mlflow_run_id, str(path), "/".join(filter(None, (under, path.name)))
                    )
                else:
                    self._client.log_artifact(self.info.mlflow_run_id, str(path), under or None)
        except StorageError as error:
            _log.warning("%s; %s stays at %s", error.message, path.name, path)

    def finish(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Sends what is kept and marks the run's end."""
        try:
            self._note(now=True, status=status, ended_utc=datetime.now(UTC))
        except StorageError as error:
            _log.warning("%s; that the run is %s is not written there", error.message, status)
        self._retry_at = 0.0
        self._send()
        try:
            with talking(self._uri):
                self._client.set_terminated(self.info.mlflow_run_id, status)
        except StorageError as error:
            _log.warning("%s; %s is not recorded there, the run's files are in %s", error.message, status, self.folder)

    def reopen(self) -> None:
        """Takes an ended or killed run up again.

        Raises:
            StorageError: the tracker can't be reached.
        """
        with talking(self._uri):
            self._client.update_run(self.info.mlflow_run_id, status="RUNNING")
        self._note(now=True, status="RUNNING", ended_utc=None, process=this_process())

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
                    self._client.log_batch(
                        self.info.mlflow_run_id, metrics, tags=[RunTag(*tag) for tag in self._tags.items()]
                    )
                    del self._metrics[: len(metrics)]
                    self._tags.clear()
        except StorageError as error:
            if not self._retry_at:
                _log.warning("%s; the run goes on, its values are kept and sent again later", error.message)
            self._retry_at = time.monotonic() + _RETRY_SECONDS
        else:
            self._retry_at = 0.0


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
