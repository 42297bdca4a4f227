"""The command `gatewise`: the one place where errors become words.

Data goes to stdout (with --json exactly one object), words to stderr; an error is one line and a hint, exit code 2, or
3 where a gate fails.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import signal
import sys

from gatewise import host
from gatewise.errors import GatewiseError, Interrupted, hide_passwords

INTERRUPTED = 130  # as shells have it: 128 + SIGINT


def run() -> None:
    """The console script. Exit codes: 0 done, 1 a check failed, 2 an error that is the user's to mend, 3 a gate fails,
    130 Ctrl-C.
    """
    _speak_utf8()
    as_json = "--json" in sys.argv
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe or terminal may know less than UTF-8; stderr escapes already
        sys.stdout.reconfigure(errors="backslashreplace")
    host.prepare()
    signal.signal(signal.SIGTERM, _interrupt)  # so that a stopped container keeps its best weights, as Ctrl-C does
    try:
        code = _run(as_json)
    except Interrupted as error:
        report_error("Interrupted", f"interrupted {error}", None, as_json)
        code = INTERRUPTED
    except KeyboardInterrupt:
        code = report_interruption(as_json)
    else:
        if code == INTERRUPTED:  # what Typer makes of Ctrl-C
            report_interruption(as_json)
    if code == INTERRUPTED:
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # an impatient second one needs no words
    sys.exit(code)


def _run(as_json: bool) -> int:
    from typer.main import get_command

    from gatewise.cli.app import UsageError, app  # within, as it takes most of the time until Ctrl-C finds a command

    try:
        return int(app(standalone_mode=False) or 0)
    except GatewiseError as error:
        report_error(type(error).__name__, error.message, error.hint, as_json)
        return error.exit_code
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
            error.show()
            return 2
        from gatewise.cli.usage import usage_words

        message, hint = usage_words(error, get_command(app), sys.argv[1:])
        return report_error("UsageError", hide_passwords(message), hide_passwords(hint), as_json)


def report_interruption(as_json: bool) -> int:
    """Ctrl-C before there was anything to keep."""
    report_error("Interrupted", "interrupted; nothing was left half-written", None, as_json)
    return INTERRUPTED


def report_error(kind: str, message: str, hint: str | None, as_json: bool) -> int:
    """Prints an error, on stdout as an object with --json and else on stderr, and returns the exit code."""
    if hint:
        from gatewise.cli.flags import translate  # within, as in `_run`

        hint = translate(hint)
    if as_json:
        print(json.dumps({"error": {"type": kind, "message": message, "hint": hint}}))
    else:
        from gatewise.cli.output import wrapped

        print(wrapped(f"error: {message}", sys.stderr), file=sys.stderr)
        if hint:
            print(wrapped(f"hint: {hint}", sys.stderr), file=sys.stderr)
    return 2


def _speak_utf8() -> None:
    """Begins anew in Python's UTF-8 mode where the locale knows ASCII alone.

    There a path's other letters arrive as lone surrogates, which neither Polars nor MLflow nor JSON can write.
    """
    if codecs.lookup(sys.getfilesystemencoding()).name == "ascii":
        os.environ["PYTHONUTF8"] = "1"  # for workers too
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
