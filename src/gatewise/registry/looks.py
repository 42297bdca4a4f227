"""Runs in the ledger of looks: what each judged, read from its folder, so that those of earlier versions are in it too.

A search is none: its trials are judged on inner rows, which are trained on in the end. A group has its runs' looks.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from gatewise.config.load import load_config
from gatewise.errors import GatewiseError, RunNotFoundError
from gatewise.evaluation.metric_names import deciding_among
from gatewise.evaluation.scoring import PRIOR
from gatewise.looks.deflate import Deflated, standard_error
from gatewise.looks.ledger import Look, begin, ledger_file, record
from gatewise.looks.span import Looks, looks_on
from gatewise.registry.folders import run_folders
from gatewise.registry.info import Kind

_log = logging.getLogger("gatewise.looks")
_KINDS: tuple[Kind, ...] = ("train", "cv")


@dataclass(frozen=True)
class RunLooks:
    """The looks on the rows that a run was judged on, its own among them, and what they leave of its gain.

    Attributes:
        look: the run's own; of a cross-validation that of its best line.
        here: all.
        confidence: of all intervals together.
    """

    look: Look
    here: Looks
    confidence: float

    @property
    def deflated_gain(self) -> Deflated:
        """The run's gain over its best baseline in the deciding metric, with all looks counted; above 0 is better."""
        return self.here.deflated(self.look, self.confidence)

    @property
    def deflated_sharpe(self) -> Deflated | None:
        """Its Sharpe ratio after cost, likewise; `None` where the run has no account."""
        return self.here.deflated_sharpe(self.look, self.confidence)

    @property
    def lines(self) -> tuple[str, ...]:
        """For people, a sentence each: how many looks, what is left of this run's gain, and of the best one's."""
        best, own = self.here.best, self.look.judged_model
        lines = [self.here.words]
        if self.here.models > 1:
            lines.append(self.here.words_on(self.look, "this one", self.confidence))
            if best is not None and best.judged_model != own:
                lines.append(self.here.best_words(self.confidence))
        return tuple(lines)

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        sharpe = self.deflated_sharpe
        return self.here.to_dict(self.confidence) | {
            "deflated_gain": self.deflated_gain.to_dict(),
            "deflated_sharpe": sharpe and sharpe.to_dict(),
        }


def run_looks(folder: Path) -> RunLooks:
    """What the ledger holds of the rows that a run was judged on; a run that is not in it counts as one look more.

    Args:
        folder: of a run of kind train or cv.

    Raises:
        RunNotFoundError: nothing was judged there.
        ReadError: the ledger can't be read, or a later version wrote in it.
        StorageError: it is to be begun, and the home can't be written.
    """
    own = looks_of(folder)
    if not own:
        raise RunNotFoundError(f"{folder} holds no run that was judged", f"see: gatewise runs show {folder.name}")
    begin_ledger()
    look = max(own, key=lambda one: one.gain / one.error if one.error else float("-inf"))
    here = looks_on(look.symbols, look.first_us, look.last_us, look.fingerprint)
    seen = {(one.run_id, one.judged_model) for one in here.looks}
    missing = tuple(one for one in own if (one.run_id, one.judged_model) not in seen)
    confidence = load_config(folder / "config.yaml").evaluation.confidence
    return RunLooks(look, replace(here, looks=(*here.looks, *missing)), confidence)


def known_looks(folder: Path) -> RunLooks | None:
    """`run_looks`; `None` where nothing was judged, and where the ledger can't tell, which is said."""
    try:
        return run_looks(folder)
    except RunNotFoundError:
        return None
    except GatewiseError as error:
        _log.warning("%s; how often these rows were looked at is not known", error.message)
        return None


def looks_key(folder: Path) -> dict[str, Any]:
    """`known_looks` under the key of the machine interface."""
    looks = known_looks(folder)
    return {"looks": looks and looks.to_dict()}


def record_run(folder: Path | None = None) -> None:
    """Adds what a run judged to the ledger; where that can't be, it is said, and the run is what it is.

    Args:
        folder: of a run that has ended; `None`: one is about to start, and looks of those before it are to be there.
    """
    try:
        begin_ledger(other_than=folder)
        if folder:
            record(*looks_of(folder))
    except GatewiseError as error:
        _log.warning("%s; looks at these rows are not counted", error.message)


