"""TensorBoard's event files, written by its own record writer: what its page shows while a run trains.

Neither TensorFlow nor torch's own writer is loaded: the two modules that are take 0.2 s.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from gatewise.errors import MissingExtraError, StorageError


def require_tensorboard() -> None:
    """Raises MissingExtraError where the extra is absent."""
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401  # its absence is the question
    except ImportError as error:
        raise MissingExtraError("tensorboard", "tensorboard") from error


class EventFile:
    """A training listener that appends each epoch's numbers to an event file in `folder`.

    A run that goes on opens a file of its own, which tells TensorBoard to forget what was said from its first epoch on;
    so an epoch that was trained twice is shown once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path: Path | None = None

    def on_step(self, epoch: int, step: int, num_steps: int) -> None:
        """Steps are too many to keep."""

    def on_message(self, text: str) -> None:
        """Messages are no numbers."""

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Appends one epoch's numbers: `train_loss` as loss/train, so that it shares a picture with loss/val.

        Raises:
            StorageError: the disk is full or not writable.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary

        now, is_new = time.time(), self._path is None
        events = []
        if self._path is None:
            self._path = self.folder / f"events.out.tfevents.{epoch:010d}.gatewise"
            events = [
                Event(wall_time=now, file_version="brain.Event:2"),
                Event(wall_time=now, step=epoch, session_log=SessionLog(status=SessionLog.START)),
            ]
        values_written = [Summary.Value(tag=_tag(name), simple_value=value) for name, value in values.items()]
        events.append(Event(wall_time=now, step=epoch, summary=Summary(value=values_written)))
        _write(self._path, "wb" if is_new else "ab", [event.SerializeToString() for event in events])


def _tag(name: str) -> str:
    part, _, rest = name.partition("_")
    return f"{rest}/{part}" if part in ("train", "val") else name


def _write(path: Path, mode: str, records: list[bytes]) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode) as file:
            writer = RecordWriter(file)
            for record in records:
                writer.write(record)
    except OSError as error:
        raise StorageError(f"can't write {path}: {error.strerror}", "free some space, or set GATEWISE_HOME") from error
