"""Runs side by side: what differs in settings and data, and what their predictions are worth on the rows they share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError
from gatewise.evaluation.base import PredictionScores
from gatewise.evaluation.kinds.table import JUDGES
from gatewise.evaluation.metric_names import IN_TABLES
from gatewise.evaluation.paired import Paired, pair
from gatewise.registry.details import config_of, flat
from gatewise.registry.info import RunInfo
from gatewise.registry.predicted import kept_predictions
from gatewise.targets.outputs.base import OutputSpec
from gatewise.targets.spec import output_spec

_KEYS = ("symbol", "time", "part")
_DATA = ("rows", "first_time", "last_time")


@dataclass(frozen=True)
class Comparison:
    """Runs beside the first of them.

    Attributes:
        settings: {field: its value in each run}, of those that differ; the data section is among them.
        data: {fact: its value in each run}, of those that differ.
        part: test, or val where some run has no test part; val rows chose the epochs, so they flatter.
        rows: that all runs predicted in that part.
        paired: of each run but the first, beside the first.
        deciding_metric: by which they are judged; lower is better.
        reason: why predictions can't be compared; `None` where they are.
    """

    runs: tuple[RunInfo, ...]
    settings: Mapping[str, tuple[Any, ...]]
    data: Mapping[str, tuple[Any, ...]]
    part: str = ""
    rows: int = 0
    paired: tuple[Paired, ...] = ()
    deciding_metric: str = ""
    confidence: float = 0.95
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The machine interface of `gatewise runs compare --json`."""
        beside = [
            {
                "run_id": info.run_id,
                "verdict": paired.judgement.verdict,
                "differences": {name: interval.to_dict() for name, interval in paired.differences.items()},
            }
            for info, paired in zip(self.runs[1:], self.paired, strict=False)
        ]
        names = list(self.paired[0].differences) if self.paired else []
        values = [self.paired[0].other_values, *(p.values for p in self.paired)] if self.paired else []
        return {
            "runs": [{"run_id": info.run_id, "name": info.name, "kind": info.kind} for info in self.runs],
            "settings": {name: list(each) for name, each in self.settings.items()},
            "data": {name: list(each) for name, each in self.data.items()},
            "part": self.part,
            "rows": self.rows,
            "deciding_metric": self.deciding_metric,
            "confidence": self.confidence,
            "metrics": [{name: run[name] for name in names} for run in values],
            "beside_first": beside,
            "reason": self.reason,
        }


def compare_runs(runs: Sequence[RunInfo]) -> Comparison:
    """Compares two runs or more, each beside the first.

    Raises:
        ConfigError: fewer than two. ReadError: the predictions that one kept are damaged.
    """
    if len(runs) < 2:
        raise ConfigError("a comparison takes two runs or more", "gatewise runs compare A B")
    configs = [config_of(info) for info in runs]
    known = [config for config in configs if config is not None]
    settings = _differing([{} if config is None else flat(config.to_dict()) for config in configs])
    data = _differing([_data_facts(info) for info in runs])
    plain = Comparison(tuple(runs), settings, data)
    frames, reason = _shared_rows(runs, known)
    if reason is not None:
        return replace(plain, reason=reason)
    part = str(frames[0]["part"][0])
    scores = [_scores(frame, config) for frame, config in zip(frames, known, strict=True)]
    judge = JUDGES[str(known[0].target.output_kind)]
    first = scores[0]
    values = first.metrics(first.contributions.sum(axis=0))
    names = [name for name in IN_TABLES if name in values]
    paired = tuple(
        pair(
            other,
            first,
            names,
            judge.deciding_metric,
            time_us=frames[0]["time"].dt.epoch("us").to_numpy(),
            symbol=_symbol_numbers(frames[0]),
            horizon=max(config.target.horizon for config in known),
            confidence=known[0].evaluation.confidence,
            memory_rows=known[0].evaluation.block_rows,
            other_name=runs[0].name,
        )
        for other in scores[1:]
    )
    return replace(
        plain,
        part=part,
        rows=frames[0].height,
        paired=paired,
        deciding_metric=judge.deciding_metric,
        confidence=known[0].evaluation.confidence,
    )


