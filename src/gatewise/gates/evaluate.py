"""A run held against gates, with the page beside it: what the command and Python's call both do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from gatewise.config.schema import model_config
from gatewise.errors import ConfigError, StorageError
from gatewise.gates.checks import check, on_symbol
from gatewise.gates.gate import Gate
from gatewise.gates.results import GateResults
from gatewise.loading import traceless
from gatewise.registry.info import RunInfo
from gatewise.registry.listing import info_of

PAGE = "gates.html"

_log = logging.getLogger("gatewise.gates")


def evaluate_run(
    folder: Path,
    gates: Sequence[Gate],
    symbol: str | None = None,
    model_type: str | None = None,
    champion: Path | None = None,
    page: Path | None = None,
) -> tuple[GateResults, Path | None]:
    """The results, and their page; `None` where its usual place, the run's folder, can't be written.

    Args:
        folder: of the run.
        symbol: whose rows alone are judged, of a run of several; `None`: all.
        model_type: which kind the model must be; `None`: any.
        champion: the folder of the run in use, than which the run must not be shown to be worse where no gate says it
            otherwise; `None`: none is.
        page: `None`: gates.html in the run's folder.

    Raises:
        RunNotFoundError, ReadError, ConfigError: see `check`; another symbol or kind than was said.
        StorageError: the page that was asked for can't be written.
    """
    info = info_of(folder)
    _require_kind(info, model_type)
    if symbol is not None:
        _require_symbol(info, symbol)
        gates = on_symbol(gates, symbol) if len(info.subject.symbols) > 1 else gates
    beside = [gate for gate in gates if gate.metric == "gain_over_champion"]
    if champion is not None and not beside:
        gates = (*gates, Gate("gain_over_champion", at_least=0, of="high"))
    if champion is None and any(gate.required for gate in beside):
        raise ConfigError("a gain over the champion takes a run to be compared with; got none", 'against="ID"')
    results = check(info.folder, gates, champion=champion)
    with traceless():
        from gatewise.gates.page import write_gates_page

    place = page.expanduser() if page is not None else info.folder / PAGE
    try:
        write_gates_page(place, results)
    except StorageError as error:
        if page is not None:
            raise
        _log.warning("the page was not written: %s", error.message)
        return results, None
    return results, place


def _require_kind(info: RunInfo, wanted: str | None) -> None:
    models = ", ".join(info.subject.models)
    if wanted is not None and model_config(wanted) and wanted not in info.subject.models:
        raise ConfigError(f"run {info.run_id[:8]} must be of a {wanted}; it is of {models}", "gatewise runs list")


def _require_symbol(info: RunInfo, wanted: str) -> None:
    symbols = info.subject.symbols
    if wanted not in symbols:
        shown = ", ".join(symbols[:5]) + ", …" * (len(symbols) > 5)
        raise ConfigError(
            f"run {info.run_id[:8]} must predict {wanted}; it predicts {shown}",
            "name a symbol that it predicts, or none: all of its rows are judged; gatewise runs list has other runs",
        )
