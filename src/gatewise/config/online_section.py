"""The section `online`: whether models are updated as labels settle, how often, and by which recipe."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer

from gatewise.config.durations import format_duration, parse_duration
from gatewise.config.section import Section

LENGTHS = {"day": timedelta(days=1), "week": timedelta(days=7)}
WARM_RATE = 0.1  # of `training.learning_rate`, where the section names none


def _parse(value: Any) -> Any:
    """`5` of a command line is a number; `6h` a length of time."""
    if value is None or (isinstance(value, str) and value in LENGTHS):
        return value
    with suppress(ValueError):
        parsed = int(value) if isinstance(value, str) and value.strip().isdecimal() else parse_duration(value)
        if (isinstance(parsed, int) and parsed >= 1) or (isinstance(parsed, timedelta) and parsed > timedelta(0)):
            return parsed
    raise ValueError("must be day, week, a number of rows from 1 or a length of time like 6h")


def _write(value: Any) -> Any:
    return format_duration(value) if isinstance(value, timedelta) else value


Every = Annotated[Literal["day", "week"] | int | timedelta | None, BeforeValidator(_parse), PlainSerializer(_write)]


class OnlineConfig(Section):
    """Before each stretch of rows to be predicted a model learns from the newest rows whose labels are settled."""

    # a day or week of the market's, a length of time, or so many moments; None: models stay as they were trained
    every: Every = None
    # warm: a network and its optimizer go on; refit: everything is fitted anew, scalers among it
    how: Literal["warm", "refit"] = "warm"
    passes: int = Field(1, ge=1)  # warm: times that a network sees the recent rows
    recent: int | None = Field(None, ge=1)  # warm: so many of the newest settled rows; None: as many as it trained on
    learning_rate: float | None = Field(None, gt=0)  # warm: constant; None: a tenth of training.learning_rate
    # what is fitted anew learns from so many of the newest settled rows; None: from all
    window: int | None = Field(None, ge=1)

    @property
    def stretch(self) -> timedelta | int | None:
        """How long models stay as they are: a length of time, or a number of moments."""
        return LENGTHS[self.every] if isinstance(self.every, str) else self.every

    @property
    def goes_on(self) -> bool:
        """Whether networks go on from where training left them."""
        return self.every is not None and self.how == "warm"

    def warm_rate(self, learning_rate: float) -> float:
        """The rate of warm updates of a network that was trained at this one."""
        return self.learning_rate or WARM_RATE * learning_rate

    @property
    def words(self) -> str:
        """How often, for people: every day, every 5 rows."""
        if isinstance(self.every, int):
            return f"every {self.every} rows" if self.every > 1 else "every row"
        return f"every {_write(self.every)}"