def _differing(of_runs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    names = dict.fromkeys(name for values in of_runs for name in values)
    each = {name: tuple(values.get(name) for values in of_runs) for name in names}
    return {name: values for name, values in each.items() if any(value != values[0] for value in values)}


def _data_facts(info: RunInfo) -> dict[str, Any]:
    """What the bundle says of its rows; of a run that has none what its record says."""
    facts: dict[str, Any] = {"symbols": list(info.subject.symbols), "timeframe": info.subject.timeframe}
    try:
        values = json.loads((info.folder / "bundle" / "bundle.json").read_bytes())
        return (
            facts | {"fingerprint": values["data_fingerprint"]} | {name: values["provenance"][name] for name in _DATA}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return facts


def _shared_rows(runs: Sequence[RunInfo], configs: Sequence[ExperimentConfig]) -> tuple[list[pl.DataFrame], str | None]:
    """Each run's predictions on the rows that all have, in the same order; or why there are none."""
    kept = [kept_predictions(info.folder) for info in runs]
    frames = [frame for frame in kept if frame is not None]
    without = [info.name for info, frame in zip(runs, kept, strict=True) if frame is None]
    if without or len(configs) < len(runs):
        return [], f"no predictions row by row are kept of {', '.join(without) or 'a run'}"
    specs = [_spec(frame, config) for frame, config in zip(frames, configs, strict=True)]
    if any((spec.kind, _columns(spec)) != (specs[0].kind, _columns(specs[0])) for spec in specs):
        kinds = dict.fromkeys(f"{c.target.kind} ({i.name})" for c, i in zip(configs, runs, strict=True))
        return [], f"they predict different things: {' and '.join(kinds)}"
    targets = [name for name in frames[0].columns if name.startswith("target")]
    part = "test" if all((frame["part"] == "test").any() for frame in frames) else "val"
    shared = frames[0].filter(pl.col("part") == part).select(_KEYS)
    for frame in frames[1:]:
        shared = shared.join(frame.select(_KEYS), on=_KEYS, how="semi")
    if shared.is_empty():
        return [], f"their {part} parts share no row"
    aligned = [shared.join(frame, on=_KEYS, how="left", maintain_order="left") for frame in frames]
    for info, frame in zip(runs[1:], aligned[1:], strict=True):
        if differ := _differing_targets(aligned[0].select(targets), frame.select(targets)):
            words = _target_words(configs[0], configs[runs.index(info)])
            rows = f"{differ:,} of {shared.height:,} rows that they share"
            return [], f"their targets differ on {rows}{words}; numbers on different targets can't be compared"
    return aligned, None


def _differing_targets(one: pl.DataFrame, other: pl.DataFrame) -> int:
    differ = np.zeros(one.height, bool)
    for name in one.columns:
        a, b = one[name], other[name]
        if a.dtype == pl.String:
            differ |= a.ne_missing(b).to_numpy()
        else:
            differ |= ~np.isclose(a.to_numpy(), b.to_numpy(), rtol=1e-9, atol=0.0, equal_nan=True)
    return int(differ.sum())


def _target_words(one: ExperimentConfig, other: ExperimentConfig) -> str:
    fields = _differing([flat({"target": config.to_dict()["target"]}) for config in (one, other)])
    return "".join(f", {name} {a} and {b}" for name, (a, b) in list(fields.items())[:3])


def _spec(frame: pl.DataFrame, config: ExperimentConfig) -> OutputSpec:
    classes = tuple(name.removeprefix("prob_") for name in frame.columns if name.startswith("prob_"))
    outputs = tuple(name.removeprefix("target_") for name in frame.columns if name.startswith("target_"))
    return output_spec(config.target, classes or outputs)


def _columns(spec: OutputSpec) -> list[str]:
    return list(spec.prediction_columns(np.empty((0, spec.num_outputs))))


def _scores(frame: pl.DataFrame, config: ExperimentConfig) -> PredictionScores:
    spec = _spec(frame, config)
    y: npt.NDArray[Any]
    if spec.classes:
        y = frame["target"].replace_strict(list(spec.classes), list(range(len(spec.classes)))).to_numpy()
    else:
        y = frame.select(f"target_{name}" for name in spec.outputs).to_numpy().astype(np.float64)
    predictions = frame.select(_columns(spec)).to_numpy().astype(np.float64)
    return JUDGES[spec.kind].kept_scores(spec, y, predictions, _symbol_numbers(frame))


def _symbol_numbers(frame: pl.DataFrame) -> npt.NDArray[np.int64]:
    return frame["symbol"].rank("dense").to_numpy().astype(np.int64)
