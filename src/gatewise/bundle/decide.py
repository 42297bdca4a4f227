"""The one way from a calibrated bundle to one that decides too, and what its rule does on judged rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gatewise.broker.market import Sides
from gatewise.bundle.bundle import Bundle
from gatewise.data.table import Table
from gatewise.decisions.fit import fit_rule
from gatewise.decisions.judge import Decisions, judge_decisions
from gatewise.evaluation.kinds.table import JUDGES
from gatewise.samples import Samples
from gatewise.splits.base import Rows, Split


def decided(bundle: Bundle, samples: Samples, split: Split, predicted: Mapping[str, npt.NDArray[np.float64]]) -> Bundle:
    """The bundle with the decision rule that its config asks for, see `fit_rule`; itself where it asks for none.

    Args:
        predicted: what `Bundle.predict_rows` gives of the rows of `split.val` and `split.certify`, by part.
    """
    config = bundle.record.config
    if config.decision.rule == "none":
        return bundle
    parts = ((rows, predicted[part]) for part, rows in {"val": split.val, "certify": split.certify}.items())
    return Bundle(replace(bundle.record, decision_rule=fit_rule(config, samples, *parts)))


def judged_decisions(
    bundle: Bundle, samples: Samples, parts: Mapping[str, Rows], predicted: Mapping[str, npt.NDArray[np.float64]]
) -> Decisions | None:
    """What the bundle's rule does on judged rows; `None` where it has none.

    Args:
        predicted: what `Bundle.predict_rows` gives of the rows of each part.
    """
    config, rule = bundle.record.config, bundle.record.decision_rule
    if rule is None:
        return None
    judged = {
        part: judge_decisions(
            rule,
            samples.table,
            samples.labels,
            rows,
            predicted[part],
            horizon=config.target.horizon,
            confidence=config.evaluation.confidence,
            memory_rows=config.evaluation.block_rows,
        )
        for part, rows in parts.items()
    }
    return Decisions(rule, judged)


def traded_sides(bundle: Bundle, table: Table, rows: Rows, predicted: npt.NDArray[np.float64]) -> Sides | None:
    """The side that a broker is told at each row: the bundle's rule's, else the naive one; `None` where nothing says
    where a price goes.

    Args:
        predicted: what `Bundle.predict_rows` gives of the rows.
    """
    rule, spec = bundle.record.decision_rule, bundle.spec
    naive = JUDGES[spec.kind].positions(table, spec, rows, predicted)
    return naive if naive is None or rule is None else rule(spec, predicted)[0]
