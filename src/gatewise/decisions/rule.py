"""A decision rule: at each row a side to take or none, and a reason code.

A rule gives each prediction a side and a number, and acts where the number reaches its threshold. It acts on a promise:
one without a certificate abstains at every row, unless its threshold was given by hand.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict

from gatewise.config.decision_section import decides
from gatewise.targets.outputs.base import Flags, Floats, OutputSpec

RuleName = Literal["probability", "expected_value", "conformal"]
Codes = npt.NDArray[np.int8]

# Reason codes by number; they are told as these words.
REASONS = ("acts", "below_threshold", "flat", "no_edge_after_cost", "set_of_many", "empty_set", "no_certificate")
ACTS, BELOW_THRESHOLD, FLAT, NO_EDGE_AFTER_COST, SET_OF_MANY, EMPTY_SET, NO_CERTIFICATE = range(len(REASONS))
_UPDATED = ". That is of the weights before an update, and nothing is promised of those since"
ACTION_COLUMNS = ("action", "reason")
_NUMBERS = {
    "probability": "the decided class's probability reaches",
    "expected_value": "the expected move after cost reaches",
    "conformal": "one class alone reaches",
}
SIDES = {"up": 1, "down": -1}  # of classes by these names; any other is neither


@dataclass(frozen=True)
class Certificate:
    """Of rows that come as the certifying rows came, at least `precision` of those acted on come out right.

    Attributes:
        precision: the share that is promised; confidence: that the promise holds.
        rows: labelled rows that certify.
        independent_rows: how many of these, settled apart, were counted.
        acted_rows, right_rows: of the counted ones, acted on at the threshold; of these, right.
        thresholds: how many were tried, which the confidence allows for.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    precision: float
    confidence: float
    rows: int
    independent_rows: int
    acted_rows: int
    right_rows: int
    thresholds: int

    @property
    def words(self) -> str:
        return (
            f"precision of at least {self.precision:.0%} with a confidence of {self.confidence:.0%}: of "
            f"{self.independent_rows:,} independent rows it acted on {self.acted_rows:,}, right on {self.right_rows:,}"
        )


@dataclass(frozen=True)
class DecisionRule:
    """See `gatewise.config.decision_section`.

    Attributes:
        threshold: what a row's number must reach; `None`: none qualified, and no row is acted on.
        by_hand: the threshold was given, so the rule acts without a certificate too.
        cost: of a trade there and back, in the unit of the move; expected_value alone.
        class_moves: the mean move that came with each class; expected_value of classes alone.
        not_certified: why there is no certificate, or why the one there is holds no longer; empty where it does.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    rule: RuleName
    threshold: float | None = None
    by_hand: bool = False
    cost: float = 0.0
    class_moves: tuple[float, ...] = ()
    certificate: Certificate | None = None
    not_certified: str = ""

    def __call__(self, spec: OutputSpec, predictions: Floats) -> tuple[Codes, Codes]:
        """(Side, reason) of each prediction, int8 [n]; knowable when the prediction is.

        The side is 1 or -1 for up and down, or 1 for an act where classes are neither; 0: abstain. The reason is a
        place in `REASONS`.

        Args:
            predictions: float64 [n, num_outputs] as `Bundle.predict_rows` gives them.
        """
        if self.threshold is None or not self.acts:
            return np.zeros(len(predictions), np.int8), np.full(len(predictions), NO_CERTIFICATE, np.int8)
        side, reason = self.candidates(spec, predictions, self.threshold)
        return np.where(reason == ACTS, side, 0).astype(np.int8), reason

    def candidates(self, spec: OutputSpec, predictions: Floats, threshold: float) -> tuple[Codes, Codes]:
        """As `__call__` with another threshold, certified or not; sides stand at rows that are not acted on, too."""
        side, number = self.numbers(spec, predictions)
        reason = np.where(number >= threshold, ACTS, BELOW_THRESHOLD)
        if self.rule == "conformal":
            held = (predictions >= threshold).sum(axis=1)
            reason = np.select([held == 0, held > 1], [EMPTY_SET, SET_OF_MANY], ACTS)
        if self.rule == "expected_value":
            reason = np.where(number > 0, reason, NO_EDGE_AFTER_COST)
        return side, np.where((side == 0) & (reason == ACTS), FLAT, reason).astype(np.int8)

    def numbers(self, spec: OutputSpec, predictions: Floats) -> tuple[Codes, Floats]:
        """Each row's side, int8 [n], and the number that thresholds are of, float64 [n]: the probability of the decided
        class, or the expected move after cost.
        """
        if self.rule == "expected_value":
            moves = predictions @ np.array(self.class_moves) if spec.classes else predictions[:, spec.price or 0]
            return np.sign(moves).astype(np.int8), np.asarray(np.abs(moves) - self.cost)
        return class_sides(spec)[predictions.argmax(axis=1)], predictions.max(axis=1)

    def right(self, spec: OutputSpec, predictions: Floats, y: npt.NDArray[Any], after_cost: bool = True) -> Flags:
        """Whether each row, were it acted on, came out right, bool [n]: its class came, or numbers moved to its side.

        Args:
            y: labels in their own unit, int64 [n] or float64 [n, outputs].
            after_cost: of numbers, whether by more than the cost.
        """
        side, _ = self.numbers(spec, predictions)
        if not spec.classes:
            return np.asarray(side * y[:, spec.price or 0] > (self.cost if after_cost else 0.0))
        if takes_sides(spec):
            return np.asarray((side != 0) & (class_sides(spec)[y] == side))
        return np.asarray(predictions.argmax(axis=1) == y)

    def fits(self, spec: OutputSpec) -> bool:
        """Whether it decides on predictions of that kind and width."""
        moves = len(spec.classes) if self.rule == "expected_value" else 0
        return decides(self.rule, spec.kind) and len(self.class_moves) == moves and not spec.starts

    def columns(self, spec: OutputSpec, predictions: Floats) -> dict[str, npt.NDArray[Any]]:
        """action (long, short or flat; act or abstain where there is no up and down) and reason, text [n]."""
        side, reason = self(spec, predictions)
        names = np.array(["short", "flat", "long"] if takes_sides(spec) else ["", "abstain", "act"])
        return dict(zip(ACTION_COLUMNS, (names[side + 1], np.array(REASONS)[reason]), strict=True))

    @property
    def acts(self) -> bool:
        """Whether it acts on any row: it has a certificate, or a threshold that was given by hand."""
        return self.threshold is not None and (self.certificate is not None or self.by_hand)

    @property
    def words(self) -> str:
        """What it does and promises, a sentence."""
        acts = f"acts where {_NUMBERS[self.rule]} {self.threshold:.4g}" if self.acts else "abstains always"
        missing = f"no certificate: {self.not_certified}"
        return f"{acts}; {self.certificate.words}{self.not_certified}" if self.certificate else f"{acts}; {missing}"

    def updated(self) -> DecisionRule:
        """The rule of the same model with later weights: it goes on, and says that others were certified."""
        return replace(self, not_certified=_UPDATED) if self.certificate else self

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"class_moves": list(self.class_moves)}


def takes_sides(spec: OutputSpec) -> bool:
    """Whether what is predicted says up and down."""
    return not spec.classes or set(SIDES) <= set(spec.classes)


def class_sides(spec: OutputSpec) -> Codes:
    """The side of each class, int8 [classes]; 1 of each where there is no up and down."""
    if not takes_sides(spec):
        return np.ones(len(spec.classes), np.int8)
    return np.array([SIDES.get(name, 0) for name in spec.classes], np.int8)
