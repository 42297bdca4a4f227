"""What all trainings of a cross-validation share, made once: the table, its features, and by horizon labels and folds.

It travels as named arrays and a few JSON values, so that one form serves them all: files mapped into every worker
process (pages in memory once, however many workers), or Ray's object store. A worker gets the folder, never the data.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import SYMBOL, Table
from gatewise.errors import NotEnoughRowsError
from gatewise.features.base import FeatureMatrix
from gatewise.features.cache import cached_features
from gatewise.files import atomic_folder, write_json
from gatewise.samples import Samples, make_samples
from gatewise.splits.base import Rows, Spans
from gatewise.splits.folds import FoldSplit, make_folds
from gatewise.targets.base import Labels
from gatewise.targets.history import History, with_history
from gatewise.targets.outputs.table import spec_from_dict, spec_to_dict

ALL = "all"  # the symbol of what was trained on, or judged on, every symbol together

Arrays = dict[str, npt.NDArray[Any]]
_META = "meta.json"
_TABLE = ("calendar", "any_prices", "late_months")
_MICROSECOND = timedelta(microseconds=1)
_FOLD_ROWS = ("train", "val", "test", "purged", "embargoed")
_MAYBE = ("known_by_output", "start")  # arrays of labels that not all have
_HISTORY = ("means", "quarticity", "returns")  # likewise, of labels that have a history
_SPANS = ("row", "first_us", "time_us", "last_us")


@dataclass(frozen=True)
class Horizon:
    """One horizon's labels, the samples that every compared model can make, and how they are cut.

    Attributes:
        labels: of every row of the table.
        spans: of the samples; of several window lengths the widest, so that the purge holds for each.
        reach_rows: rows before a sample's own that its input depends on, the most of any compared model.
        folds: in order of their numbers.
    """

    labels: Labels
    spans: Spans
    reach_rows: int
    folds: tuple[FoldSplit, ...]


@dataclass(frozen=True)
class SharedData:
    """The table, the features of all its rows, and what depends on the horizon (rows ahead -> Horizon)."""

    table: Table
    matrix: FeatureMatrix
    horizons: Mapping[int, Horizon]

    def samples(self, config: ExperimentConfig) -> Samples:
        """The samples of a config's horizon, supervised as the config's windows are."""
        horizon = self.horizons[config.target.horizon]
        steps_scored = config.windows.steps_scored
        matrix = self._with_history(config.target.horizon) if config.features.history else self.matrix
        return Samples(
            self.table, matrix, horizon.labels, horizon.spans.row, horizon.spans, horizon.reach_rows, steps_scored
        )

    def fold(self, horizon: int, number: int, symbol: str = ALL) -> FoldSplit:
        """A fold, or what one symbol has of it; its parts may then be empty."""
        fold = self.horizons[horizon].folds[number - 1]
        assert fold.number == number
        if symbol == ALL:
            return fold
        of_symbol = (self.table.frame[SYMBOL] == symbol).to_numpy()
        rows = {name: getattr(fold, name) for name in _FOLD_ROWS}
        return replace(fold, **{name: value[of_symbol[value]] for name, value in rows.items()})

    def _with_history(self, ahead: int) -> FeatureMatrix:
        """One for each horizon, always the same object: members of a fleet share it."""
        if ahead not in self._joined:
            self._joined[ahead] = with_history(self.matrix, self.horizons[ahead].labels.history)
        return self._joined[ahead]

    @cached_property
    def _joined(self) -> dict[int, FeatureMatrix]:
        return {}

    def to_arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """Named arrays, and JSON values for the rest."""
        frame = io.BytesIO()
        self.table.frame.write_ipc(frame, compression="uncompressed")
        arrays: Arrays = {
            "table": np.frombuffer(frame.getbuffer(), np.uint8),
            "matrix.values": self.matrix.values,
            "matrix.valid": self.matrix.valid,
        }
        by_ahead = {}
        for ahead, horizon in self.horizons.items():
            arrays |= {f"{ahead}.{name}": getattr(horizon.labels, name) for name in ("y", "known_at", "valid")}
            arrays |= {f"{ahead}.spans.{name}": getattr(horizon.spans, name) for name in _SPANS}
            for fold in horizon.folds:
                arrays |= {f"{ahead}.fold.{fold.number}.{name}": getattr(fold, name) for name in _FOLD_ROWS}
            given = {name: getattr(horizon.labels, name) for name in _MAYBE}
            if (history := horizon.labels.history) is not None:
                given |= {f"history.{name}": getattr(history, name) for name in _HISTORY}
            arrays |= {f"{ahead}.{name}": array for name, array in given.items() if array is not None}
            settled = {"lookback": horizon.labels.lookback, "steps": horizon.labels.steps}
            labels = {"spec": spec_to_dict(horizon.labels.spec), **settled}
            if history is not None:
                labels["history_lookback"] = history.lookback
            cutoffs = [fold.cutoff_us for fold in horizon.folds]
            by_ahead[str(ahead)] = {"labels": labels, "reach_rows": horizon.reach_rows, "cutoffs_us": cutoffs}
        features = {"names": self.matrix.names, "lookback": self.matrix.lookback}
        return arrays, {**table_settings(self.table), "features": features, "horizons": by_ahead}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Any]) -> SharedData:
        """What `to_arrays` gave; nothing is copied."""
        frame = pl.from_arrow(pa.ipc.open_file(pa.py_buffer(arrays["table"])).read_all())
        assert isinstance(frame, pl.DataFrame)
        table = make_table(frame, meta)
        names, lookback = tuple(meta["features"]["names"]), meta["features"]["lookback"]
        matrix = FeatureMatrix(arrays["matrix.values"], arrays["matrix.valid"], names, lookback)
        horizons = {}
        for key, values in meta["horizons"].items():
            label_values = values["labels"]
            history = None
            if (history_lookback := label_values.get("history_lookback")) is not None:
                quarticity, returns = (arrays.get(f"{key}.history.{name}") for name in ("quarticity", "returns"))
                history = History(arrays[f"{key}.history.means"], history_lookback, quarticity, returns)
            labels = Labels(
                y=arrays[f"{key}.y"],
                known_at=arrays[f"{key}.known_at"],
                valid=arrays[f"{key}.valid"],
                spec=spec_from_dict(label_values["spec"]),
                lookback=label_values["lookback"],
                steps=label_values["steps"],
                history=history,
                **{name: arrays.get(f"{key}.{name}") for name in _MAYBE},
            )
            spans = Spans(*(arrays[f"{key}.spans.{name}"] for name in _SPANS))
            folds = tuple(
                FoldSplit(
                    number, cutoff_us=cutoff, **{name: arrays[f"{key}.fold.{number}.{name}"] for name in _FOLD_ROWS}
                )
                for number, cutoff in enumerate(values["cutoffs_us"], start=1)
            )
            horizons[int(key)] = Horizon(labels, spans, values["reach_rows"], folds)
        return cls(table, matrix, horizons)


def table_settings(table: Table) -> dict[str, Any]:
    """What a table is beside its rows, as JSON values for another process."""
    clock = [step // _MICROSECOND for step in (table.timeframe, table.gap_tolerance)]
    return {
        "clock_us": clock,
        "repairs": [dict(repair) for repair in table.repairs],
        **{name: getattr(table, name) for name in _TABLE},
    }


def make_table(frame: pl.DataFrame, settings: Mapping[str, Any]) -> Table:
    """A table of rows and what `table_settings` gave."""
    timeframe, gap_tolerance = (step * _MICROSECOND for step in settings["clock_us"])
    repairs = tuple(settings["repairs"])
    return Table(frame, timeframe, gap_tolerance, repairs=repairs, **{name: settings[name] for name in _TABLE})


def make_shared(configs: Sequence[ExperimentConfig], table: Table) -> SharedData:
    """Features once, then labels, samples and folds of each horizon that `configs` name.

    Models with windows of different lengths are compared on the rows that all of them can predict; each is purged by
    the longest reach.

    Args:
        configs: of the models compared, alike in all but model, training, windows and the target's horizon.

    Raises:
        NotEnoughRowsError: no sample, more splits than the data carries, or a fold that the purge emptied.
        GatewiseError: see `cached_features` and `make_labels`.
    """
    matrix = cached_features(table, configs[0].features)
    horizons: dict[int, Horizon] = {}
    for ahead in dict.fromkeys(config.target.horizon for config in configs):
        alike = [config for config in configs if config.target.horizon == ahead]
        shapes = {(config.windows.sequence_length, config.windows.steps_scored): config for config in alike}
        made: list[Samples] = []
        for config in shapes.values():
            if made:
                known = made[0].labels
                made.append(make_samples(config, table, lambda *_: matrix, lambda *_, labels=known: labels))
            else:
                made.append(make_samples(config, table, lambda *_: matrix))
        spans = _common_spans(made)
        folds = make_folds(spans, alike[0].cv, alike[0].split, table.timeframe)
        horizons[ahead] = Horizon(made[0].labels, spans, max(samples.reach_rows for samples in made), folds)
    return SharedData(table, matrix, horizons)


def save_shared(folder: Path, shared: SharedData) -> None:
    """Writes a folder that `open_shared` maps, whole or not at all.

    Raises:
        StorageError: the disk is full or not writable.
    """
    arrays, meta = shared.to_arrays()
    with atomic_folder(folder) as temporary:
        for name, array in arrays.items():
            np.save(temporary / f"{name}.npy", array, allow_pickle=False)
        write_json(temporary / _META, {"names": list(arrays), **meta})


def open_shared(folder: Path) -> SharedData:
    """Maps what `save_shared` wrote; pages are shared with every other process that does so."""
    meta = json.loads((folder / _META).read_text(encoding="utf-8"))
    # Copy-on-write: torch warns of memory that it could not write to, though nothing here is ever written.
    arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="c")) for name in meta.pop("names")}
    return SharedData.from_arrays(arrays, meta)


def _common_spans(made: Sequence[Samples]) -> Spans:
    """The samples that all can make, each with the widest of its spans."""
    if len(made) == 1:
        return made[0].spans
    rows: Rows = reduce(np.intersect1d, [samples.rows for samples in made])
    if not rows.size:
        raise NotEnoughRowsError(
            "models are compared on rows that all of them can predict; no row has a window for each of them",
            "set one windows.sequence_length for all",
        )
    at = [np.searchsorted(samples.rows, rows) for samples in made]
    first = reduce(np.minimum, [samples.spans.first_us[i] for samples, i in zip(made, at, strict=True)])
    last = reduce(np.maximum, [samples.spans.last_us[i] for samples, i in zip(made, at, strict=True)])
    return Spans(rows, first, made[0].table.time_us[rows], last)
