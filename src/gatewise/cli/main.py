"""The command `gatewise`: the sub-commands' assembly and the one place where errors become words.

Data goes to stdout (with --json exactly one object), words to stderr; an error is one line and a hint, exit code 2.
"""

from __future__ import annotations

import io
import json
import signal
import sys
from typing import cast

import typer

from gatewise import host
from gatewise.cli import audit, config, cv, data, models, predict, runs, train, tune
from gatewise.errors import GatewiseError, Interrupted, hide_passwords

INTERRUPTED = 130  # as shells have it: 128 + SIGINT

app = typer.Typer(
    name="gatewise",
    help="From raw rows to a model that is trained honestly, proved and saved.\n\nTry: gatewise train --source sp500",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
# Typer carries its own copy of click and hands on only this subclass of its usage error.
_UsageError = cast(type[typer.BadParameter], typer.BadParameter.__bases__[0])

for group in (data, models, config, runs):
    group.register(app)
for verb in (train, cv, tune, predict, audit):
    verb.register(app)


def run() -> None:
    """The console script. Exit codes: 0 done, 1 a check failed, 2 an error that is the user's to mend, 130 Ctrl-C."""
    as_json = "--json" in sys.argv
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe or terminal may know less than UTF-8; stderr escapes already
        sys.stdout.reconfigure(errors="backslashreplace")
    host.prepare()
    signal.signal(signal.SIGTERM, _interrupt)  # so that a stopped container keeps its best weights, as Ctrl-C does
    try:
        code = app(standalone_mode=False)
    except GatewiseError as error:
        code = report_error(type(error).__name__, error.message, error.hint, as_json)
    except _UsageError as error:
        words = error.ctx.command_path if error.ctx else "gatewise"
        if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
            error.show()
            code = 2
        else:
            code = report_error("UsageError", hide_passwords(error.format_message()), f"{words} --help", as_json)
    except Interrupted as error:
        report_error("Interrupted", f"interrupted {error}", None, as_json)
        code = INTERRUPTED
    except KeyboardInterrupt:
        code = report_interruption(as_json)
    else:
        if code == INTERRUPTED:  # what Typer makes of Ctrl-C
            report_interruption(as_json)
    sys.exit(code)


def report_interruption(as_json: bool) -> int:
    """Ctrl-C before there was anything to keep."""
    report_error("Interrupted", "interrupted; nothing was left half-written", None, as_json)
    return INTERRUPTED


def report_error(kind: str, message: str, hint: str | None, as_json: bool) -> int:
    """Prints an error, on stdout as an object with --json and else on stderr, and returns the exit code."""
    if as_json:
        print(json.dumps({"error": {"type": kind, "message": message, "hint": hint}}))
    else:
        print(f"error: {message}", file=sys.stderr)
        if hint:
            print(f"hint: {hint}", file=sys.stderr)
    return 2


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
