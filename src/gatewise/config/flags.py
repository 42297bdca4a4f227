"""Short words for config fields: what a command line takes as flags and Python as keywords. A table, nothing heavy.

Defaults and choices stand in the config's own schema; here is only what the schema can't say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

GROUPS = (
    "Settings",
    "Data",
    "Time and calendar",
    "Target",
    "Model",
    "Training",
    "Evaluation",
    "Search",
    "Machine",
    "Output",
)
SETTINGS, DATA, TIME, TARGET, MODEL, TRAINING, EVALUATION, SEARCH, MACHINE, OUTPUT = GROUPS


@dataclass(frozen=True)
class Flag:
    """`name` as typed, the dotted config `field` that it sets, its type and help, and other names for it.

    Attributes:
        unset: what a field does that is null or empty by default.
        group: under which it stands in help pages.
    """

    name: str
    field: str
    type: Any
    help: str
    also: tuple[str, ...] = ()
    unset: str = "none"
    group: str = ""

    @property
    def keyword(self) -> str:
        """As Python writes it: --seq-len is seq_len, --day-first/--month-first day_first."""
        return self.keywords[0]

    @property
    def keywords(self) -> tuple[str, ...]:
        """All its names, as Python writes them."""
        return tuple(name.split("/")[0].lstrip("-").replace("-", "_") for name in (self.name, *self.also))


def _in(group: str, *flags: Flag) -> tuple[Flag, ...]:
    return tuple(replace(flag, group=group) for flag in flags)


DATA_FLAGS = (
    *_in(
        DATA,
        Flag("--data", "data.paths", list[str], "File, folder or glob; repeat for several."),
        Flag("--source", "data.source", str, "Where rows come from; sp500, nasdaq: daily bars that come along."),
        Flag("--symbols", "data.symbols", str, "Keep these, with commas between: BTC-USD,ETH-USD.", unset="all"),
        Flag("--symbol", "data.symbol", str, "The one to read of a lake or database; names a file that names none."),
        Flag("--lake", "data.lake", str, "Folder of the lake.", unset="$GATEWISE_LAKE, else $GATEWISE_HOME/lake"),
        Flag("--feed", "data.feed", str, "Whose rows of the lake, where several feeds hold a symbol."),
        Flag(
            "--url",
            "data.url",
            str,
            "Database, like sqlite:///bars.db; a password rather in $GATEWISE_SQL_PASSWORD.",
            unset="$GATEWISE_SQL_URL",
        ),
        Flag("--table", "data.table", str, "Table or view.", unset="vw_ticker_timeseries"),
        Flag("--query", "data.query", str, "A SELECT to read instead of a table."),
        Flag("--format", "data.format", str, "Of files."),
        Flag(
            "--encoding",
            "data.encoding",
            str,
            "Of text, like cp949, gbk, shift_jis, cp1252.",
            unset="UTF-8, or UTF-16 with its mark",
        ),
        Flag("--columns-are", "data.columns_are", str, "The columns' names, in order.", unset="the file's header"),
        Flag("--symbol-column", "data.symbol_column", str, "Column that holds the symbol.", unset="by its name"),
        Flag("--thousands", "data.thousands", str, "Sign that groups digits: , . ' or a blank.", unset="detected"),
        Flag("--decimal", "data.decimal", str, "Decimal sign: . or ,.", unset="detected"),
        Flag("--prices", "data.prices", str, "any: back-adjusted ones below 0; returns are differences."),
        Flag("--repair", "data.repair", str, "Mend what is certain, and say it; several with commas between."),
        Flag("--on-duplicate", "data.on_duplicate", str, "Which row to keep of those with one time."),
    ),
    *_in(
        TIME,
        Flag(
            "--stamp", "data.stamp", str, "Whether stamps are the bar's open or close.", unset="by its name, else open"
        ),
        Flag("--timeframe", "data.timeframe", str, "Length of a bar, like 1m, 1h, 1d.", unset="the most frequent step"),
        Flag("--resample", "data.resample", str, "Make longer bars, like 5m or 1h; only complete ones."),
        Flag("--start", "data.start", str, "Rows knowable at or after, UTC, like 2023-11-10.", unset="the first"),
        Flag("--end", "data.end", str, "Rows knowable before, UTC.", unset="the last"),
        Flag("--time-column", "data.time_column", str, "Column that holds the time.", unset="by its name"),
        Flag(
            "--time-format",
            "data.time_format",
            str,
            "strptime format, or epoch_s, epoch_ms, epoch_us, epoch_ns.",
            unset="detected",
        ),
        Flag(
            "--timezone",
            "data.timezone",
            str,
            "Zone of stamps that carry none, like America/Chicago.",
            unset="UTC",
        ),
        Flag("--epochs-are", "data.epochs", str, "wall: epochs of the clock of --timezone, as MetaTrader gives them."),
        Flag("--day-first/--month-first", "data.day_first", bool, "Settles dates like 03.04.2020.", unset="detected"),
        Flag("--calendar", "data.calendar", str, "Exchange calendar like XNYS: closed time is no gap, none: none."),
        Flag(
            "--session",
            "data.session",
            str,
            "When a day begins on --timezone's clock, like 17:00: days and hours count from it.",
        ),
        Flag(
            "--gap-tolerance",
            "data.gap_tolerance",
            str,
            "A longer step is a gap, like 5m or 7d.",
            unset="one bar; 7d for daily bars",
        ),
        Flag("--off-grid", "data.off_grid", str, "Rows off the grid, like a bar that was still running."),
    ),
)
MODEL_FLAGS = (
    *_in(
        MODEL,
        Flag("--model", "model.name", str, "Model, or mypkg.nets:Mine; see gatewise models list.", ("--model-type",)),
        Flag("--base-models", "model.base_models", str, "Of an ensemble, like lstm,gru,last_row:xgboost."),
        Flag("--hidden-size", "model.hidden_size", int, "Units in the recurrent state."),
        Flag("--num-layers", "model.num_layers", int, "Stacked recurrent layers."),
        Flag("--dropout", "model.dropout", float, "Between layers and before the head."),
        Flag("--bidirectional/--no-bidirectional", "model.bidirectional", bool, "Read each window from both its ends."),
        Flag("--seq-len", "windows.sequence_length", int, "Rows in a window."),
        Flag("--features-only", "features.only", str, "Of the features these, like rsi_*,log_return_*.", unset="all"),
        Flag("--drop-features", "features.drop", str, "Without these, like macd*,adx_14."),
        Flag(
            "--drop-correlated",
            "features.drop_correlated",
            float,
            "Leave the later of two unread that correlate beyond this in training, like 0.98.",
        ),
    ),
    *_in(TRAINING, Flag("--batch-size", "training.batch_size", int, "Windows in a step.")),
)
TRAIN_FLAGS = (
    *_in(
        TARGET,
        Flag("--target", "target.kind", str, "What is predicted, or mypkg.targets:Mine."),
        Flag("--horizon", "target.horizon", int, "Rows ahead that the target looks."),
        Flag("--measure", "target.measure", str, "Of realized_volatility: what is measured."),
        Flag("--steps", "target.steps", int, "next_row: so many rows at once, each of them predicted."),
        Flag("--learn", "target.learn", str, "Of next_row's columns: how they change, or their levels."),
    ),
    *_in(
        TRAINING,
        Flag("--quick", "training.quick", bool, "A first look: few windows and epochs, small model; flags win."),
        Flag("--max-epochs", "training.max_epochs", int, "Upper bound; early stopping may end sooner.", ("--epochs",)),
        Flag(
            "--patience",
            "training.early_stopping_patience",
            int,
            "Early stopping: epochs without a better one.",
            ("--early-stopping-patience",),
        ),
        Flag("--learning-rate", "training.learning_rate", float, "Peak learning rate.", ("--lr",)),
        Flag("--scheduler", "training.schedule.name", str, "How the rate changes over epochs.", ("--schedule",)),
        Flag(
            "--plateau-patience",
            "training.schedule.patience",
            int,
            "With --scheduler plateau: epochs without a fall before the rate is cut.",
        ),
        Flag("--optimizer", "training.optimizer.name", str, "What turns gradients into steps."),
        Flag("--weight-decay", "training.optimizer.weight_decay", float, "Pull of weights towards 0."),
        Flag("--gradient-clip", "training.gradient_clip", float, "Largest norm of a step's gradient."),
        Flag("--loss", "training.loss.name", str, "What is minimised; auto: the target's own. Or mypkg.losses:Mine."),
        Flag("--class-weights", "training.class_weights", str, "balanced: rare classes count as much as common ones."),
        Flag(
            "--sample-weights",
            "training.sample_weights",
            str,
            "uniqueness: labels that overlap others count less; uniqueness_decay: older ones too.",
        ),
        Flag(
            "--calibration",
            "calibration.method",
            str,
            "By validation rows; none, or of classes temperature, vector, isotonic.",
        ),
        Flag("--seed", "training.seed", int, "Same seed, same weights."),
    ),
    *_in(
        MACHINE,
        Flag("--device", "training.device", str, "cpu, cuda, cuda:1."),
        Flag("--precision", "training.precision", str, "Of what is computed."),
        Flag("--auto-batch-size", "training.auto_batch_size", bool, "Measure the batch size instead of taking it."),
    ),
)
DECISION_FLAGS = _in(
    EVALUATION,
    Flag("--decision", "decision.rule", str, "When predictions are acted on: a rule whose precision is certified."),
    Flag("--min-precision", "decision.precision", float, "Share of the acted rows that must come out right."),
)
CV_FLAGS = _in(
    EVALUATION,
    Flag("--splitter", "cv.splitter", str, "How folds are cut, or mypkg.splits:Mine."),
    Flag("--n-splits", "cv.n_splits", int, "Folds; combinatorial: groups that folds are chosen from."),
    Flag("--test-size", "cv.test_size", int, "Rows of each test block.", unset="rows / (folds + 1)"),
    Flag("--test-groups", "cv.test_groups", int, "Groups tested together; combinatorial only."),
    Flag(
        "--online",
        "online.every",
        str,
        "Update models as labels settle, and show them beside those that stay: day, week, 6h, or 5 rows.",
        unset="off",
    ),
    Flag("--online-how", "online.how", str, "warm: networks go on from where they are; refit: all is fitted anew."),
)
# Of a trained model; not of its training, whose --set says them.
BROKER_FLAGS = _in(
    EVALUATION,
    Flag("--cost", "evaluation.cost", float, "Fee, one way, a fraction of the price.", ("--fee",)),
    Flag("--slippage", "broker.slippage", float, "Beside the fee, one way, a fraction of the price."),
    Flag("--fill", "broker.fill", str, "Orders are filled at the next row's open, or at the row's own close."),
    Flag("--hold", "broker.hold", int, "Rows that a trade is held.", unset="the horizon"),
    Flag("--sides", "broker.sides", str, "both, or long: no short trades."),
    Flag("--size", "broker.size", float, "Of a trade, a share of its symbol's capital.", unset="1 / hold"),
    Flag("--max-position", "broker.max_position", float, "Largest position of a symbol, likewise."),
)
ALL_FLAGS = (*DATA_FLAGS, *MODEL_FLAGS, *TRAIN_FLAGS, *DECISION_FLAGS, *CV_FLAGS)
FIELD_FLAGS = {flag.field: flag.name for flag in ALL_FLAGS}
# Arguments of functions that commands take as flags.
ARGUMENT_FLAGS = {
    "adjusted": "--adjusted/--raw",
    "against": "--against",
    "base_url": "--base-url",
    "end": "--end",
    "fleet": "--fleet",
    "horizons": "--horizons",
    "max_time": "--max-time",
    "n_trials": "--n-trials",
    "num_outputs": "--outputs",
    "num_seeds": "--seeds",
    "port": "--port",
    "sampler": "--sampler",
    "space": "--space",
    "start": "--start",
    "storage": "--storage",
    "stop_after_epoch": "--stop-after-epoch",
    "study_name": "--study-name",
    "timeframe": "--timeframe",
    "timeout": "--timeout",
    "workers": "--workers",
}
NOT_TYPED = ("frame", "given")  # words of the schema that only rows and arrays of Python's come with
