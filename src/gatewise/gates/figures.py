"""A run's stored test figures, as gates read them: metrics.json and run.json, and nothing scored anew."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewise.errors import ConfigError, ReadError, RunNotFoundError, UnknownNameError
from gatewise.evaluation.base import Interval
from gatewise.registry.info import RunInfo
from gatewise.registry.listing import info_of

PART = "test"
NOT_KEPT = "no interval of it was kept"
_BY_CLASS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Figures:
    """What was found on a run's test rows when it was judged.

    Attributes:
        results: all of metrics.json.
        part: its judging of the test rows.
    """

    info: RunInfo
    results: Mapping[str, Any]
    part: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        return self.info.folder

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those that the run predicts."""
        return self.info.subject.symbols

    @property
    def deciding_metric(self) -> str:
        """By which models of its kind are compared; lower is better."""
        return str(self.part["deciding_metric"])

    @property
    def confidence(self) -> float:
        """Of all intervals."""
        return float(self.part["intervals"]["confidence"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty where numbers are predicted."""
        return tuple(name.removeprefix("recall_") for name in self.part["metrics"] if name.startswith("recall_"))

    @property
    def acted(self) -> Mapping[str, Any]:
        """What the decision rule did on these rows; empty where the run has none."""
        decision = (self.results.get("decision") or {}).get("parts", {}).get(PART) or {}
        return {"precision_acted" if name == "precision" else name: value for name, value in decision.items()}

    def judged(self, on: str) -> Mapping[str, Mapping[str, Any] | None]:
        """{symbol, or "" for all rows: the judging of its rows, `None` where it has too few}.

        Raises:
            UnknownNameError: no such symbol.
        """
        kind, _, name = on.partition(":")
        if kind == "symbol" and name not in self.symbols:
            raise UnknownNameError("symbol of the run", name, self.symbols)
        if kind not in ("symbol", "every_symbol") or len(self.symbols) < 2:
            return {"": self.part}
        return {symbol: self._judged_symbol(symbol) for symbol in ([name] if name else self.symbols)}

    def _judged_symbol(self, symbol: str) -> Mapping[str, Any] | None:
        judged = self.part["symbols"].get(symbol)
        accounts = (self.part.get("backtest") or {}).get("symbols", {})
        return None if judged is None else {**judged, "backtest": accounts.get(symbol)}

    def name_of(self, metric: str, on: str) -> str:
        """The metric's own name, `recall_up` of recall on class:up.

        Raises:
            ConfigError: a metric that no class has alone. UnknownNameError: no such class.
        """
        kind, _, name = on.partition(":")
        if kind != "class":
            return metric
        if metric not in _BY_CLASS:
            raise ConfigError(
                f"{metric} is none of a class alone; {', '.join(_BY_CLASS)} are", "of the gate: on: pooled"
            )
        if name not in self.classes:
            raise UnknownNameError("class of the run", name, self.classes)
        return f"{metric}_{name}"

    def figure(self, metric: str, judged: Mapping[str, Any], others: Iterable[str] = ()) -> Interval:
        """A stored figure with its interval.

        Args:
            others: what else a gate may name, for the words.

        Raises:
            UnknownNameError: the run keeps none of that name. ConfigError: none of a symbol alone.
        """
        stored = dict(self._stored(judged))
        if metric in stored:
            return _interval(stored[metric], metric, judged["intervals"])
        if metric in dict(self._stored(self.part)):
            raise of_all_symbols(metric)
        raise UnknownNameError("figure of this run's test rows", metric, [*stored, *others])

    def chance(self, metric: str, judged: Mapping[str, Any]) -> float | None:
        """The same of what knows nothing, on the same rows; `None` where that has none."""
        value = judged["baselines"].get(judged["chance"], {}).get(metric, {}).get("value")
        return None if value is None or not math.isfinite(value) else float(value)

    def _stored(self, judged: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """By the names that gates have for them."""
        yield from judged["metrics"].items()
        yield from _measured(judged.get("backtest") or {})
        if judged is self.part:
            yield from _measured(self.acted)


def read_figures(folder: Path) -> Figures:
    """The stored figures of the run in a folder.

    Raises:
        RunNotFoundError: no run, or one that was not judged. ConfigError: it has no test rows, or trained many models.
        ReadError: what it keeps is damaged.
    """
    info = info_of(folder)
    called = info.run_id[:8] or str(folder)
    if info.kind != "train":
        raise ConfigError(
            f"gates are asked of one trained model; {called} is of kind {info.kind}",
            f"gatewise runs show {called} lists what it trained",
        )
    path = info.folder / "metrics.json"
    if not path.is_file() or info.status == "RUNNING":  # what is gone on with may have other weights by now
        raise _not_judged(info, called)
    with damage_told(path):
        results = json.loads(path.read_bytes())
        parts = results["evaluation"]["parts"]
        if PART not in parts:
            raise ConfigError(
                f"gates read figures of test rows; run {called} was judged on {results['judged_on']} rows alone, which "
                "chose its epoch",
                "train anew with split.test=0.15",
            )
        part = parts[PART]
        for judged in (part, *part["symbols"].values()):
            _require_whole(judged)
        return Figures(info, results, part)


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Has what reads figures say that the file which holds them is damaged.

    Raises:
        ReadError: something in the block met what is no figure.
    """
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise ReadError(f"{path} must hold what a run's judging found; it does not", "train anew") from error


def _require_whole(judged: Mapping[str, Any]) -> None:
    """Raises KeyError or TypeError where a judging lacks what gates read of any."""
    _ = judged["rows"] + judged["intervals"]["independent_rows"], judged["metrics"][judged["deciding_metric"]]
    _ = judged["intervals"]["confidence"], judged["baselines"][judged["chance"]].items()
    for figure in (*judged["metrics"].values(), judged["differences"][judged["best_baseline"]]):
        for end in (figure["value"], figure["low"], figure["high"]):
            _number(end)


def of_all_symbols(metric: str) -> ConfigError:
    """What a gate is told that asks one symbol for what is of all together."""
    return ConfigError(
        f"{metric} is of all symbols of a run together",
        "of the gate: on: pooled, where no one symbol is named beside it",
    )


def _not_judged(info: RunInfo, called: str) -> RunNotFoundError:
    if not info.run_id:
        return RunNotFoundError(
            f"{info.folder} is a bundle alone, which keeps no figures of test rows beside baselines",
            "name its run: gatewise runs list",
        )
    if info.status == "RUNNING":
        return RunNotFoundError(
            f"run {called} is not judged yet: it is at epoch {info.done} of {info.of}",
            f"wait until it has ended: gatewise runs show {called}",
        )
    return RunNotFoundError(
        f"run {called} was not judged: {info.status.lower()} at epoch {info.done} of {info.of}",
        f"see how it ended: gatewise runs show {called}",
    )


def _measured(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Those that are numbers, or numbers with an interval; null is one that can't be told."""
    reason = "nothing was acted on" if values.get("acted") == 0 else values.get("sharpe_reason")
    for name, value in values.items():
        if isinstance(value, dict) and "value" in value:
            yield name, value | {"reason": reason}
        elif not isinstance(value, bool | str | list | dict) and not name.endswith("_reason"):
            yield name, {"value": value, "reason": reason if value is None else NOT_KEPT}


def _interval(stored: Mapping[str, Any], metric: str, intervals: Mapping[str, Any]) -> Interval:
    value, low, high = (_number(stored.get(end)) for end in ("value", "low", "high"))
    reason = stored.get("reason") or intervals.get("reason") or intervals.get("without", {}).get(metric) or NOT_KEPT
    return Interval(math.nan if value is None else value, low, high, reason if low is None else None)


def _number(stored: Any) -> float | None:
    """Raises TypeError where it is none, such as text that looks like one."""
    if isinstance(stored, str | bool):
        raise TypeError(f"{stored!r} is no number")
    return None if stored is None else float(stored)
