"""The audit: every check on one experiment's own data, parts and configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gatewise.config.schema import ExperimentConfig
from gatewise.data.table import Table
from gatewise.isolation import one_core, plain_numbers
from gatewise.proofs.base import Case, Check, Parts, take_chunk
from gatewise.proofs.causality import check_causality
from gatewise.proofs.certifying import check_certifying
from gatewise.proofs.chance import check_permuted_labels
from gatewise.proofs.features import check_features, check_live_parity
from gatewise.proofs.fitting import check_scaler, check_training
from gatewise.proofs.folds import check_folds
from gatewise.proofs.labels import check_labels
from gatewise.proofs.levels import check_levels
from gatewise.proofs.online import check_online
from gatewise.proofs.predictions import check_predictions
from gatewise.proofs.references import check_references
from gatewise.proofs.resampling import check_bars
from gatewise.proofs.splitting import check_split

log = logging.getLogger("gatewise.proofs")

CHECKS: dict[str, Callable[[Case], Check]] = {
    "features": check_features,
    "live parity": check_live_parity,
    "labels": check_labels,
    "split": check_split,
    "scaler": check_scaler,
    "training": check_training,
    "folds": check_folds,
    "levels": check_levels,
    "causality": check_causality,
    "predictions": check_predictions,
    "references": check_references,
    "permuted labels": check_permuted_labels,
}
# Enough for windows of hundreds of rows, small enough to rebuild a hundred times in seconds.
CHUNK_ROWS = 20_000
CHUNK_REACHES = 20


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise audit --json`."""
        checks = [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in self.checks]
        return {"passed": self.passed, "checks": checks}


@plain_numbers()
def run_audit(
    config: ExperimentConfig, table: Table, parts: Parts | None = None, seed: int = 0, rows: Table | None = None
) -> Audit:
    """Runs every check; a failed one does not stop the others.

    Split and scaler are checked on the whole table; what has to be rebuilt under corruption, on a stretch of about
    20,000 rows around a random sample; the learners, on the 6,000 samples nearest the end of training. 525,600 rows of
    one-minute bars with the defaults take about half a minute on two cores.

    Args:
        parts: the functions under audit; `None` means those that training uses.
        seed: of cuts, corruptions and permutations.
        rows: what `table` was resampled from, where it was; its bars are then audited too.

    Raises:
        GatewiseError: the data or the config can't be trained on at all.
    """
    case = prepare_case(config, table, parts or Parts(), seed)
    checks = []
    with one_core():  # the small models gain nothing from two, and lose tenfold beside a busy process
        for name, check in CHECKS.items():
            log.info("auditing %s", name)
            checks.append(check(case))
        if config.certify:
            log.info("auditing certifying")
            checks.append(check_certifying(case))
        if config.online.every is not None:
            log.info("auditing online")
            checks.append(check_online(case))
        if rows is not None:
            log.info("auditing bars")
            checks.append(check_bars(rows, table.timeframe, seed))
    return Audit(tuple(checks))


def prepare_case(config: ExperimentConfig, table: Table, parts: Parts, seed: int = 0) -> Case:
    """Samples and split as training makes them, and the stretch on which futures are corrupted."""
    samples = parts.make_samples(config, table)
    split = parts.split(samples.spans, config.split, table.timeframe, config.certify)
    num_rows = max(CHUNK_ROWS, CHUNK_REACHES * (samples.reach_rows + config.target.horizon))
    chunk = take_chunk(table, samples.rows, num_rows, np.random.default_rng(seed))
    return Case(config, table, samples, split, chunk, parts, seed)
