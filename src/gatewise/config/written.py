"""How text is written: which encodings and which signs within numbers can be said."""

from __future__ import annotations

import codecs
import difflib
from encodings.aliases import aliases

from gatewise.errors import ConfigError

THOUSANDS = (",", ".", "'", " ")
DECIMALS = (".", ",")
# Codecs that turn text into text or bytes into bytes, and those of one system alone.
_NO_FILES = frozenset(("idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"))


def require_encoding(name: str) -> str:
    """Hands the name of a text encoding back.

    Raises:
        ConfigError: Python knows no such encoding, or it is none of text; the nearest name is in the hint.
    """
    if _is_text(name):
        return name
    known = [word for word in {*aliases, *aliases.values()} if _is_text(word)]
    near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    raise ConfigError(
        f"data.encoding {name!r} is no encoding of text",
        f"{guess}encodings have Python's names, such as cp949, gbk, shift_jis, cp1252",
    )


def require_signs(thousands: str | None, decimal: str | None) -> None:
    """Checks the signs within numbers.

    Raises:
        ConfigError: another sign than can be, or one sign for both.
    """
    for field, sign, signs in (("thousands", thousands, THOUSANDS), ("decimal", decimal, DECIMALS)):
        if sign is not None and sign not in signs:
            raise ConfigError(
                f"data.{field} must be one of {' '.join(map(repr, signs))}; got {sign!r}",
                "leave it out where the cells prove it",
            )
    if thousands is not None and thousands == decimal:
        raise ConfigError(
            f"data.thousands and data.decimal must differ; got {thousands!r} for both", "leave one of them out"
        )


def _is_text(name: str) -> bool:
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):  # absent, or no name at all
        return False
    return getattr(codec, "_is_text_encoding", True) and codec.name.replace("-", "_") not in _NO_FILES
