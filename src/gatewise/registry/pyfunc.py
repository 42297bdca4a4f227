"""What MLflow loads a run's model by: raw rows in a pandas frame, predictions in a frame on its index.

`mlflow.pyfunc.load_model("runs:/<id>/model").predict(frame)`, in any process that has gatewise.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gatewise.bundle import Bundle
from gatewise.data.load import load_table
from gatewise.data.table import SYMBOL, TIME


class FrameModel:
    """A bundle that predicts frames; what MLflow wraps."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def predict(self, frame: Any, params: dict[str, Any] | None = None) -> Any:
        """Scores rows of a frame.

        Args:
            frame: pandas, columns and stamps as those of the training file; of a source that was no file: symbol,
                time (when the row is knowable) and the columns.
            params: none are known.

        Returns:
            A pandas frame on the same index: the columns of `Bundle.predict` without symbol and time; NaN where a row
            has no full, gap-free window.

        Raises:
            GatewiseError: see `load_table` and `Bundle.predict`.
        """
        config = self.bundle.record.config.data
        rows = pl.from_pandas(frame, include_index=frame.index.name is not None)
        name = Path(config.paths[0]).with_suffix("").name if config.paths else self.bundle.record.symbols[0]
        as_written: dict[str, Any] = {"data.source": "files"}
        if config.source != "files":
            as_written |= {"data.stamp": "close", "data.time_column": TIME, "data.symbol_column": SYMBOL}
        with tempfile.TemporaryDirectory(prefix="gatewise-") as folder:
            path = Path(folder) / f"{name}.parquet"
            rows.write_parquet(path)
            table = load_table(self.bundle.reading(overrides={**as_written, "data.paths": [str(path)]}))
            predicted = self.bundle.predict(table)
        places = table.frame.select(SYMBOL, TIME).with_columns(place=pl.Series(table.source_row))
        placed = predicted.join(places, on=[SYMBOL, TIME], how="left").drop(SYMBOL, TIME)
        every = pl.DataFrame({"place": np.arange(rows.height)}).join(
            placed, on="place", how="left", maintain_order="left"
        )
        made = every.drop("place").to_pandas()
        made.index = frame.index
        return made


def _load_pyfunc(path: str) -> FrameModel:
    return FrameModel(Bundle.load(path))
