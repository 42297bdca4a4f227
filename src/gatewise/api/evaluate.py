"""`gatewise.evaluate`: a run's stored test figures beside the gates that it must pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from gatewise.api.call import are_texts, speaking
from gatewise.api.model import Model
from gatewise.api.summary import Report, Result, Summary
from gatewise.cli.output import from_here
from gatewise.errors import ArgumentError, RunNotFoundError, UnknownKeywordError
from gatewise.gates.gate import Gate
from gatewise.gates.results import GateResult, GateResults
from gatewise.gates.table import WORDS

Gates = str | Path | Sequence[Gate | Mapping[str, Any]] | None


class Evaluated(Result):
    """What gates said of a run: it prints as the table and why it fails."""

    def __init__(self, results: GateResults, page: Path | None) -> None:
        self._results, self._page = results, page

    @property
    def passed(self) -> bool:
        """Whether no gate fails."""
        return self._results.passed

    @property
    def results(self) -> tuple[GateResult, ...]:
        """One a gate, in their order."""
        return self._results.results

    @property
    def sentence(self) -> str:
        """Whether it passes, and of each gate that fails why."""
        return self._results.sentence

    def require(self) -> None:
        """Goes on only where no gate fails.

        Raises:
            GateError: one does.
        """
        self._results.require()

    def report(self) -> Report | None:
        """The page; `None` where the run's folder can't be written."""
        return None if self._page is None else Report(self._page)

    def to_dict(self) -> dict[str, Any]:
        """What `gatewise evaluate --json` prints."""
        return self._results.to_dict() | {"page": self._page and str(self._page)}

    @property
    def summary(self) -> Summary:
        from gatewise.gates.words import cells

        results = self._results
        head, lines = cells(results)
        notes = [results.sentence, *results.remarks, *(results.looks.lines if results.looks else ())]
        facts = {"run": results.run_id} | ({"page": str(from_here(self._page))} if self._page else {})
        return Summary(results.headline, results.tone, "", head[1:], lines, notes, facts)


def evaluate(
    model: str | Path | Model,
    gates: Gates = None,
    *,
    symbol: str | None = None,
    model_type: str | None = None,
    against: str | Path | Model | None = None,
    whole_interval: bool = False,
    page: str | Path | None = None,
    **bounds: Any,
) -> Evaluated:
    """Holds a run's stored test figures against gates; nothing is scored anew.

    `gatewise.evaluate("3f2a", min_accuracy=0.55, max_calibration_error=0.05)` asks what `gatewise evaluate` asks by
    flags of these names. Without a gate the default ones are asked.

    Args:
        model: a run's id (or enough of its start) or name, NAME@champion, its folder, or what `fit` gave.
        gates: a YAML or JSON file, or a list of `gatewise.gates.Gate` or of mappings as such a file holds.
        symbol: whose rows alone are judged, of a run of several.
        model_type: which kind the model must be.
        against: the run in use, named likewise, for the gain over the champion.
        whole_interval: the bounds below hold for whole intervals.
        page: where the page goes; `None`: gates.html in the run's folder.
        bounds: min_accuracy, max_log_loss, ..., as `gatewise evaluate --help` lists them.

    Raises:
        RunNotFoundError, ReadError: no such run, or none that was judged.
        ConfigError: no test rows, a metric that the run has not, a gate that is none.
    """
    are_texts(symbol=symbol, model_type=model_type)
    with speaking(True):
        from gatewise.gates.evaluate import evaluate_run

        asked = asked_gates(gates, bounds, whole_interval, evaluate)
        champion = None if against is None else _folder_of(against)
        place = None if page is None else Path(page)
        return Evaluated(*evaluate_run(_folder_of(model), asked, symbol, model_type, champion, place))


def asked_gates(
    given: Gates, bounds: Mapping[str, Any], whole_interval: bool, function: Callable[..., object]
) -> tuple[Gate, ...]:
    """The gates of a call; see `chosen_gates`.

    Args:
        function: that was called, whose own keywords are listed beside `WORDS` where one is not known.
    """
    from gatewise.gates.read import chosen_gates

    for name in bounds:
        if name not in WORDS:
            raise UnknownKeywordError(name, {*WORDS, *signature(function).parameters} - {"bounds"})
    return chosen_gates(given, bounds, whole_interval)


def _folder_of(model: str | Path | Model) -> Path:
    from gatewise.champions.named import find_any_run

    if isinstance(model, Model):
        if model.folder is None:
            raise RunNotFoundError("a bundle alone keeps no figures of test rows", 'gatewise.evaluate("ID of its run")')
        return model.folder
    if not isinstance(model, str | Path):
        raise ArgumentError(f"a model is a run's id or name, or a folder; got {model!r}", 'gatewise.evaluate("ID")')
    return find_any_run(str(Path(model).expanduser()) if isinstance(model, Path) else model)
