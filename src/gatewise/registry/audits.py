"""The audit that is kept beside a run: what was checked, and of which model, settings and rows.

It speaks for those alone: a bundle that was made anew, a config that was edited or code of one's own that has changed
is not what was audited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from gatewise.config.load import load_config
from gatewise.errors import ReadError
from gatewise.files import write_json
from gatewise.manifest import MANIFEST, address_of

FILE = "audit.json"
_SCHEMA = 1


class KeptAudit(NamedTuple):
    """What audit.json says.

    Attributes:
        passed: whether all checks did; failed: names of those that did not.
        utc: when it was made; version: of gatewise.
        config: digest of the run's config; bundle: SHA-256 of the bundle's manifest; data_fingerprint: of the table.
    """

    passed: bool
    failed: tuple[str, ...]
    utc: datetime
    version: str
    config: str
    bundle: str
    data_fingerprint: str

    def refusal(self, folder: Path) -> str | None:
        """Why it is no audit of the run in a folder; `None` where it is."""
        try:
            digest, address = load_config(folder / "config.yaml").digest, _address(folder)
            trained_on = json.loads((folder / "bundle" / "bundle.json").read_bytes())["data_fingerprint"]
        except (OSError, ValueError, KeyError, TypeError):
            return "the run's bundle can't be read"
        if self.bundle != address:
            return "the audit is of another bundle than the run has now"
        if self.config != digest:
            return "the audit is of another config than the run has now"
        return None if self.data_fingerprint == trained_on else "the audit is of other rows than the run's"


def keep_audit(folder: Path, audit: Mapping[str, Any], data_fingerprint: str) -> Path:
    """Writes what an audit found beside the run whose config it had, in the place of the one before.

    Args:
        folder: of the run, with its bundle.
        audit: passed, and checks with name, passed and detail each.
        data_fingerprint: of the table that was audited.

    Raises:
        StorageError: the folder can't be written.
    """
    values = {
        "schema": _SCHEMA,
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "gatewise_version": version("gatewise"),
        "config": load_config(folder / "config.yaml").digest,
        "bundle": _address(folder),
        "data_fingerprint": data_fingerprint,
    }
    write_json(folder / FILE, dict(audit) | values)
    return folder / FILE


def kept_audit(folder: Path) -> KeptAudit | None:
    """The audit beside a run; `None` where none was made.

    Raises:
        ReadError: it is damaged, or of a later version.
    """
    path = folder / FILE
    try:
        values = json.loads(path.read_bytes())
        if values["schema"] > _SCHEMA:
            raise ReadError(f"{path} is of a later version of gatewise", "use that version")
        failed = tuple(str(check["name"]) for check in values["checks"] if check["passed"] is not True)
        return KeptAudit(
            values["passed"] is True and bool(values["checks"]) and not failed,
            failed,
            datetime.fromisoformat(values["utc"]),
            *(str(values[name]) for name in ("gatewise_version", "config", "bundle", "data_fingerprint")),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReadError(f"{path} can't be read", f"make it again: gatewise audit --model {folder.name}") from error


def _address(folder: Path) -> str:
    return address_of({MANIFEST: (folder / "bundle" / MANIFEST).read_bytes()})
