"""Spans of samples from what people have at hand: when each label is known, or how many samples ahead it looks.

Times and plain positions are alike to a purge: positions stand for themselves, in steps of one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from gatewise.config.durations import parse_duration
from gatewise.errors import ConfigError, QualityError
from gatewise.splits.base import Rows, Spans

_KINDS = "times (datetimes) or positions (whole numbers)"


def spans_of_positions(num_samples: int, horizon: int, steps: int = 1) -> Spans:
    """Of samples in order of time, one step apart, whose labels are known `horizon` samples on."""
    row = np.arange(num_samples)
    return Spans(row, row - (steps - 1), row, row + horizon)


def spans_of_labels(ends: Any, times: Any = None, horizon: int | None = None, steps: int = 1) -> tuple[Spans, bool]:
    """Of labels that are known at `ends`, or `horizon` samples after their own; and whether they are times.

    Args:
        ends: [samples], when each label is known; a pandas Series' index says when it is predicted, if `times` does
            not. `None`: `horizon` says it.
        times: [samples], when each is predicted, the moment its inputs are known. With `ends` in any order, of any
            number of symbols; else ascending, of one. `None` and no index: the samples' positions.
        horizon: with `times`; samples ahead.
        steps: samples that an input reaches back over, its own among them; more than one needs ascending times.

    Raises:
        QualityError: other types, lengths or order; a value that is missing; a label known before its own sample.
    """
    if times is None:
        index = getattr(ends, "index", None)  # lists have a method of that name
        times = np.arange(len(ends)) if index is None or callable(index) else index
    time_us, kind = _moments(times, "times")
    end_us, end_kind = (time_us, kind) if ends is None else _moments(ends, "label_ends")
    if end_kind != kind:
        raise QualityError(
            f"label_ends and times must be of one kind, {_KINDS}; got {end_kind} and {kind}",
            "times=, or a Series whose index holds them, says when each sample is predicted",
        )
    if len(end_us) != len(time_us):
        raise QualityError(
            f"label_ends and times must be equally many; got {len(end_us)} and {len(time_us)}", "one a sample"
        )
    if (horizon is not None or steps > 1) and not (np.diff(time_us) > 0).all():
        raise QualityError(
            "times must ascend where a horizon or sequence_length counts samples",
            "of several symbols give label_ends alone, or rows in order of time",
        )
    row = np.arange(len(time_us))
    # Beyond the last sample nothing is trained on or tested, so a label known later is as good as known there.
    if ends is None:
        end_us = time_us[np.minimum(row + (horizon or 0), len(row) - 1)]
    if early := int((end_us < time_us).sum()):
        raise QualityError(
            f"a label must be known at its sample's time or later; {early} of label_ends are earlier",
            "times= says when each sample is predicted",
        )
    return Spans(row, time_us[np.maximum(row - (steps - 1), 0)], time_us, end_us), kind != "positions"


def embargo_of(embargo: Any, are_times: bool | None) -> timedelta:
    """An embargo as a time, one sample as a microsecond.

    Args:
        embargo: a timedelta or text like `1d`, between times; a whole number of samples, between positions.
        are_times: what it lies between; `None`: not known, and either is taken.

    Raises:
        ConfigError: of the other kind, or below 0.
    """
    value: Any = None
    if isinstance(embargo, np.timedelta64):  # NumPy's are integers, too
        embargo = embargo.astype("timedelta64[us]").item()
    if isinstance(embargo, int | np.integer) and not isinstance(embargo, bool):
        value = timedelta(microseconds=int(embargo)) if embargo == 0 or not are_times else None
    elif are_times is not False:
        try:
            value = parse_duration(embargo)
        except ValueError as error:
            raise ConfigError(f"embargo: {error}; got {embargo!r}", 'embargo="1d"') from error
    if not isinstance(value, timedelta) or value < timedelta(0):
        wanted, example = ("a length of time", '"1d"') if are_times else ("a number of samples", "5")
        raise ConfigError(f"embargo must be {wanted}, 0 or more; got {embargo!r}", f"embargo={example}")
    return value


def _moments(values: Any, name: str) -> tuple[Rows, str]:
    """Microseconds since the epoch, or positions, int64; and which of these."""
    zone = getattr(getattr(values, "dtype", None), "tz", None)
    if zone is not None:  # pandas' times of a zone, which other libraries take off with a warning
        values = getattr(values, "dt", values).tz_convert(None).to_numpy()
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    try:
        series = values if isinstance(values, pl.Series) else pl.Series(values)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise QualityError(f"{name} must be {_KINDS}; {' '.join(str(error).split())}", "one a sample") from error
    if not (series.dtype.is_integer() or isinstance(series.dtype, pl.Datetime) or series.dtype == pl.Date):
        raise QualityError(f"{name} must be {_KINDS}; got {series.dtype}", "pd.to_datetime makes times of text")
    if gone := series.null_count():
        raise QualityError(
            f"{name} must hold a value for every sample; {gone:,} of {len(series):,} are missing",
            "leave those samples out of X, y and label_ends: their labels are not known",
        )
    if series.dtype.is_integer():
        return series.cast(pl.Int64).to_numpy(), "positions"
    own_zone = getattr(series.dtype, "time_zone", None)
    moments = series.cast(pl.Datetime("us", own_zone)).to_physical().to_numpy()  # of UTC, where there is a zone
    return moments, "times without a zone" if zone is None and own_zone is None else "times of a zone"
