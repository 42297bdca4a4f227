"""What a bundle says of what it learned from: all that a later update must know beside the weights.

It lies in the bundle's provenance, of which a prediction reads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from gatewise.bundle.bundle import Bundle
from gatewise.bundle.record import Record
from gatewise.errors import BundleError
from gatewise.fold import FittedFold
from gatewise.learners.base import Trained
from gatewise.samples import Samples
from gatewise.sealed import DAMAGE
from gatewise.splits.base import Rows

_KEY = "learned"


@dataclass(frozen=True)
class Learned:
    """See the module.

    Attributes:
        windows: that an epoch could draw from. batch_size: that was used.
        class_weights: by which classes counted, in their order; empty for numbers.
        first_us: time of the oldest row, in microseconds since the epoch.
        known_us: when the newest label became known.
    """

    windows: int
    batch_size: int
    class_weights: tuple[float, ...]
    first_us: int
    known_us: int


def with_learned(
    bundle: Bundle,
    samples: Samples,
    fold: FittedFold,
    trained: Trained,
    rows: Rows,
    first_us: int | None = None,
    **fields: Any,
) -> Bundle:
    """The bundle of a model that learned from `rows`, and what it learned from.

    Args:
        first_us: the oldest row's time, where it learned from older ones before.
        fields: of the record that become others.
    """
    spans = samples.spans
    here = np.isin(spans.row, rows)
    learned = Learned(
        windows=trained.train_windows,
        batch_size=trained.batch_size,
        class_weights=tuple(map(float, fold.class_weights)),
        first_us=int(spans.time_us[here].min()) if first_us is None else first_us,
        known_us=int(spans.last_us[here].max()),
    )
    provenance = {**bundle.record.provenance, _KEY: asdict(learned)}
    return Bundle(replace(bundle.record, provenance=provenance, **fields))


def learned_by(record: Record) -> Learned:
    """What a record learned from.

    Raises:
        BundleError: it does not say, as those of earlier versions.
    """
    try:
        values: Mapping[str, Any] = record.provenance[_KEY]
        return Learned(**{**values, "class_weights": tuple(values["class_weights"])})
    except DAMAGE as error:
        raise BundleError(
            f"the bundle, by gatewise {record.gatewise_version}, does not say what it learned from, so it can't be "
            "updated",
            "train anew with this version, and promote that run",
        ) from error
