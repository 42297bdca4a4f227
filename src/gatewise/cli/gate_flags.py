"""Gates as flags: one for each of `gates.read.WORDS`, a file, and whether whole intervals must keep the bounds."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.config.flags import EVALUATION
from gatewise.gates.table import WORDS

if TYPE_CHECKING:
    from gatewise.gates.gate import Gate


@dataclass(frozen=True)
class GateFlags:
    """What the command line says of gates."""

    file: Path | None
    words: dict[str, Any]
    whole_interval: bool

    def gates(self) -> tuple[Gate, ...]:
        """Those that are named; the default ones where none is.

        Raises:
            ReadError, ConfigError: see `chosen_gates`.
        """
        from gatewise.gates.read import chosen_gates

        return chosen_gates(self.file, self.words, self.whole_interval)


def gate_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the flags to a command whose first parameter is `asked: GateFlags`."""
    signature = inspect.signature(command, eval_str=True)
    kept = [parameter for name, parameter in signature.parameters.items() if name != "asked"]
    extra = [
        _parameter("gates", Path | None, "--gates", "YAML of gates: - {metric: accuracy, at_least: 0.55, of: low}."),
        *(_parameter(name, w.type | None, f"--{name.replace('_', '-')}", w.help) for name, w in WORDS.items()),
        _parameter("whole_interval", bool, "--whole-interval", "Bounds of flags hold for whole intervals.", False),
    ]

    def wrapper(**given: Any) -> None:
        words = {name: given.pop(name) for name in WORDS}
        command(asked=GateFlags(given.pop("gates"), words, given.pop("whole_interval")), **given)

    parameters = [*kept, *extra]
    wrapper.__name__ = command.__name__
    wrapper.__doc__ = command.__doc__
    wrapper.__dict__["__signature__"] = inspect.Signature(parameters)
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapper


def _parameter(name: str, annotation: Any, flag: str, help: str, default: Any = None) -> inspect.Parameter:
    option = typer.Option(flag, help=help, rich_help_panel=EVALUATION)
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=Annotated[annotation, option])