def begin_ledger(other_than: Path | None = None) -> None:
    """Makes the ledger, with the looks of all runs that are in this home, where there is none; of no run no ledger.

    Args:
        other_than: a run's folder that is left out.

    Raises:
        StorageError: the home can't be written.
    """
    if ledger_file().exists():
        return
    folders = [folder for folder in reversed(run_folders(*_KINDS)) if folder != other_than]
    if folders:
        _log.info("reading what the runs of this home were judged on, once")
        begin(look for folder in folders for look in looks_of(folder))


def looks_of(folder: Path) -> list[Look]:
    """What the run in a folder judged: one look of kind train, one a line of kind cv; none before it has ended.

    Files that are damaged give none.
    """
    try:
        if (folder / "plan.json").is_file():
            return _of_folds(folder)
        return [_of_run(folder)] if (folder / "metrics.json").is_file() else []
    except (GatewiseError, OSError, ValueError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError):
        return []


def _of_run(folder: Path) -> Look:
    values, bundle = _json(folder / "metrics.json"), _json(folder / "bundle" / "bundle.json")
    config = load_config(folder / "config.yaml")
    part = values["judged_on"]
    judged = values["evaluation"]["parts"][part]
    metric, baseline, freedom = judged["deciding_metric"], judged["best_baseline"], judged["intervals"]["freedom"]
    confidence, apart = judged["intervals"]["confidence"], judged["differences"][baseline]
    sharpe = (judged.get("backtest") or {}).get("sharpe") or {}
    rows = pl.scan_parquet(folder / "predictions.parquet").filter(pl.col("part") == part)
    return Look(
        run_id=folder.name,
        kind="train",
        model=config.model.name,
        config=config.digest,
        epochs=values["epochs"],
        fingerprint=bundle["data_fingerprint"],
        part=part,
        metric=metric,
        value=judged["metrics"][metric]["value"],
        baseline=baseline,
        baseline_value=judged["baselines"][baseline][metric]["value"],
        gain=-apart["value"],
        error=standard_error(apart["low"], apart["high"], freedom, confidence),
        freedom=freedom,
        sharpe=sharpe.get("value"),
        sharpe_error=standard_error(sharpe.get("low"), sharpe.get("high"), freedom, confidence),
        utc=_ended(folder / "metrics.json"),
        **_span(rows),
    )


def _of_folds(folder: Path) -> list[Look]:
    if not (folder / "summary.json").is_file():
        return []
    values = _json(folder / "summary.json")
    config = load_config(folder / "config.yaml")
    metric = deciding_among(next(iter(values["summary"].values())))
    compared = values["coverage"]["compared"]
    rows = pl.scan_parquet(folder / "out_of_fold.parquet").filter(pl.col("fold").is_in(compared))
    freedom, span = len(compared) - 1, _span(rows)
    of_all: dict[str, Any] = {
        "run_id": folder.name,
        "kind": "cv",
        "config": hashlib.sha256((folder / "plan.json").read_bytes()).hexdigest()[:16],
        "epochs": 0,
        "fingerprint": _json(folder / "data.json")["fingerprint"],
        "part": "folds",
        "metric": metric,
        "freedom": freedom,
        "sharpe": None,
        "sharpe_error": None,
        "utc": _ended(folder / "summary.json"),
        **span,
    }
    looks = []
    for line, apart in values["against_prior"].items():
        model, _, horizon = line.rpartition("@")
        if model != PRIOR:
            value, confidence = values["summary"][line][metric]["mean"], config.evaluation.confidence
            looks.append(
                Look(
                    model=line,
                    value=value,
                    baseline=PRIOR,
                    baseline_value=values["summary"][f"{PRIOR}@{horizon}"][metric]["mean"],
                    gain=-apart["mean"],
                    error=standard_error(apart["low"], apart["high"], freedom, confidence),
                    **of_all,
                )
            )
    return looks


def _span(rows: pl.LazyFrame) -> dict[str, Any]:
    found = rows.select(
        pl.col("time").min().dt.epoch("us").alias("first"),
        pl.col("time").max().dt.epoch("us").alias("last"),
        pl.col("symbol").unique().sort().implode(),
    ).collect()
    ((first, last, symbols),) = found.iter_rows()
    return {"first_us": int(first), "last_us": int(last), "symbols": tuple(symbols)}


def _ended(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_bytes())
    return values
