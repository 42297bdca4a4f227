"""What is known of a run at a glance: one record, kept as run.json in the run's folder and read without MLflow."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gatewise.errors import ReadError
from gatewise.evaluation.verdict import TONES, Judgement, Verdict, read_judgement
from gatewise.files import write_json
from gatewise.locks import is_abandoned
from gatewise.registry.subject import Subject

Kind = Literal["train", "cv", "tune", "per-symbol", "seeds"]
Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

GROUPS: tuple[Kind, ...] = ("per-symbol", "seeds")
RECORD = "run.json"
VERDICT, HEADLINE = "gatewise.verdict", "gatewise.headline"  # the tags in which a run's verdict is kept


@dataclass(frozen=True)
class Score:
    """The deciding metric of what a run made, beside the best of what it was compared with; lower is better.

    Attributes:
        part: test or val, or folds: the mean over them.
        baseline: the best one; of folds the prior.
    """

    part: str
    metric: str
    value: float
    baseline: str
    baseline_value: float


class Group(NamedTuple):
    """What a run must know of the group that it belongs to: its id, ours and MLflow's."""

    run_id: str
    mlflow_run_id: str


@dataclass(frozen=True)
class RunInfo:
    """What is recorded of a run; not to be confused with `Run`, which writes.

    Attributes:
        run_id: 32 hex digits; names the folder.
        kind: train; cv and tune, which train many models; per-symbol and seeds: groups of runs of kind train.
        name: for people; need not be unique.
        experiment: MLflow's, `config.name`.
        status: RUNNING, FINISHED, FAILED or KILLED: interrupted, or its process is gone.
        done, of: epochs, trainings (cv), trials (tune) or symbols so far, and how many there may be.
        score: `None` where nothing was judged.
        metrics: the last value of each name: the trainer's `val_loss`, the evaluation's `test/macro_f1`.
        parent: the run_id of the group that it belongs to.
        mlflow_run_id: what MLflow calls it; for kind train the same as run_id.
        process: {host, pid, started} of the one that works on it, or did last.
        folder: where the run's files lie.
    """

    run_id: str
    kind: Kind
    name: str
    experiment: str
    status: Status
    started_utc: datetime
    folder: Path
    ended_utc: datetime | None = None
    subject: Subject = field(default_factory=Subject)
    done: int = 0
    of: int = 0
    score: Score | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    mlflow_run_id: str = ""
    process: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict | None:
        """Better, undecided, worse or too_few; `None` where the run was not judged."""
        value = self.tags.get(VERDICT)
        return next((verdict for verdict in TONES if verdict == value), None)

    @property
    def headline(self) -> str | None:
        """The verdict as a sentence; of a group how many of its runs are better."""
        return self.tags.get(HEADLINE)

    @property
    def judgement(self) -> Judgement | None:
        """Of verdict and headline; `None` where the run was not judged."""
        return None if self.verdict is None else read_judgement(self.verdict, self.headline or "")

    @property
    def duration_seconds(self) -> float | None:
        """From start to end; None while it runs, or where its process was gone before it could say."""
        return None if self.ended_utc is None else (self.ended_utc - self.started_utc).total_seconds()

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file in the run's folder, sorted; hidden ones are of processes that work in it."""
        return tuple(sorted(path for path in self.folder.rglob("[!.]*") if path.is_file()))

    def to_dict(self) -> dict[str, Any]:
        """The machine interface; a metric that is no finite number becomes null."""
        return self._kept() | {
            "duration_seconds": self.duration_seconds,
            "model": self.subject.model,
            "verdict": self.verdict,
            "headline": self.headline,
            "beats_baseline": None if self.judgement is None else self.judgement.beats_baseline,
            "folder": str(self.folder),
        }

    def _kept(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "kind": self.kind,
            "name": self.name,
            "experiment": self.experiment,
            "status": self.status,
            "started": self.started_utc.isoformat(),
            "ended": None if self.ended_utc is None else self.ended_utc.isoformat(),
            **self.subject.to_dict(),
            "done": self.done,
            "of": self.of,
            "score": None if self.score is None else _finite(asdict(self.score)),
            "metrics": _finite(self.metrics),
            "tags": dict(self.tags),
            "parent": self.parent,
            "mlflow_run_id": self.mlflow_run_id,
            "process": dict(self.process),
        }


def this_process() -> dict[str, Any]:
    """Host, pid and start, which together name one process for good."""
    import psutil

    return {"host": platform.node(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def write_info(info: RunInfo) -> None:
    """Writes run.json, whole or not at all.

    Raises:
        StorageError: the disk is full or not writable.
    """
    write_json(info.folder / RECORD, info._kept())


def read_info(folder: Path) -> RunInfo:
    """What run.json says, as of now: a run that nobody works on any more does not run.

    Raises:
        ReadError: there is none, or it is damaged.
    """
    try:
        values = json.loads((folder / RECORD).read_bytes())
        ended = values["ended"]
        subject = {name: values[name] for name in Subject.__dataclass_fields__}
        info = RunInfo(
            **{name: values[name] for name in ("run_id", "kind", "name", "experiment", "status", "done", "of")},
            **{name: values[name] for name in ("tags", "parent", "mlflow_run_id", "process")},
            started_utc=datetime.fromisoformat(values["started"]),
            ended_utc=None if ended is None else datetime.fromisoformat(ended),
            folder=folder,
            subject=Subject.from_dict(subject),
            score=None if values["score"] is None else Score(**_numbers(values["score"])),
            metrics=_numbers(values["metrics"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReadError(f"{folder / RECORD} must hold what is known of a run; it does not") from error
    return replace(info, status="KILLED") if info.status == "RUNNING" and is_abandoned(folder) else info


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in values.items()}
