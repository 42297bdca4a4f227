"""How files of new rows are read: as the training files were, unless something else is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig, ExperimentConfig
from gatewise.data.market.sessions import NO_CALENDAR
from gatewise.data.table import Table
from gatewise.errors import ConfigError

# What chose the training rows; new rows are all wanted. A store's are, of the symbols that training named.
CHOICE = {"source": "files", "paths": (), "symbols": (), "start": None, "end": None}
_STORES = ("lake", "sql")
# Which sources know what a field is about; from the others it is left out unless it is said anew.
_KNOWN_TO = {
    "format": ("files",),
    "filter": ("files", "frame", "sql"),
    "encoding": ("files",),
    "columns_are": ("files",),
    "thousands": ("files", "frame", "sql"),
    "decimal": ("files", "frame", "sql"),
    "adjusted": ("files",),
}


def reading_config(
    trained: ExperimentConfig, file: Path | None, assignments: Iterable[str], overrides: Mapping[str, Any]
) -> DataConfig:
    """The data section for new rows; the arguments are those of `load_config` and may change this section alone.

    Raises:
        ConfigError: an invalid setting, or one that concerns anything but data.
    """
    calendar = trained.data.calendar or NO_CALENDAR  # a source may bring one of its own, which training had not
    base = trained.model_copy(update={"data": trained.data.model_copy(update={**CHOICE, "calendar": calendar})})
    config = load_config(file, assignments, overrides, base=base.to_dict())
    for section in ExperimentConfig.model_fields:
        if section != "data" and getattr(config, section) != getattr(trained, section):
            raise ConfigError(
                f"a trained model takes settings of data alone; got others for {section}", "train anew to change them"
            )
    data, plain = config.data, DataConfig()
    strange = [field for field, sources in _KNOWN_TO.items() if data.source not in sources]
    unchanged = [field for field in strange if getattr(data, field) == getattr(trained.data, field)]
    data = data.model_copy(update={field: getattr(plain, field) for field in unchanged})
    return _of_its_symbols(data, trained.data) if data.source in _STORES else data


def _of_its_symbols(given: DataConfig, trained: DataConfig) -> DataConfig:
    """Of a store the symbols that are said, else those that training named."""
    if given.symbol != trained.symbol:
        return given
    return given.model_copy(update={"symbol": None} if given.symbols else {"symbols": trained.symbols})


def with_calendar(config: ExperimentConfig, table: Table) -> ExperimentConfig:
    """The config with the table's calendar, which its source or `data.session` brought, and its kind of prices.

    New rows are read by them too.
    """
    prices = "any" if table.any_prices else "positive"
    data = config.data.model_copy(update={"calendar": table.calendar, "session": None, "prices": prices})
    return config.model_copy(update={"data": data})
