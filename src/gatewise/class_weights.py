"""How much each class counts in training, and what is said where some hardly do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from gatewise.errors import LabelError, UnknownNameError

# Of the summed weight of training. A batch's loss and its gradients are float32 sums, which hold nothing smaller beside
# the rest; and what has a thousandth of the say is hardly heard.
_HELD, _HEARD = 2.0**-24, 1e-3


def class_weights(
    rule: str | tuple[float, ...] | Mapping[str, float], counts: npt.NDArray[np.int64], classes: tuple[str, ...]
) -> npt.NDArray[np.float32]:
    """none: ones; balanced: n / (classes · count), over the classes that occur; or as given, by order or by name.

    A class that never occurs weighs 0: its share is the floor's whatever the weights, so that validation rows of it
    tell one epoch from another by nothing.

    Raises:
        LabelError: weights that are not one a class and above 0, or so far apart that float32 loses a class.
        UnknownNameError: a rule, or a weight for a class, that there is not.
    """
    seen = counts > 0
    if rule == "none":
        return seen.astype(np.float32)
    if rule == "balanced":
        return np.where(seen, counts.sum() / (seen.sum() * np.maximum(counts, 1)), 0).astype(np.float32)
    if isinstance(rule, Mapping):
        for name in rule:
            if name not in classes:
                raise UnknownNameError("class in class_weights", name, classes)
        if unweighted := [name for name in classes if name not in rule]:
            raise LabelError(
                f"class_weights must name every class; missing: {', '.join(unweighted)}", "1 is the usual weight"
            )
        rule = tuple(rule[name] for name in classes)
    if isinstance(rule, str):
        raise UnknownNameError("rule of class_weights", rule, ("none", "balanced"))
    with np.errstate(over="ignore", under="ignore"):
        weights = np.asarray(rule, np.float32)
    if len(rule) != len(classes) or not (np.isfinite(weights) & (weights > 0)).all():
        raise LabelError(
            f"class_weights must be {len(classes)} numbers above 0, for {', '.join(classes)}; got {list(rule)}",
            "a class of weight 0 would teach nothing, and its probability could not be told: give it a small one, 0.01",
        )
    share = _shares(np.where(seen, weights, 0), counts)
    if (lost := seen & (share < _HELD)).any():
        named = ", ".join(f"{classes[number]} {share[number]:.1g}" for number in np.flatnonzero(lost))
        raise LabelError(
            f"class_weights must leave each class a share of the training loss that float32 holds, {_HELD:.1g}; "
            f"got {named}",
            'weights nearer to each other, such as training.class_weights="balanced"',
        )
    return np.where(seen, weights, 0).astype(np.float32)


def class_floor(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """What is given to classes that never occur, by the prior's rule: one row is added to each class."""
    return np.asarray((counts == 0) / (counts.sum() + len(counts)))


def log_weights(class_weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """float32 [classes]; `None` where all weigh the same, which moves no probability. See `gatewise.training.prior`.

    A class of weight 0 was never seen in training: what is predicted for it is no model's, but `FittedFold.floor`.
    """
    counted = class_weights > 0
    if not counted.any() or np.ptp(class_weights[counted]) == 0:
        return None
    return np.log(np.where(counted, class_weights, 1))


def weights_remark(
    rule: str | tuple[float, ...] | Mapping[str, float], counts: npt.NDArray[np.int64], classes: tuple[str, ...]
) -> str | None:
    """A sentence on classes to which given weights leave next to no say in training; `None` where there are none.

    Args:
        counts: int64 [classes], training rows of each. For the rest, and for errors, see `class_weights`.
    """
    if isinstance(rule, str):
        return None
    before, after = counts / counts.sum(), _shares(class_weights(rule, counts, classes), counts)
    faint = [number for number in np.flatnonzero(counts) if after[number] < min(_HEARD, before[number])]
    if not faint:
        return None
    named = ", ".join(f"{classes[number]} {after[number]:.1g} (of the rows {before[number]:.1g})" for number in faint)
    return f"training.class_weights leave these classes next to no share of the training loss: {named}"


def _shares(weights: npt.NDArray[np.float32], counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    total = weights.astype(np.float64) * counts
    return np.asarray(total / total.sum())
