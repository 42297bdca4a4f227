"""The ledger of looks: a line of JSON for each time that a model was judged on rows, in `$GATEWISE_HOME/looks.jsonl`.

It is append-only, and no removal of runs takes lines from it: that a model is gone does not undo that it was looked at.
A line is one write to the end of the file under a lock of the home. It begins with its own line break, so that what a
killed writer left torn spoils no line but itself; torn lines are skipped and counted. 100,000 lines are read within a
second.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from gatewise.errors import ReadError, StorageError
from gatewise.files import atomic_file, home
from gatewise.locks import one_after_another

SCHEMA = 1  # of a line; a reader refuses later ones, as it would count too few looks


class Look(NamedTuple):
    """One judging of one model on rows that it had not learned from.

    Attributes:
        run_id: of the run that judged.
        kind: of that run, as in run.json: train, or cv, whose lines are a look each.
        model: its name; of a line of a cross-validation with its horizon, lstm@20.
        config: digest of what was asked for; with the same rows it makes the same model.
        epochs: that it had learned for; 0 where that is not one number.
        fingerprint: of the whole table.
        symbols: of the judged rows.
        part: test or val of a run; folds.
        first_us, last_us: times of the first and of the last judged row, UTC.
        metric: that decided; lower is better.
        value, baseline, baseline_value: in it, of the model and of the best baseline; of folds the prior.
        gain: baseline minus model, paired on the same rows; above 0 the model is ahead.
        error: the gain's standard error; `None` where the rows give none. freedom: its degrees of freedom.
        sharpe, sharpe_error: after cost, a year; `None` where there is no account, or its rows give no interval.
        utc: when it was judged, ISO 8601.
    """

    run_id: str
    kind: str
    model: str
    config: str
    epochs: int
    fingerprint: str
    symbols: tuple[str, ...]
    part: str
    first_us: int
    last_us: int
    metric: str
    value: float
    baseline: str
    baseline_value: float
    gain: float
    error: float | None
    freedom: int
    sharpe: float | None
    sharpe_error: float | None
    utc: str

    @property
    def judged_model(self) -> tuple[str, str, int, str, int, int]:
        """What tells one judged model from another: a rerun of one config on the same rows is the same model again."""
        return self.config, self.model, self.epochs, self.fingerprint, self.first_us, self.last_us


_KINDS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (str, ("run_id", "kind", "model", "config", "fingerprint", "part", "metric", "baseline", "utc")),
    (int, ("epochs", "first_us", "last_us", "freedom")),
    (int | float, ("value", "baseline_value", "gain")),
    (int | float | None, ("error", "sharpe", "sharpe_error")),
)


class Ledger(NamedTuple):
    """What the ledger holds: the lines in the order in which they came, and how many were torn."""

    looks: tuple[Look, ...]
    torn: int


def ledger_file() -> Path:
    """`$GATEWISE_HOME/looks.jsonl`."""
    return home() / "looks.jsonl"


def begin(earlier: Iterable[Look]) -> None:
    """Makes the ledger of what was looked at before there was one, whole or not at all; one that is there stays.

    Raises:
        StorageError: the home can't be written.
        ConfigError: another process holds it for a minute.
    """
    with one_after_another(home(), "the ledger of looks"):
        if not ledger_file().exists():
            with atomic_file(ledger_file()) as temporary:
                temporary.write_bytes(_lines(earlier))


def record(*looks: Look) -> None:
    """Adds looks at the end, all or, where the write is cut off, those whose lines are whole.

    Raises:
        StorageError: the home can't be written, or the disk is full.
        ConfigError: another process holds the ledger for a minute.
    """
    data, path = _lines(looks), ledger_file()
    with one_after_another(home(), "the ledger of looks"):
        try:
            with path.open("ab", buffering=0) as file:
                written = file.write(data)
                os.fsync(file.fileno())
        except OSError as error:
            raise _refused(error.strerror or str(error)) from error
    if written != len(data):
        raise _refused("the disk is full")


def read() -> Ledger:
    """All of it; empty where there is none yet.

    Raises:
        ReadError: it can't be read, or a line is of a later version, which may count what this one does not know.
    """
    try:
        lines = ledger_file().read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return Ledger((), 0)
    except OSError as error:
        raise ReadError(f"can't read {ledger_file()}: {error.strerror}", "see who may read that file") from error
    looks, torn = [], 0
    for line in filter(None, lines):
        try:
            looks.append(_look(json.loads(line, parse_constant=_refuse)))
        except (ValueError, TypeError, KeyError, RecursionError):
            torn += 1
    return Ledger(tuple(looks), torn)


def _lines(looks: Iterable[Look]) -> bytes:
    lines = [json.dumps({"schema": SCHEMA, **look._asdict()}, allow_nan=False) for look in looks]
    return "".join(f"\n{line}\n" for line in lines).encode()


def _look(values: Any) -> Look:
    if not isinstance(values, dict):
        raise TypeError("no mapping")
    schema = values.pop("schema")
    if schema > SCHEMA:
        raise ReadError(
            f"{ledger_file()} holds looks that a later version of gatewise wrote (schema {schema})",
            "use that version to judge on these rows",
        )
    values["symbols"] = tuple(values["symbols"])
    look = Look(**values)
    if not all(isinstance(getattr(look, name), kind) for kind, names in _KINDS for name in names):
        raise TypeError("a value of another type")
    return look


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _refused(why: str) -> StorageError:
    return StorageError(f"can't write {ledger_file()}: {why}", "set GATEWISE_HOME to a place that can be written")
