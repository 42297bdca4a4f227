"""What belongs to a whole process, as far as Python itself knows it: what a library must leave to its program."""

from __future__ import annotations

import asyncio
import csv
import decimal
import faulthandler
import gc
import locale
import logging
import mimetypes
import multiprocessing
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.request
import warnings
from pathlib import Path
from typing import Any


def state_of_python() -> dict[str, Any]:
    """By name; finders of modules are left out, which packages need as long as they are loaded."""
    return {
        "Python's generator": random.getstate(),
        "filters": list(warnings.filters),
        "warnings are shown by": warnings.showwarning,
        "environment": dict(os.environ),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "folder": os.getcwd(),
        "umask": _umask(),
        "locale": locale.setlocale(locale.LC_ALL),
        "time zone": time.tzname,
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.displayhook),
        "watchers": (sys.getprofile(), threading.getprofile()),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "paths": list(sys.path),
        "limits": (
            sys.getrecursionlimit(),
            sys.getswitchinterval(),
            sys.get_int_max_str_digits(),
            threading.stack_size(),
        ),
        "collector": (gc.isenabled(), gc.get_threshold(), gc.get_debug(), len(gc.callbacks)),
        "faulthandler": faulthandler.is_enabled(),
        "decimals": str(decimal.getcontext()).split(", flags=")[0],  # flags are each thread's own: what it met so far
        "logging": (
            list(logging.root.handlers),
            list(logging.root.filters),
            logging.root.level,
            logging.root.manager.disable,
            logging.getLoggerClass(),
            logging.getLogRecordFactory(),
        ),
        "sockets": (socket.getdefaulttimeout(), urllib.request._opener),  # type: ignore[attr-defined]
        "event loops": type(asyncio.get_event_loop_policy()),
        "temporary files": tempfile.tempdir,
        "fields of CSV": csv.field_size_limit(),
        "kinds of files": mimetypes.inited,
        "priority": os.nice(0),
    }


def _umask() -> str:
    """Read where nothing need be set for it."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((line for line in lines if line.startswith("Umask:")), "")
