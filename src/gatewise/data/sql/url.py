"""Which database: a URL from the config or the environment, whole again where it was kept without its password."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gatewise.config.database_url import MASK, masked_url
from gatewise.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

URL_VARIABLE = "GATEWISE_SQL_URL"
PASSWORD_VARIABLE = "GATEWISE_SQL_PASSWORD"
_ENVIRONMENT = f"set ${PASSWORD_VARIABLE} to it, or ${URL_VARIABLE} to the whole URL"


def resolve_url(given: str | None) -> URL:
    """The database to talk to.

    Args:
        given: `data.url`; `None`: `$GATEWISE_SQL_URL`. A URL of a saved config has `***` for its password, which then
            comes from `$GATEWISE_SQL_PASSWORD` or, where it names the same database, from `$GATEWISE_SQL_URL`. A URL
            with a user and no password takes that of `$GATEWISE_SQL_PASSWORD` too, if there is one.

    Raises:
        ConfigError: no database is named, the text is no URL, or its password is nowhere to be found.
    """
    named = os.environ.get(URL_VARIABLE)
    if not (text := given or named):
        raise ConfigError("no database is named", f'data.url="sqlite:///bars.db", or set ${URL_VARIABLE}')
    url = parse_url(text)
    whole = parse_url(named) if named else None
    if whole is not None and masked_url(shown(whole)) == masked_url(shown(url)):
        return _with_password(whole)
    if MASK in {part for value in url.query.values() for part in ([value] if isinstance(value, str) else value)}:
        raise ConfigError(f"{shown(url)} was kept without its password", f"set ${URL_VARIABLE} to the whole URL")
    if url.password == MASK and whole is not None and _place(whole) == _place(url) and whole.password:
        return url.set(password=str(whole.password))
    return _with_password(url)


def shown(url: URL) -> str:
    """The URL without its password, for words, logs and files."""
    return masked_url(url.render_as_string(hide_password=False))


def hidden(text: str, url: URL) -> str:
    """A text of a driver's, with the URL's password taken out in case it says it."""
    return text.replace(str(url.password), MASK) if url.password else text


def parse_url(text: str, setting: str = "data.url=") -> URL:
    """The URL that a text is, drivers of PostgreSQL settled.

    Args:
        setting: what it was given as, for the hint.

    Raises:
        ConfigError: the text is no URL.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            f"a database's URL reads dialect://user:password@host:port/database; got {masked_url(text)!r}",
            f'for example {setting}"sqlite:///bars.db" or postgresql://me@localhost/market; in a password, write @ / : '
            "as %40 %2F %3A",
        ) from error
    # SQLAlchemy 2.0 took psycopg2 for PostgreSQL where no driver is said; `postgres` is what many services hand out.
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def _with_password(url: URL) -> URL:
    password = os.environ.get(PASSWORD_VARIABLE)
    if url.password not in (None, MASK) or url.username is None:
        return url
    if password:
        return url.set(password=password)
    if url.password == MASK:
        raise ConfigError(f"{shown(url)} was kept without its password", _ENVIRONMENT)
    return url


def _place(url: URL) -> tuple[object, ...]:
    return url.get_backend_name(), url.username, url.host, url.port, url.database
