"""What is recorded about a run, read back as one frozen record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatewise.evaluation.verdict import TONES, Judgement, Verdict, read_judgement
from gatewise.locks import is_abandoned

VERDICT, HEADLINE = "gatewise.verdict", "gatewise.headline"  # the tags in which a run's verdict is kept

# What a listing shows of a part, first found first; the last is the trainer's own, there before any evaluation.
_KEY_METRICS = ("{part}/macro_f1", "{part}/rmse", "{part}/mae", "{part}_f1", "{part}_loss")


@dataclass(frozen=True)
class RunInfo:
    """A run as the tracker knows it; not to be confused with `Run`, which writes.

    Attributes:
        run_id: MLflow's, 32 hex digits.
        name: of the experiment, `config.name`.
        status: RUNNING, FINISHED, FAILED or KILLED: interrupted, or its process is gone, of which MLflow says RUNNING.
        metrics: the last value of each name: the trainer's `val_loss`, the evaluation's `test/macro_f1`.
        params: the flattened config as text, long values cut; config.yaml in `folder` is whole.
        folder: where the run's files lie if it ran with this GATEWISE_HOME.
    """

    run_id: str
    name: str
    status: str
    started_utc: datetime
    ended_utc: datetime | None
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    folder: Path

    @property
    def model(self) -> str:
        return self.params.get("model.name", "")

    @property
    def verdict(self) -> Verdict | None:
        """Better, undecided, worse or too_few; `None` where the run was not judged."""
        value = self.tags.get(VERDICT)
        return next((verdict for verdict in TONES if verdict == value), None)

    @property
    def headline(self) -> str | None:
        """The verdict as a sentence."""
        return self.tags.get(HEADLINE)

    @property
    def judgement(self) -> Judgement | None:
        """Of verdict and headline; `None` where the run was not judged."""
        return None if self.verdict is None else read_judgement(self.verdict, self.headline or "")

    @property
    def duration_seconds(self) -> float | None:
        """From start to end; None while it runs, or where its process was gone before it could say."""
        return None if self.ended_utc is None else (self.ended_utc - self.started_utc).total_seconds()

    def key_metric(self, part: str) -> tuple[str, float] | None:
        """The first of the telling metrics that was recorded for `val` or `test`: its name and value."""
        names = (name.format(part=part) for name in _KEY_METRICS)
        return next(((name, self.metrics[name]) for name in names if name in self.metrics), None)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file in the run's folder, sorted; hidden ones are of processes that work in it."""
        return tuple(sorted(path for path in self.folder.rglob("[!.]*") if path.is_file()))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; a metric that is no finite number becomes null."""
        return {
            "run_id": self.run_id,
            "name": self.name,
            "model": self.model,
            "status": self.status,
            "started": self.started_utc.isoformat(),
            "ended": None if self.ended_utc is None else self.ended_utc.isoformat(),
            "duration_seconds": self.duration_seconds,
            "verdict": self.verdict,
            "headline": self.headline,
            "beats_baseline": None if self.judgement is None else self.judgement.beats_baseline,
            "metrics": {name: value if math.isfinite(value) else None for name, value in self.metrics.items()},
            "folder": str(self.folder),
        }


def read_info(run: Any, name: str, folder: Path) -> RunInfo:
    """From MLflow's own `Run` entity; a run that was taken up again keeps its old end there, which is not its end."""
    info = run.info
    gone = info.status == "RUNNING" and is_abandoned(folder)
    running = info.status == "RUNNING" or not info.end_time
    return RunInfo(
        run_id=info.run_id,
        name=name,
        status="KILLED" if gone else info.status,
        started_utc=_time(info.start_time),
        ended_utc=None if running else _time(info.end_time),
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        folder=folder,
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
