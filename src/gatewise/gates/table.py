"""Gates in a word, as flags and arguments say them. A table, nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Word:
    """A gate in a word, as a flag (--min-accuracy) and as an argument of Python (min_accuracy).

    Attributes:
        type: of its bound; `str`: a length of time.
    """

    metric: str
    bound: str
    help: str
    type: Any = float


WORDS: Mapping[str, Word] = {
    "min_accuracy": Word("accuracy", "at_least", "Share of rows whose class was named."),
    "min_balanced_accuracy": Word("balanced_accuracy", "at_least", "Mean recall of the classes."),
    "min_macro_f1": Word("macro_f1", "at_least", "Mean F1 of the classes."),
    "max_log_loss": Word("log_loss", "at_most", "In nats."),
    "max_calibration_error": Word("ece", "at_most", "Expected calibration error."),
    "min_brier_skill": Word("brier_skill", "at_least", "1 less the Brier score by the prior's."),
    "min_r2": Word("r2", "at_least", "R² of numbers."),
    "max_qlike": Word("qlike", "at_most", "QLIKE of volatility."),
    "max_pinball": Word("pinball", "at_most", "Pinball loss of quantiles."),
    "min_sharpe": Word("sharpe", "at_least", "A year's, after cost."),
    "min_coverage": Word("coverage", "at_least", "Share of rows that the decision rule acts on."),
    "min_accuracy_acted": Word("accuracy_acted", "at_least", "Accuracy on the rows that are acted on."),
    "min_rows": Word("rows", "at_least", "Test rows."),
    "min_gain": Word("gain_over_best_baseline", "at_least", "Of the deciding metric, over the best baseline."),
    "min_gain_over_champion": Word("gain_over_champion", "at_least", "The same, over the champion on shared rows."),
    "max_age": Word("max_age", "at_most", "Of the newest training row, like 30d.", str),
    "max_run_age": Word("max_run_age", "at_most", "Since the run ended, like 30d.", str),
}
