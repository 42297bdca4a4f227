"""Why a bundle says what it says: of its run's validation rows or of others, and of one row."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from gatewise.bundle.bundle import Bundle
from gatewise.config.schema import FeatureConfig
from gatewise.data.blocks import block_numbers
from gatewise.data.load import load_table
from gatewise.data.table import SYMBOL, TIME, Table
from gatewise.errors import ConfigError, NotEnoughRowsError, SchemaError, UnknownNameError
from gatewise.evaluation.base import Floats
from gatewise.evaluation.kinds.base import Ground
from gatewise.explain.attribution import Attribution, time_text
from gatewise.explain.gradients import BASELINES, has_gradient, window_gradients
from gatewise.explain.importance import USUAL, Groups, Importances, OnPass, Passes, permutation_importances
from gatewise.explain.in_report import Explanations, affordable
from gatewise.explain.outputs import explained
from gatewise.features.base import FeatureMatrix, Values
from gatewise.features.families import families
from gatewise.isolation import plain_numbers
from gatewise.learners.base import Trained
from gatewise.rows import newest_of
from gatewise.samples import Samples, make_samples
from gatewise.splits.base import Rows, Split
from gatewise.splits.chronological import chronological_split

_log = logging.getLogger("gatewise.explain")


def feature_groups(
    names: Sequence[str], spec: FeatureConfig, only: Sequence[str] = (), grouped: bool = False
) -> Groups:
    """What is moved together: each feature alone, or with `grouped` families of them.

    Args:
        names: of the matrix's columns.
        only: patterns of features, or of families; none: all. One that fits several is a group of them.

    Raises:
        UnknownNameError: no feature, and no family, is so called.
    """
    by_family = families(names, spec.timeframes)
    single = {name: (name,) for name in names}
    if not only:
        return by_family if grouped else single
    groups: dict[str, tuple[str, ...]] = {}
    for pattern in only:
        fitting = by_family.get(pattern) or tuple(fnmatch.filter(names, pattern))
        if not fitting:
            raise UnknownNameError("feature", pattern, (*names, *by_family))
        groups[pattern] = fitting
    return {"+".join(groups): tuple(dict.fromkeys(sum(groups.values(), ())))} if grouped else groups


def own_table(bundle: Bundle) -> Table:
    """The rows that its data section names, which are those that it was trained on, if nothing has changed them.

    Raises:
        ConfigError: it was trained on rows that came as a frame of a program's.
        GatewiseError: see `load_table`.
    """
    spec = bundle.record.config.data
    if spec.source == "frame":
        raise ConfigError(
            "the model was trained on rows that came as a frame of Python's, which are nowhere to be read again",
            "hand in the frame, or name files of its rows: data.paths=FILE",
        )
    return load_table(spec)


@plain_numbers()
def importances(
    bundle: Bundle,
    table: Table,
    *,
    own_rows: bool,
    only: Sequence[str] = (),
    grouped: bool = False,
    passes: Passes = USUAL,
    device: str = "auto",
    on_pass: OnPass = lambda done, total: None,
) -> Importances:
    """Permutation importances, see `permutation_importances`.

    Args:
        own_rows: the table is what the model's data section names; it is taken for that, too, where it holds what the
            model was trained on. Of such a table the validation rows are judged, else all with a full window and a
            label.

    Raises:
        ConfigError: the model reads no features.
        SchemaError, NotEnoughRowsError: see `Bundle.predict`; NotEnoughRowsError also for fewer than two blocks.
        UnknownNameError: no such feature.
    """
    record = bundle.record
    config = record.config
    if config.model.reads != "features":
        raise ConfigError(
            f"importances are of features; {config.model.name} reads the {config.model.reads} alone",
            "a model of features can be explained: gatewise models list",
        )
    samples = make_samples(config, table, lambda rows, _: bundle.features(rows))
    groups = feature_groups(samples.matrix.names, config.features, only, grouped)
    is_trained_on = table.fingerprint == record.data_fingerprint
    if not own_rows and not is_trained_on:
        return _importances(bundle, samples, (samples.rows, samples.rows), groups, passes, device, on_pass)
    if not is_trained_on:
        _log.warning(
            "these rows are not those that the model was trained on, which its data section named then: it may have "
            "learned from some that are taken for validation rows here"
        )
    split = chronological_split(samples.spans, config.split, table.timeframe, config.certify)
    made = _importances(bundle, samples, (split.train, split.val), groups, passes, device, on_pass)
    return replace(made, part="val")


def explanations(bundle: Bundle, samples: Samples, split: Split, trained: Trained) -> Explanations:
    """What the report of a run shows: importances of its families of features on validation rows, and the parts of the
    newest prediction of its newest part.
    """
    config, matrix = bundle.record.config, samples.matrix
    groups = families(matrix.names, config.features.timeframes)
    passes = affordable(trained, config.training.windows_per_epoch, len(groups))
    if passes is None or config.model.reads != "features":
        return Explanations()
    made = parts = None
    with suppress(NotEnoughRowsError):
        device = config.training.device
        made = replace(_importances(bundle, samples, (split.train, split.val), groups, passes, device), part="val")
    if has_gradient(bundle.predictor):
        newest = newest_of(split.test if len(split.test) else split.val, samples.table.time_us, 1)
        parts = attribution(bundle, samples.table, int(newest[0]), matrix=matrix)
    return Explanations(made, parts)


def _importances(
    bundle: Bundle,
    samples: Samples,
    rows: tuple[Rows, Rows],
    groups: Groups,
    passes: Passes,
    device: str,
    on_pass: OnPass = lambda done, total: None,
) -> Importances:
    """Of training rows and of those that are judged."""
    config, table = bundle.record.config, samples.table

    def predict(values: Values, rows: Rows) -> Floats:
        return bundle.predict_rows(table, replace(samples.matrix, values=values), rows, device)

    return permutation_importances(
        predict,
        samples.matrix,
        Ground(table, samples.labels, rows[0], season=config.evaluation.season),
        rows[1],
        groups,
        sequence_length=config.windows.sequence_length,
        horizon=config.target.horizon,
        confidence=config.evaluation.confidence,
        memory_rows=config.evaluation.block_rows,
        passes=passes,
        on_pass=on_pass,
    )


@plain_numbers()
def attribution(
    bundle: Bundle, table: Table, row: int, output: str | None = None, matrix: FeatureMatrix | None = None
) -> Attribution:
    """Integrated gradients of one prediction, see `explain.gradients`.

    Args:
        row: of the table; it must be a scorable one.
        output: see `explained`.
        matrix: the table's, where it is there already.

    Raises:
        ConfigError: the model is no network, nor a voting of networks.
        UnknownNameError: no such output.
        SchemaError: see `Bundle.predict_rows`.
    """
    record, spec = bundle.record, bundle.spec
    matrix = matrix or bundle.features(table)
    rows = np.array([row])
    predicted = bundle.predict_rows(table, matrix, rows, "cpu")
    inputs = bundle.inputs(table, matrix, rows, "cpu")
    floor = np.array([record.unseen.get(name, 0.0) for name in record.classes])
    what = explained(spec, predicted[0], floor, output)
    made = window_gradients(bundle.predictor, inputs, what)
    step, start = 1.0, 0.0
    if what.share is not None:
        ends = np.array([np.zeros(spec.num_outputs), np.ones(spec.num_outputs)])
        zero, one = (bundle.finished(table, rows, end[None])[0] @ what.share for end in ends)
        step, start = float(one - zero), float(zero)
    moved = what.share is None and record.calibrator is not None and record.calibrator.moves
    here = slice(row + 1 - len(made.parts), row + 1)
    columns = bundle.frame(table, rows, predicted).drop(SYMBOL, TIME)
    return Attribution(
        symbol=table.frame[SYMBOL][row],
        time_us=int(table.time_us[row]),
        model=record.config.model.name,
        predicted=columns.row(0, named=True),
        output=f"{what.words}, before calibration" if moved else what.words,
        unit=what.unit,
        steps_us=table.time_us[here],
        names=matrix.names,
        inputs=matrix.values[here].astype(np.float64),
        parts=made.parts * step,
        value=made.output * step + start,
        baseline_value=made.baseline_output * step + start,
        baseline=BASELINES[inputs.scaler.kind][1],
        gap=made.gap * step,
        points=made.points,
    )


def row_at(bundle: Bundle, table: Table, matrix: FeatureMatrix, time: str | datetime, symbol: str | None = None) -> int:
    """The row of a symbol that was known at a time, if a prediction can be made there.

    Args:
        time: ISO 8601, or a datetime; of no time zone: UTC. As predictions have it: when the row is known.
        symbol: `None`: the only one.

    Raises:
        ConfigError: no time, or one of several symbols is meant.
        UnknownNameError: no such symbol.
        SchemaError: no row is known at that time.
        NotEnoughRowsError: there is one, but no full window ends with it.
    """
    moment_us = _moment_us(time)
    if symbol is None and len(table.symbols) > 1:
        raise ConfigError(
            f"the rows are of {len(table.symbols)} symbols, and one prediction is of one",
            f"say which: symbol {', '.join(table.symbols[:5])}{', …' * (len(table.symbols) > 5)}",
        )
    if symbol is not None and symbol not in table.symbols:
        raise UnknownNameError("symbol", symbol, table.symbols)
    number = 0 if symbol is None else table.symbols.index(symbol)
    rows = np.flatnonzero(block_numbers(table.frame[SYMBOL]) == number)
    scorable = np.intersect1d(bundle.scorable_rows(table, matrix), rows)
    at = rows[table.time_us[rows] == moment_us]
    if len(at) and at[0] in scorable:
        return int(at[0])
    near = "give a symbol with a longer stretch of rows without a gap"
    if len(scorable):
        nearest = scorable[np.argmin(np.abs(table.time_us[scorable] - moment_us))]
        near = f"the nearest that can be explained: {time_text(int(table.time_us[nearest]))}"
    asked = f"{table.symbols[number]} at {time_text(moment_us)}"
    if len(at):
        raise NotEnoughRowsError(
            f"a prediction takes {bundle.rows_needed} gap-free rows; the row of {asked} has fewer", near
        )
    first, last = (time_text(int(table.time_us[row])) for row in (rows[0], rows[-1]))
    raise SchemaError(f"a time must be a row's; no row is of {asked} ({len(rows):,} are, {first} to {last})", near)


def _moment_us(time: str | datetime) -> int:
    try:
        moment = datetime.fromisoformat(time) if isinstance(time, str) else time
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(np.datetime64(zoned.astimezone(UTC).replace(tzinfo=None), "us").astype(np.int64))
    except (ValueError, AttributeError, OverflowError, TypeError):
        raise ConfigError(
            f"a time is written as 2022-12-24T10:00Z; got {time!r}", "of no time zone it is taken for UTC"
        ) from None
