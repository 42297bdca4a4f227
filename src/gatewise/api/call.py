"""What all functions of Python's share: rows and settings that they were called with, and how they speak."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

from gatewise.api.data import Given, given
from gatewise.api.settings import read_settings, resolve
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ArgumentError, Interrupted

Config = str | Path | Mapping[str, Any] | ExperimentConfig | None


class Call:
    """Rows and settings of a call.

    Args:
        data, config, settings, preset: see `fit`.
        said: settings that came as keywords.
        function: that was called, whose own keywords are listed beside settings where one is not known.

    Raises:
        ArgumentError, UnknownKeywordError, ConfigError, ReadError: see `given`, `read_settings` and `resolve`.
    """

    def __init__(
        self,
        data: Any,
        config: Config,
        settings: Mapping[str, Any] | None,
        said: Mapping[str, Any],
        function: Callable[..., object],
        preset: str | Path | None = None,
    ) -> None:
        self.rows: Given = given(data)
        arguments = signature(function).parameters.keys() - {"said"}
        self.overrides = read_settings(settings or {}, said, fixed=self.rows.fixed, arguments=arguments)
        self.rows.refuse(self.overrides)
        self._config, self._preset = config, preset

    @property
    def fields(self) -> frozenset[str]:
        """Dotted names of the settings that were said."""
        return frozenset(self.overrides.keys() - self.rows.fixed.keys())

    @property
    def says_anything(self) -> bool:
        """Whether there is anything beside rows."""
        return self._config is not None or self._preset is not None or bool(self.fields)

    def config(
        self, compared: Iterable[str] = (), below: Mapping[str, Any] | None = None, **more: Any
    ) -> ExperimentConfig:
        """The config; see `resolve`."""
        return resolve(self._config, self.overrides | more, compared, self._preset, below)


def are_texts(**said: object) -> None:
    """Raises ArgumentError unless each of a call's own arguments is a text or `None`."""
    for name, value in said.items():
        if value is not None and not isinstance(value, str):
            raise ArgumentError(f"{name} is a text; got {value!r}", f'{name}="{value}"')


def are_counts(**said: object) -> None:
    """Raises ArgumentError unless each of a call's own arguments is a whole number from 0 or `None`."""
    for name, value in said.items():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise ArgumentError(f"{name} is a whole number from 0; got {value!r}", f"{name}=1, or leave it out")


@contextmanager
def speaking(progress: bool) -> Iterator[None]:
    """A block whose notes, on how rows were read above all, go to stderr, if nobody has said where logs go.

    Ctrl-C in it, before there is anything to go on with, is one `Interrupted`.
    """
    logger = logging.getLogger("gatewise")
    before = logger.level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    speaks = progress and not logger.hasHandlers()
    if speaks:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():  # a package of a package's, of a bar that notebooks could have
            warnings.filterwarnings("ignore", "IProgress not found")
            yield
    except KeyboardInterrupt:
        raise Interrupted("before there was anything to keep") from None
    finally:
        if speaks:
            logger.removeHandler(handler)
            logger.setLevel(before)
