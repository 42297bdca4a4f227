"""The command `gatewise`: the sub-commands' assembly and the one place where errors become words.

Data goes to stdout (with --json exactly one object), words to stderr; an error is one line and a hint, exit code 2.
"""

from __future__ import annotations

import json
import sys

import typer

from gatewise.cli import audit, config, data, models, predict, runs, train
from gatewise.errors import GatewiseError

app = typer.Typer(
    name="gatewise",
    help="From raw rows to a model that is trained honestly, proved and saved.\n\nTry: gatewise train --source sp500",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (data, models, config, runs):
    group.register(app)
for verb in (train, predict, audit):
    verb.register(app)


def run() -> None:
    """The console script. Exit codes: 0 done, 1 a check failed, 2 an error that is the user's to mend, 130 Ctrl-C."""
    try:
        app()
    except GatewiseError as error:
        sys.exit(report_error(error, as_json="--json" in sys.argv))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def report_error(error: GatewiseError, as_json: bool) -> int:
    """Prints a typed error and returns the exit code."""
    if as_json:
        body = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        print(json.dumps({"error": body}))
    else:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
    return 2
