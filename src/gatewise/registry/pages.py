"""MLflow's own pages over our records, served on this machine alone."""

from __future__ import annotations

import os
import socket
import sys

from gatewise.errors import ConfigError
from gatewise.registry.tracking import artifact_folder, connect, tracking_uri

HOST = "127.0.0.1"


def pages_command(port: int) -> tuple[list[str], dict[str, str]]:
    """The program that serves the pages at `http://127.0.0.1:<port>`, and its environment.

    Raises:
        ConfigError: the port is taken, or the records are on a server, which has pages of its own.
        StorageError: the database can't be made or read.
    """
    uri = tracking_uri()
    if uri.startswith(("http:", "https:")):
        raise ConfigError("MLFLOW_TRACKING_URI names a server, which shows its own pages", f"open {uri}")
    _require_free(port)
    connect()
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--artifacts-destination",
        artifact_folder().as_uri(),
        "--host",
        HOST,
        "--port",
        str(port),
    ]
    command += ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    # The job runner is for MLflow's own language-model features and would start processes of its own.
    quiet = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "PYTHONWARNINGS": "ignore",
    }
    # A database's address may hold a password, and arguments are for everyone on the machine to see.
    return command, {**quiet, **os.environ, "MLFLOW_BACKEND_STORE_URI": uri}


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        if os.name != "nt":  # Windows would then lend a port that is taken
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"port {port} must be free: {error.strerror}", f"port={port + 1}") from error
