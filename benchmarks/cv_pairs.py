"""Two cross-validations that differ in a setting, row by row: `python benchmarks/cv_pairs.py CV_ID CV_ID [CV_ID …]`.

Each model of the second and later ones beside itself in the first, on the rows that both predicted, all seeds: mean log
loss, and the test of Diebold and Mariano on losses that are means over seeds. Of classes; ids are those of
`gatewise cv`, or folders that hold an out_of_fold.parquet.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import polars as pl

from gatewise.data.blocks import block_numbers
from gatewise.evaluation.diebold_mariano import diebold_mariano, loss_series

HOME = Path(os.environ.get("GATEWISE_HOME", Path.home() / ".gatewise"))
KEYS = ["model", "horizon", "seed", "path", "symbol", "time"]


def losses(place: str) -> pl.DataFrame:
    """Log loss of each row."""
    folder = Path(place) if Path(place).is_dir() else HOME / "cv" / place
    frame = pl.read_parquet(folder / "out_of_fold.parquet")
    truth = pl.col("target")
    said = pl.coalesce(
        pl.when(truth == name.removeprefix("prob_")).then(pl.col(name))
        for name in frame.columns
        if name.startswith("prob_")
    )
    return frame.select(*KEYS, -said.clip(1e-15).log().alias("loss"))


def main(first: str, *others: str) -> None:
    plain = losses(first)
    print("| model | horizon | beside | rows | log loss | was | difference | seeds | p |")
    print("|---|---|---|---|---|---|---|---|---|")
    for other in others:
        both = plain.join(losses(other), KEYS, "inner", suffix="_other", nulls_equal=True)
        for (model, horizon), rows in both.group_by("model", "horizon", maintain_order=True):
            apart = rows.group_by("seed").agg((pl.col("loss_other") - pl.col("loss")).mean())["loss_other"]
            rows = rows.group_by("symbol", "time").agg(pl.col("loss", "loss_other").mean()).sort("symbol", "time")
            time_us, symbol = rows["time"].dt.epoch("us").to_numpy(), block_numbers(rows["symbol"])
            pair = {name: rows[name].to_numpy() for name in ("loss_other", "loss")}
            series, moments_ahead = loss_series(pair, time_us, symbol, int(str(horizon)))
            test = diebold_mariano(series["loss_other"], series["loss"], moments_ahead)
            now, was = (float(np.mean(pair[name])) for name in ("loss_other", "loss"))
            p = "" if test.p is None else f"{test.p:.2f}"
            seeds = " to ".join(f"{value:+.4f}" for value in (apart.min(), apart.max()) if isinstance(value, float))
            print(f"| {model} | {horizon} | {other} | {len(rows):,} | {now:.4f} | {was:.4f} ", end="")
            print(f"| {now - was:+.4f} | {seeds} | {p} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
