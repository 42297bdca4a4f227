"""How files of new rows are read: as the training files were, unless something else is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig, ExperimentConfig
from gatewise.errors import ConfigError

# What chose the training rows; new rows are all wanted.
_CHOICE = {"source": "files", "paths": (), "symbols": (), "start": None, "end": None}


def reading_config(
    trained: ExperimentConfig, file: Path | None, assignments: Iterable[str], overrides: Mapping[str, Any]
) -> DataConfig:
    """The data section for new rows; the arguments are those of `load_config` and may change this section alone.

    Raises:
        ConfigError: what is said can't be, or concerns anything but data.
    """
    base = trained.model_copy(update={"data": trained.data.model_copy(update=_CHOICE)})
    config = load_config(file, assignments, overrides, base=base.to_dict())
    for section in ExperimentConfig.model_fields:
        if section != "data" and getattr(config, section) != getattr(trained, section):
            raise ConfigError(
                f"a trained model takes settings of data alone; got others for {section}", "train anew to change them"
            )
    return config.data
