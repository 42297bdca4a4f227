"""Names of settings for people: which config field each flag sets, and what it is for.

The command line makes options of them, Python keywords: `--seq-len 60` is `seq_len=60`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Flag:
    """`name` as typed, the dotted config `field` that it sets, its type and help, and other names for it."""

    name: str
    field: str
    type: Any
    help: str
    also: tuple[str, ...] = ()


DATA_FLAGS = (
    Flag("--data", "data.paths", list[str], "File, folder or glob; repeat for several."),
    Flag("--source", "data.source", str, "files, lake, sql, or sp500 / nasdaq: daily bars that come with gatewise."),
    Flag("--lake", "data.lake", str, "Folder of the lake, if not $GATEWISE_LAKE."),
    Flag("--feed", "data.feed", str, "Whose rows of the lake, where several feeds hold a symbol."),
    Flag("--url", "data.url", str, "Database, like sqlite:///bars.db; a password rather in $GATEWISE_SQL_PASSWORD."),
    Flag("--table", "data.table", str, "Table or view, if not vw_ticker_timeseries."),
    Flag("--query", "data.query", str, "A SELECT to read instead of a table."),
    Flag("--symbols", "data.symbols", str, "Keep these, with commas between: BTC-USD,ETH-USD."),
    Flag("--format", "data.format", str, "auto, csv, json, parquet, feather, kline, lean."),
    Flag("--encoding", "data.encoding", str, "Of text that isn't UTF-8, like cp949, gbk, shift_jis, cp1252."),
    Flag("--columns-are", "data.columns_are", str, "The columns' names, in order, where a file has no header."),
    Flag("--thousands", "data.thousands", str, "Sign that groups digits: , . ' or a blank."),
    Flag("--decimal", "data.decimal", str, "Decimal sign: . or ,."),
    Flag("--stamp", "data.stamp", str, "Whether stamps are the bar's open or close."),
    Flag("--time-column", "data.time_column", str, "Column that holds the time."),
    Flag("--time-format", "data.time_format", str, "strptime format, or epoch_s, epoch_ms, epoch_us, epoch_ns."),
    Flag("--timezone", "data.timezone", str, "Zone of stamps that carry none, like America/Chicago."),
    Flag(
        "--epochs-are", "data.epochs", str, "utc, or wall: epochs of the clock of --timezone, as MetaTrader gives them."
    ),
    Flag("--day-first/--month-first", "data.day_first", bool, "Settles dates like 03.04.2020."),
    Flag("--symbol-column", "data.symbol_column", str, "Column that holds the symbol."),
    Flag("--symbol", "data.symbol", str, "The one symbol to read of a lake or database; names a file that names none."),
    Flag("--timeframe", "data.timeframe", str, "Length of a bar, like 1m, 1h, 1d."),
    Flag("--resample", "data.resample", str, "Make longer bars, like 5m or 1h; only complete ones."),
    Flag("--calendar", "data.calendar", str, "Exchange calendar like XNYS: closed time is no gap, none: no calendar."),
    Flag(
        "--session",
        "data.session",
        str,
        "When a day begins on --timezone's clock, like 17:00: days and hours count from it.",
    ),
    Flag("--gap-tolerance", "data.gap_tolerance", str, "A longer step is a gap, like 5m or 7d."),
    Flag("--start", "data.start", str, "Rows knowable at or after, UTC, like 2023-11-10."),
    Flag("--end", "data.end", str, "Rows knowable before, UTC."),
    Flag("--off-grid", "data.off_grid", str, "keep, or drop: rows off the grid, like a bar that was still running."),
    Flag("--on-duplicate", "data.on_duplicate", str, "error, first or last."),
    Flag("--prices", "data.prices", str, "positive, or any: back-adjusted ones below 0; returns are differences."),
    Flag("--repair", "data.repair", str, "Mend what is certain, and say it: splits,hundredfold or one of them."),
)
MODEL_FLAGS = (
    Flag("--model", "model.name", str, "Model name; see gatewise models list.", ("--model-type",)),
    Flag("--hidden-size", "model.hidden_size", int, "Units in the recurrent state."),
    Flag("--num-layers", "model.num_layers", int, "Stacked recurrent layers."),
    Flag("--dropout", "model.dropout", float, "Between layers and before the head."),
    Flag("--seq-len", "windows.sequence_length", int, "Rows in a window."),
    Flag("--batch-size", "training.batch_size", int, "Windows in a step."),
)
TRAIN_FLAGS = (
    Flag("--horizon", "target.horizon", int, "Rows ahead that the target looks."),
    Flag("--target", "target.kind", str, "triple_barrier, direction, forward_return, next_row, or mypkg.targets:Mine."),
    Flag("--learning-rate", "training.learning_rate", float, "Peak learning rate."),
    Flag("--max-epochs", "training.max_epochs", int, "Upper bound; early stopping may end sooner.", ("--epochs",)),
    Flag("--auto-batch-size", "training.auto_batch_size", bool, "Measure the batch size instead of taking it."),
    Flag("--device", "training.device", str, "auto, cpu, cuda, cuda:1."),
    Flag("--precision", "training.precision", str, "auto, fp32, bf16, fp16."),
    Flag("--seed", "training.seed", int, "Same seed, same weights."),
)
CV_FLAGS = (
    Flag("--splitter", "cv.splitter", str, "expanding, sliding, kfold, combinatorial, or mypkg.splits:Mine."),
    Flag("--n-splits", "cv.n_splits", int, "Folds; combinatorial: groups that folds are chosen from."),
    Flag("--test-groups", "cv.test_groups", int, "Groups tested together; combinatorial only."),
)
FIELD_FLAGS = {flag.field: flag.name for flag in (*DATA_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS, *CV_FLAGS)}
# Arguments of functions that commands take as flags.
ARGUMENT_FLAGS = {
    "adjusted": "--adjusted/--raw",
    "base_url": "--base-url",
    "end": "--end",
    "fleet": "--fleet",
    "horizons": "--horizons",
    "n_trials": "--n-trials",
    "num_seeds": "--seeds",
    "port": "--port",
    "space": "--space",
    "start": "--start",
    "storage": "--storage",
    "study_name": "--study-name",
    "timeframe": "--timeframe",
    "workers": "--workers",
}
