"""Every number that a run makes, as rows (step, name, value)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from gatewise.errors import ReadError
from gatewise.files import write_frame

_SCHEMA = pl.Schema({"step": pl.Int64(), "name": pl.String(), "value": pl.Float64()})


class History:
    """Collects each epoch's values; `write` puts everything so far into one Parquet file.

    A name said twice at one step keeps the last value, so that a resumed run that repeats an epoch leaves no double.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[int, str], float] = {}

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Takes one epoch's values."""
        self._values.update({(epoch, name): float(value) for name, value in values.items()})

    @property
    def frame(self) -> pl.DataFrame:
        """Columns step (Int64), name (String), value (Float64), in the order in which they were said."""
        rows = [(step, name, value) for (step, name), value in self._values.items()]
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def write(self, path: Path) -> None:
        """Writes `history.parquet`, whole or not at all.

        Raises:
            StorageError: the disk is full or not writable.
        """
        write_frame(path, self.frame)

    @classmethod
    def read(cls, path: Path) -> History:
        """The history of a run that goes on.

        Raises:
            ReadError: the file is absent or not a history.
        """
        try:
            frame = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ReadError(f"can't read history {path}: {str(error).splitlines()[0]}") from error
        if frame.schema != _SCHEMA:
            raise ReadError(f"history {path} must hold columns {', '.join(_SCHEMA)}; got {', '.join(frame.columns)}")
        history = cls()
        history._values = {(step, name): value for step, name, value in frame.iter_rows()}
        return history
