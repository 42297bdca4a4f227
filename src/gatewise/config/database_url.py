"""A database's URL as it may be shown and kept: without its password."""

from __future__ import annotations

import re

from gatewise.errors import hide_passwords

MASK = "***"
_SECRET = re.compile(r"pass|pwd|secret|token|odbc_connect", re.IGNORECASE)


def masked_url(text: str) -> str:
    """The URL with its password, and what its query says of passwords, as `***`; without one as it was written."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        return hide_passwords(text)
    secret = {name: MASK for name in url.query if _SECRET.search(name)}
    if url.password is None and not secret:
        return text
    shown = url.update_query_dict(secret).render_as_string(hide_password=True)
    return shown.replace("%2A%2A%2A", MASK)


def without_mask(text: str | None) -> str | None:
    """A masked URL as it would read without a password, so that both have one hash."""
    return text.replace(f":{MASK}@", "@") if text else text
