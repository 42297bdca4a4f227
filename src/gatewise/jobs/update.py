"""One update of a bundle on labels that have settled since: what a cross-validation does before one stretch, live.

The stretch is the rows that are yet to come. What may be learned, and how, is `jobs.online`'s; but a bundle holds no
optimizer's state, so that of a network begins anew at each update.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from gatewise.bundle import Bundle, with_learned
from gatewise.bundle.learned import Learned, learned_by
from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.errors import NotEnoughRowsError, SchemaError
from gatewise.fold import FittedFold
from gatewise.isolation import plain_numbers
from gatewise.jobs.online import Standing, rows_learned, update_standing
from gatewise.learners.base import Predictor, Trained, TrainedMember
from gatewise.learners.ensemble import EnsemblePredictor
from gatewise.samples import make_samples
from gatewise.splits.stretches import Stretch
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.device import choose_device, choose_precision
from gatewise.training.progress import FitResult


@dataclass(frozen=True)
class Update:
    """A bundle that has learned from newer rows.

    Attributes:
        settled: samples whose labels were known, from which its recipe took the newest.
        new: of them those that became known after the newest that it had learned from.
        learned: what it has learned from by now.
    """

    bundle: Bundle
    settled: int
    new: int
    learned: Learned


@plain_numbers()
def update_bundle(
    bundle: Bundle,
    table: Table,
    number: int = 1,
    budget: Budget = WHOLE,
    on_start: Callable[[int], None] = lambda new: None,
) -> Update | None:
    """Updates by the section `online` of the bundle's config; `bundle` stays as it is. `None`: nothing new has settled.

    Calibrator and decision rule stay those of the validation rows; metrics are left out, as nobody judged the result.

    Args:
        table: rows of the bundle's symbols up to the newest; those that it has learned from may be among them.
        number: of the update, from 1, which with the seed decides what is drawn.
        on_start: hears how many labels are new, before anything is learned.

    Raises:
        BundleError: it does not say what it learned from. SchemaError: other symbols or columns.
        NotEnoughRowsError: the rows end before what it has learned from.
        DivergedError, LabelError: nothing comes of it.
    """
    record, known = bundle.record, learned_by(bundle.record)
    config = record.config
    if set(table.symbols) != set(record.symbols):
        raise SchemaError(
            f"an update takes rows of all that the model was trained on, {', '.join(record.symbols[:5])}, and of no "
            f"other; got {', '.join(table.symbols[:5])}",
        )
    newest_us = int(table.time_us.max())
    if newest_us < known.known_us:
        raise NotEnoughRowsError(
            f"the rows end at {_moment(newest_us)}, and the model has learned until {_moment(known.known_us)}",
            "give rows that go on from there",
        )
    samples = make_samples(config, table, lambda rows, _: bundle.features(rows))
    spans = samples.spans
    coming = Stretch(number, np.empty(0, np.int64), newest_us + table.timeframe // timedelta(microseconds=1))
    rows = rows_learned(config, samples, spans, coming, known.first_us)
    known_us = spans.last_us[np.isin(spans.row, rows)]
    new = int(np.count_nonzero(known_us > known.known_us))
    if not new:
        return None
    on_start(new)
    standing = update_standing(config, samples, _standing(bundle, known), rows, number, budget)
    made = Bundle.of(config, samples, standing.fitted, standing.trained.predictor)
    kept: dict[str, Any] = {"config": config, "calibrator": record.calibrator}
    kept["decision_rule"] = record.decision_rule and record.decision_rule.updated()
    fitted, trained = standing.fitted, standing.trained
    updated = with_learned(made, samples, fitted, trained, rows, known.first_us, **kept)
    return Update(updated, len(rows), new, learned_by(updated.record))


def _standing(bundle: Bundle, known: Learned) -> Standing:
    record = bundle.record
    floor = np.array([record.unseen.get(name, 0.0) for name in record.classes])
    weights = np.array(known.class_weights, np.float32)
    fitted = FittedFold(record.scaler, record.target_scaler, weights, floor, record.least)
    return Standing(fitted, _trained(record.config, bundle.predictor, known))


def _trained(config: ExperimentConfig, predictor: Predictor, known: Learned) -> Trained:
    members: tuple[TrainedMember, ...] = ()
    if isinstance(predictor, EnsemblePredictor):
        parts = enumerate(predictor.members)
        members = tuple(TrainedMember(str(n), within, _trained(within, part, known)) for n, (within, part) in parts)
    device, words = choose_device(config.training.device)
    precision = choose_precision(config.training.precision, device)
    nothing = FitResult([], 0, math.nan, 0.0, "fitted")
    return Trained(predictor, nothing, words, precision, known.batch_size, known.windows, members)


def _moment(time_us: int) -> str:
    return str(np.datetime64(time_us, "us"))[:19].replace("T", " ")
