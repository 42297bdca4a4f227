"""What Typer finds wrong with a command line, in the shape of gatewise's own errors: one line and a hint."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gatewise.config.flags import FIELD_FLAGS
from gatewise.errors import one_line

_MUST_BE = {"a valid integer": "a whole number", "a valid number": "a number", "a finite number": "a finite number"}


# Options of other commands, and what there is instead: {command: {option: hint}}.
_INSTEAD = {
    "gatewise cv": {
        "--stop-after-epoch": "each training of a cross-validation has all its epochs: --max-epochs 20 gives fewer, "
        "--max-time 10m a time for each, --quick a first look; Ctrl-C keeps what is finished, --resume goes on"
    },
    "gatewise tune": {
        "--max-time": "--timeout 30m ends the search",
        "--stop-after-epoch": "--max-epochs 20 gives each trial fewer",
    },
}


def usage_words(error: Any, command: Any, words: Sequence[str]) -> tuple[str, str]:
    """Message and hint.

    Args:
        error: a usage error of Typer's.
        command: the outermost one.
        words: what was typed after its name.
    """
    path = ["gatewise"]
    while inner := getattr(command, "commands", {}).get(words[len(path) - 1] if len(path) <= len(words) else ""):
        path.append(words[len(path) - 1])
        command = inner
    name, help_page = " ".join(path), f"{' '.join(path)} --help"
    match type(error).__name__:
        case "NoArgsIsHelpError":
            return f"{name} takes a command", f"one of {', '.join(command.commands)}: {help_page}"
        case "NoSuchOption":
            instead = _INSTEAD.get(name, {}).get(error.option_name)
            hint = instead or _nearest_option(error.option_name, command, help_page)
            return f"unknown option {one_line(error.option_name)}", hint
        case "BadOptionUsage":
            takes = "takes no value" if "does not take" in error.message else "takes a value"
            return f"{error.option_name} {takes}", help_page
        case "MissingParameter":
            return f"{name} needs {_shown(error.param)}", f"{error.param.help or ''} See {help_page}".strip()
        case "BadParameter" if error.param is not None:
            return f"{_shown(error.param)} {_wanted(error)}", help_page
    if (rest := _left_over(error, words)) is not None:
        known = getattr(command, "commands", None)
        if known is not None:
            near = difflib.get_close_matches(rest, known, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            return f"unknown command {rest!r}", f"{guess}valid: {', '.join(known)}"
        takes_data = any("--data" in param.opts for param in command.params)
        is_data = takes_data and (Path(rest).exists() or any(sign in rest for sign in "*?"))
        return f"{name} takes no {rest!r}", f"--data {shlex.quote(rest)}" if is_data else help_page
    return error.format_message(), help_page


def _left_over(error: Any, words: Sequence[str]) -> str | None:
    """The word that no command and no argument takes; `None` where that is not what is wrong."""
    for begin in ("No such command ", "Got unexpected extra argument"):
        if error.message.startswith(begin):
            return next((word for word in words if word in error.message.removeprefix(begin)), None)
    return None


def _nearest_option(unknown: str, command: Any, help_page: str) -> str:
    meant = {option: option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    if "--set" in meant:
        meant |= _fields() | meant
    longer = [option for option in meant if option.startswith(unknown) and unknown.startswith("--")]
    near = longer[:1] or difflib.get_close_matches(unknown, meant, n=1, cutoff=0.7)
    return f"did you mean {meant[near[0]]}? See {help_page}" if near else help_page


def _fields() -> dict[str, str]:
    """What a field that has no flag would be called, and how it is set."""
    from gatewise.config.fields import leaves

    names = {path[-1]: ".".join(path) for path, _ in leaves() if ".".join(path) not in FIELD_FLAGS}
    return {f"--{name.replace('_', '-')}": f"--set {dotted}=…" for name, dotted in names.items()}


def _shown(param: Any) -> str:
    return str(max(param.opts, key=len) if param.param_type_name == "option" else param.metavar or param.name.upper())


def _wanted(error: Any) -> str:
    """What a value must be, and what it was, as far as Typer hands that on."""
    details = getattr(error.__cause__, "errors", lambda: [{"msg": error.message, "input": None}])()[0]
    text = details["msg"].removeprefix("Value error, ").replace("Input should be", "must be").split(",")[0]
    for theirs, ours in _MUST_BE.items():
        text = text.replace(theirs, ours)
    text = text.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    return text if details["input"] is None else f"{text}; got {one_line(str(details['input']))!r}"
