"""The rows that a run predicted, as it kept them: predictions.parquet in its folder."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from gatewise.errors import ReadError


def kept_predictions(folder: Path) -> pl.DataFrame | None:
    """All of them, a row a prediction; `None` where none are kept.

    Raises:
        ReadError: the file is damaged, or none of a run's.
    """
    path = folder / "predictions.parquet"
    if not path.is_file():
        return None
    try:
        frame = pl.read_parquet(path)
        frame.select("symbol", "time", "part")
        return frame
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ReadError(f"{path} must hold the rows that a run predicted; it does not", "train anew") from error
