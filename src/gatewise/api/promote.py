"""`gatewise.promote`, `rollback` and `history`: what is live under a name, from Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from gatewise.api.call import are_texts, speaking
from gatewise.api.evaluate import Gates, asked_gates
from gatewise.api.model import Model
from gatewise.errors import ArgumentError, RunNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatewise.champions.change import Change
    from gatewise.champions.entry import Entry

# Columns of a frame of entries, in order: what entries have beside their gates, which are no table's cell.
_TEXTS = (
    "who", "reason", "override", "run_id", "bundle", "previous", "weights_hash", "config_hash", "data_hash",
    "known_at_utc", "fallback", "prior", "hash",
)  # fmt: skip
_SCHEMA: dict[str, Any] = {
    "name": pl.String,
    "number": pl.Int64,
    "action": pl.String,
    "time": pl.Datetime("us", "UTC"),
    "restores": pl.Int64,
    "passed": pl.Boolean,
    **dict.fromkeys(_TEXTS, pl.String),
}


def promote(
    run: str | Model,
    name: str,
    gates: Gates = None,
    *,
    reason: str = "",
    override: str | None = None,
    whole_interval: bool = False,
    **bounds: Any,
) -> Change:
    """Makes a run the champion of a name if it passes its gates, as `gatewise promote` does.

    Args:
        run: a run's id (or enough of its start) or name, or what `fit` gave.
        name: letters, digits, '.', '_' and '-'.
        gates, whole_interval, bounds: as of `evaluate`; without a gate the default ones are asked.
        reason: for the history.
        override: why it is promoted although a gate fails; the history keeps it.

    Raises:
        GateError: a gate fails; nothing is written.
        ChampionChangedError: another was promoted meanwhile.
        RunNotFoundError, ConfigError, BundleError, StorageError, RegistryError.
    """
    are_texts(name=name, reason=reason, override=override)
    with speaking(True):
        from gatewise.champions.follow import followed
        from gatewise.champions.log import open_log
        from gatewise.champions.promote import candidate
        from gatewise.champions.promote import promote as promoted
        from gatewise.champions.store import open_store

        asked = asked_gates(gates, bounds, whole_interval, promote)
        judged = candidate(_run_of(run), name, asked, override=override is not None)
        return followed(promoted(judged, reason=reason, override=override), open_log(), open_store())


def rollback(name: str, to: int | str | None = None, *, reason: str = "") -> Change:
    """Makes a former champion the champion again, as `gatewise rollback` does.

    Args:
        to: an entry's number or a bundle's address; `frozen`: what was promoted before it was updated; `None`: what
            stood before the present champion.

    Raises:
        UnknownNameError, ConfigError, BundleError, ChampionChangedError, RegistryError: nothing is changed.
    """
    are_texts(name=name, reason=reason)
    from gatewise.champions.follow import followed
    from gatewise.champions.log import open_log
    from gatewise.champions.rollback import rollback as rolled_back
    from gatewise.champions.store import open_store

    return followed(rolled_back(name, to, reason=reason), open_log(), open_store())


def history(name: str | None = None) -> pl.DataFrame:
    """Every entry of a name, or of all, the oldest first; a name's last row is its champion.

    Raises:
        UnknownNameError, RegistryError: the name has no champion.
    """
    are_texts(name=name)
    from gatewise.champions.log import open_log

    log = open_log()
    if name is not None:
        log.require_champion(name)
    return _frame(log.entries(name))


def _frame(entries: Iterable[Entry]) -> pl.DataFrame:
    from datetime import datetime

    rows = [
        {text: getattr(entry, text) for text in ("name", "number", "action", "restores", *_TEXTS)}
        | {"time": datetime.fromisoformat(entry.utc), "passed": entry.gates and entry.gates["passed"]}
        for entry in entries
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _run_of(run: str | Model) -> str:
    if isinstance(run, Model):
        if run.folder is None:
            raise RunNotFoundError(
                "a bundle alone keeps no figures of test rows", 'gatewise.promote("ID of its run", …)'
            )
        return Path(run.folder).name
    if not isinstance(run, str):
        raise ArgumentError(f"a run is its id or name, or what fit gave; got {run!r}", 'gatewise.promote("ID", "NAME")')
    return run
