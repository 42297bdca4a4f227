"""The models by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gatewise.config.schema import MODEL_CONFIGS
from gatewise.estimator.model import SequenceModel
from gatewise.parts import own_names


class ModelRegistry:
    """The zoo for arrays."""

    @staticmethod
    def names() -> list[str]:
        """The models that `create` knows; of one's own, those that packages bring by entry points."""
        return sorted({*MODEL_CONFIGS, *own_names("model")})

    @staticmethod
    def create(name: str, **fields: Any) -> SequenceModel:
        """`SequenceModel(name, **fields)`, whose settings are checked at once and not first in `fit`.

        Raises:
            UnknownNameError: an unknown model or field; the nearest is listed.
            ConfigError: a value out of range.
        """
        model = SequenceModel(name, **fields)
        _ = model.config
        return model

    @staticmethod
    def load(folder: str | Path) -> SequenceModel:
        """A model that `SequenceModel.save` wrote; see `SequenceModel.load`."""
        return SequenceModel.load(folder)
