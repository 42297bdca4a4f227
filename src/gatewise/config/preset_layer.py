"""Presets of whole experiments: a layer between the model's preset and the file, built in or a file of one's own.

Built in are the files of config/presets/; the first line of each says what it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

import yaml

from gatewise.config.layers import Layer, read_layer
from gatewise.config.parsing import read_mapping
from gatewise.config.schema import model_config
from gatewise.config.ticker import is_ticker
from gatewise.errors import ConfigError, entry

_SUFFIXES = (".yaml", ".yml", ".json")


def preset_summaries() -> dict[str, str]:
    """What each built-in preset is for, by its name."""
    return {
        name: file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").rstrip(".")
        for name, file in _built_in().items()
    }


def preset_values(preset: str | Path) -> dict[str, Any]:
    """What a preset says, as it is written; see `preset_layers`."""
    if not _is_file(preset):
        text = entry("preset", str(preset), _built_in()).read_text(encoding="utf-8")
        return cast(dict[str, Any], yaml.safe_load(text))
    values = read_mapping(Path(preset).expanduser(), "preset")
    if is_ticker(values):
        raise ConfigError(f"preset {preset} is a ticker config, which lies on a preset of its own", f"config={preset}")
    return values


def preset_layers(preset: str | Path) -> list[Layer]:
    """The layers of a preset.

    Args:
        preset: the name of a built-in one, or a YAML or JSON file.

    Raises:
        UnknownNameError: neither a built-in one nor a file's name.
        ReadError, ConfigError: the file can't be read, or is no config; see `load_config`.
    """
    return read_layer(preset_values(preset).items())


def fit_to_model(layers: Sequence[Layer], model: str) -> None:
    """Takes out of a preset's layers, in place, what only the model that it was written for reads."""
    config = model_config(model)
    for layer in layers:
        section = layer.values.get("model", {})
        for field in section.keys() - config.model_fields.keys():
            del section[field]
        if config.consumes == "rows" and "training" in layer.values:
            layer.values["training"] = {k: v for k, v in layer.values["training"].items() if k == "seed"}


def _is_file(preset: str | Path) -> bool:
    """Whether it is a path; a bare word never is, so that no file of the folder hides a built-in preset."""
    return isinstance(preset, Path) or Path(preset).name != preset or preset.endswith(_SUFFIXES)


def _built_in() -> dict[str, Traversable]:
    files = resources.files("gatewise.config").joinpath("presets").iterdir()
    return {file.name.removesuffix(".yaml"): file for file in sorted(files, key=lambda file: file.name)}
