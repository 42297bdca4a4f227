"""Chooses a rule's threshold and certifies it, on validation rows that chose nothing else.

A certificate counts rows, so they must be independent. Of the certifying rows one is taken for each settled label, as
for conformal shifts, and one symbol in turn where several come at a moment. Where what comes out right still remembers
what came before, nothing is promised.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gatewise.calibration.fit import settled_apart
from gatewise.config.schema import DecisionConfig, ExperimentConfig
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL
from gatewise.decisions.certify import holm, p_values
from gatewise.decisions.rule import ACTS, Certificate, DecisionRule, takes_sides
from gatewise.errors import ConfigError
from gatewise.evaluation.moments import memory
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.outputs.base import Flags, Floats, Ints

# Thresholds that are tried act on these shares of the older validation rows: they are fixed before the others are seen.
SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02)
_ROUNDING = 1e-9  # of 20 * 0.95


def require_rule(config: ExperimentConfig, samples: Samples) -> None:
    """Refuses a rule that can't decide on what is predicted.

    Raises:
        ConfigError: expected_value of classes without up and down, or of levels, or without a close.
    """
    spec = samples.labels.spec
    if config.decision.rule != "expected_value":
        return
    if not takes_sides(spec) or spec.starts or (not spec.classes and spec.price is None):
        what = f"classes {', '.join(spec.classes)}" if spec.classes else f"{', '.join(spec.outputs)}"
        raise ConfigError(
            f"decision.rule expected_value takes classes up and down, or the return of the close; got {what}",
            'target.kind="forward_return", or decision.rule="none"',
        )
    if "close" not in samples.table.columns:
        raise ConfigError(
            "decision.rule expected_value takes a column close, whose moves it weighs against the cost; there is none",
            'decision.rule="none"',
        )


def fit_rule(
    config: ExperimentConfig,
    samples: Samples,
    val: tuple[Rows, Floats],
    certify: tuple[Rows, Floats],
) -> DecisionRule:
    """The rule that `config.decision` asks for, with its threshold and, where it can be given, its certificate.

    Args:
        val, certify: rows, all labelled, and what is predicted of them in its own unit, float64 [n, num_outputs]. Val
            rows may have chosen the model's epoch and its calibrator; certifying rows nothing.
    """
    asked, spec = config.decision, samples.labels.spec
    assert asked.rule != "none"
    by_value = asked.rule == "expected_value"
    rule = DecisionRule(
        asked.rule,
        asked.threshold,
        asked.threshold is not None,
        cost=2 * (config.evaluation.cost + config.broker.slippage) if by_value else 0.0,
        class_moves=class_moves(samples, val[0]) if by_value and spec.classes else (),
    )
    rows, predictions = certify
    taken = one_a_moment(samples, rows, settled_apart(samples, rows))
    thresholds: tuple[float, ...]
    if asked.threshold is not None:
        thresholds, counted = (asked.threshold,), taken
    elif asked.rule == "conformal":
        older, counted = np.array_split(taken, 2)
        thresholds = conformal_threshold(predictions[older], samples.labels.at(rows[older]), asked.confidence)
    else:
        thresholds, counted = shares_acted(rule, samples, val[1]), taken
    right = rule.right(spec, predictions[counted], samples.labels.at(rows[counted]))
    acted = np.array([rule.candidates(spec, predictions[counted], t)[1] == ACTS for t in thresholds])
    return certified(rule, asked, thresholds, acted.reshape(len(thresholds), len(counted)), right, len(rows))


def certified(
    rule: DecisionRule, asked: DecisionConfig, thresholds: tuple[float, ...], acted: Flags, right: Flags, num_rows: int
) -> DecisionRule:
    """The rule with the certified threshold that acts on most rows, or with why there is none.

    Args:
        acted: bool [thresholds, n], right: bool [n], of independent rows in order of time.
        num_rows: certifying rows in all.
    """
    apart = f"{len(right):,} rows that share no bar"
    if not thresholds:
        return replace(rule, not_certified=f"{apart} are too few to choose a threshold")
    num_acted, num_right = acted.sum(axis=1), (acted & right).sum(axis=1)
    p = p_values(num_acted, num_right, asked.precision)
    held = holm(p, 1 - asked.confidence)
    if not held.any():
        best = int(np.argmin(p))
        tried = f"none of {len(thresholds)} reaches" if len(thresholds) > 1 else f"{thresholds[0]:.4g} does not reach"
        if not num_acted[best]:
            return replace(rule, not_certified=f"no threshold qualifies: none acts on any of {apart}")
        said = (
            f"{tried} a precision of {asked.precision:.0%} with a confidence of {asked.confidence:.0%} on "
            f"{apart}; {f'the nearest, {thresholds[best]:.4g},' if len(thresholds) > 1 else 'it'} was right in "
            f"{num_right[best]:,} of {num_acted[best]:,}"
        )
        return replace(rule, not_certified=f"no threshold qualifies: {said}")
    chosen = int(np.argmax(np.where(held, num_acted, -1)))
    signals = np.column_stack([gain(acted[place], right) for place in (int(np.argmax(num_acted)), chosen)])
    if (mood := memory(signals)) > 1:
        return replace(
            rule,
            not_certified=f"labels remember each other: whether {apart} came out right is remembered for about "
            f"{mood:.0f} such rows",
        )
    counts = len(right), int(num_acted[chosen]), int(num_right[chosen]), len(thresholds)
    certificate = Certificate(asked.precision, asked.confidence, num_rows, *counts)
    return replace(rule, threshold=float(thresholds[chosen]), certificate=certificate)


def gain(acted: Flags, right: Flags) -> Floats:
    """What each row adds to the precision of the acted ones, float64 [n]: its memory is that of the precision."""
    return np.asarray(acted * (right - right[acted].mean() if acted.any() else 0.0))


def one_a_moment(samples: Samples, rows: Rows, places: Ints) -> Ints:
    """Of some places in `rows` one for each time stamp, in order of time: symbols take turns, as they move together."""
    time_us, symbol = samples.table.time_us[rows[places]], block_numbers(samples.table.frame[SYMBOL])[rows[places]]
    order = np.lexsort((symbol, time_us))
    _, start, count = np.unique(time_us[order], return_index=True, return_counts=True)
    return np.asarray(places[order[start + np.arange(len(start)) % count]])


def shares_acted(rule: DecisionRule, samples: Samples, predictions: Floats) -> tuple[float, ...]:
    """Thresholds, ascending, that act on `SHARES` of the rows that any threshold would let a rule act on."""
    side, number = rule.numbers(samples.labels.spec, predictions)
    number = number[(side != 0) & (number > 0)]
    if not len(number):
        return ()
    return tuple(np.unique(np.quantile(number, 1 - np.array(SHARES), method="lower")).tolist())


def conformal_threshold(predictions: Floats, y: Ints, confidence: float) -> tuple[float, ...]:
    """What a class's probability must reach to be in a set that holds the true one with that confidence.

    Split conformal prediction: the ceil((n + 1) confidence)-th largest of the probabilities of the classes that came
    (Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019). Empty where the rows are too few for it.
    """
    rank = math.ceil((len(y) + 1) * confidence - _ROUNDING)
    if not 1 <= rank <= len(y):
        return ()
    came = np.sort(predictions[np.arange(len(y)), y.astype(np.int64)])[::-1]
    return (float(came[rank - 1]),)


def class_moves(samples: Samples, rows: Rows) -> tuple[float, ...]:
    """The mean move of the close from a row to where its label is known, by class; 0 of a class that did not come.

    Log returns, or differences where prices may be any.
    """
    table, labels = samples.table, samples.labels
    close = table.frame["close"].to_numpy()
    after, before = close[labels.known_at[rows]], close[rows]
    move = after - before if table.any_prices else np.log(after / before)
    y = labels.at(rows).astype(np.int64)
    came = np.isfinite(move)
    sums, counts = (np.bincount(y[came], w, len(labels.classes)) for w in (move[came], np.ones(int(came.sum()))))
    return tuple((sums / np.maximum(counts, 1)).tolist())
