"""What a check finds by knowing how long a row lasts: stretches of rows that step otherwise, rows off its grid."""

from __future__ import annotations

import polars as pl

from gatewise.config.schema import DataConfig, format_duration
from gatewise.data.check.finding import SHOWN, Finding
from gatewise.data.rows import Rows
from gatewise.data.steps.mixed_steps import find_stretches
from gatewise.data.steps.timeframe import most_frequent, steps_of
from gatewise.data.steps.uneven import Uneven
from gatewise.data.table import FILE, ROW, STAMP, SYMBOL, TIME
from gatewise.errors import SchemaError

_ONE_LENGTH = (
    "keep the rows of one length: data.filter.COLUMN=VALUE where a column tells them apart; else take the longer ones "
    "out (data.resample makes longer bars of the shorter)"
)


def find_mixed_steps(rows: Rows, spec: DataConfig) -> Finding:
    """Files, symbols and stretches of another step, and longer bars among those that they are made of.

    Of these alone no timeframe is true that the user may say.
    """
    whole = {(series.file, series.symbol) for series in rows.other_steps}
    stretches = [run for run in rows.stretches if (run.change[FILE], run.change[SYMBOL]) not in whole]
    examples = [series.describe(rows.files) for series in rows.other_steps]
    examples += [stretch.describe(rows.address(stretch.change)) for stretch in stretches]
    count = sum(series.count for series in rows.other_steps) + sum(stretch.count for stretch in stretches)
    remedy = _one_timeframe_at_a_time(rows) if rows.other_steps else _one_step_at_a_time(rows) if count else ""
    if rows.uneven is not None and rows.timeframe is not None:
        examples.append(rows.uneven.describe(rows.address(rows.uneven.first), rows.timeframe))
        count, remedy = count + rows.uneven.count, remedy or _longest_timeframe(rows.uneven)
    if rows.envelopes:
        examples = [envelopes.describe(rows.address(envelopes.first)) for envelopes in rows.envelopes] + examples
        count, remedy = count + sum(envelopes.count for envelopes in rows.envelopes), _ONE_LENGTH
    blocks = bool(rows.envelopes) or spec.timeframe is None
    return Finding("mixed_steps", count, blocks, tuple(examples[:SHOWN]), remedy)


def refuse_mixed_steps(rows: Rows, spec: DataConfig) -> None:
    """Refuses rows among which some last longer, or less, than the others, unless the user says what a row lasts.

    Raises:
        SchemaError: names a longer bar among those that it is made of, a file and symbol of another step, the row where
            the step changes, or one of a longer period.
    """
    if rows.envelopes:
        first = rows.envelopes[0]
        raise SchemaError(f"{first.describe(rows.address(first.first))}: bars of two lengths in one table", _ONE_LENGTH)
    if rows.timeframe is None or spec.timeframe is not None:
        return
    if rows.other_steps:
        raise SchemaError(
            f"{rows.other_steps[0].describe(rows.files)}; the timeframe of the other rows is "
            f"{format_duration(rows.timeframe)}",
            _one_timeframe_at_a_time(rows),
        )
    if rows.uneven is not None and not rows.stretches:
        text = rows.uneven.describe(rows.address(rows.uneven.first), rows.timeframe)
        raise SchemaError(f"{text}: periods of several lengths", _longest_timeframe(rows.uneven))
    if not rows.stretches:
        return
    stretch, *more_stretches = rows.stretches
    more = f" ({len(more_stretches)} more such stretches)" if more_stretches else ""
    raise SchemaError(
        f"{stretch.describe(rows.address(stretch.change))}, the timeframe of the other rows is "
        f"{format_duration(rows.timeframe)}{more}",
        _one_step_at_a_time(rows),
    )


def _longest_timeframe(uneven: Uneven) -> str:
    return f'data.timeframe="{format_duration(uneven.longest)}", the longest of them, has no row used before its end'


def find_off_grid_rows(rows: Rows) -> Finding:
    """Rows that are off the grid of the timeframe and were kept."""
    remedy = 'a bar that was still running, above all the last one? data.off_grid="drop" leaves such rows out'
    if rows.off_grid is None or rows.off_grid.is_empty():
        return Finding("off_grid", 0, False, (), remedy)
    odd = rows.frame.join(rows.off_grid, on=[SYMBOL, STAMP], how="semi", maintain_order="left")
    examples = tuple(rows.address(row) for row in odd.head(SHOWN).iter_rows(named=True))
    return Finding("off_grid", odd.height, False, examples, remedy)


def _one_timeframe_at_a_time(rows: Rows) -> str:
    """Thin rows may be of the timeframe all the same; whole other steps can't be made of it."""
    assert rows.timeframe is not None
    first = rows.other_steps[0]
    thin = not first.regular or not first.step % rows.timeframe
    common = format_duration(rows.timeframe)
    insist = f'; only if every row lasts {common} and the others are absent: data.timeframe="{common}"' if thin else ""
    return f"load files and symbols of one timeframe at a time{insist}"


def _one_step_at_a_time(rows: Rows) -> str:
    """How to leave a stretch out; the row where the step changes may be of either length, and goes too."""
    if rows.timeframe is None:
        return ""
    cut = "data.start and data.end take the rows of one step"
    if len(rows.stretches) == 1:
        (stretch,) = rows.stretches
        is_change = (pl.col(name) == stretch.change[name] for name in (FILE, ROW))
        moment = rows.frame.filter(*is_change)[TIME]
        begin = moment + rows.timeframe
        if len(moment) and stretch.first and _are_of_one_step(rows, pl.col(TIME) >= begin[0]):
            cut = f'data.start="{begin[0]:%Y-%m-%dT%H:%M:%S}" takes the rows after it'
        elif len(moment) and not stretch.first and _are_of_one_step(rows, pl.col(TIME) < moment[0]):
            cut = f'data.end="{moment[0]:%Y-%m-%dT%H:%M:%S}" takes the rows before it'
    common = format_duration(rows.timeframe)
    return f'{cut}; only if every row lasts {common} and the others are absent: data.timeframe="{common}"'


def _are_of_one_step(rows: Rows, kept: pl.Expr) -> bool:
    """Whether a cut leaves rows of the timeframe alone."""
    steps = steps_of(rows.frame.filter(kept))
    step, _ = most_frequent(steps)
    return step is not None and step == rows.timeframe and not find_stretches(steps, step)
