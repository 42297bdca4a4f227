"""What the keys above tables in JSON say: whose rows they are, which part of a series, or another view of the same.

`AAPL`, `MSFT` are symbols; `2023`, `2024`, `page1`, `pre`, `today`, `train` are parts of one series, whose times
`pieces` holds apart; `bid`, `raw`, `1d`, `open` are views, of which several are no series.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from gatewise.data.columns.spellings import ALL_TIMES, VALUES, normalise
from gatewise.data.files.pieces import Piece
from gatewise.data.names.dates import DATE
from gatewise.data.names.intervals import read_interval
from gatewise.errors import AmbiguousError

Kind = Literal["wrapper", "part", "view", "symbol"]
_TICKER = re.compile(r"(?=.*[A-Z])[A-Z0-9^][A-Z0-9./:_=^-]*")
# What services call the part of an answer that holds the rows.
_WRAPPERS = re.compile(
    r"^(data|results?|values|candles|bars|rows|items|quotes?|chart|response|prices|ohlcv?|k_?lines?|list|records|points)$"
    r"|series|histor"
)
_PARTS = {
    *("page", "part", "chunk", "batch", "block", "slice", "fold", "split", "year", "month", "week", "day", "quarter"),
    *("q", "half", "first", "second", "third", "fourth", "last", "next", "previous", "prev"),
    *("pre", "premarket", "regular", "post", "postmarket", "market", "after", "afterhours", "hours", "overnight"),
    *("extended", "rth", "eth", "session", "morning", "afternoon", "evening", "night", "am", "pm"),
    *("today", "yesterday", "history", "historical", "hist", "current", "latest", "live", "recent", "past", "archive"),
    *("old", "new", "older", "newer", "now", "train", "training", "test", "testing", "val", "valid", "validation"),
    *("eval", "dev", "holdout", "oos", "in", "out", "of", "sample"),
}
_VIEWS = {
    *("bid", "ask", "mid", "raw", "adj", "adjusted", "unadj", "unadjusted", "split", "original", "clean", "cleaned"),
    *("nominal", "real", "spot", "future", "futures", "perp", "swap", "mark", "index", "premium", "funding"),
    *("buy", "sell", "long", "short", "call", "put", "calls", "puts", "actual", "predicted", "forecast", "scaled"),
    *("daily", "hourly", "weekly", "monthly", "yearly", "minutely", "minute", "intraday", "eod", "trade", "trades"),
    *("base", "quote", "benchmark", "total", "return"),
}
_TICKERS = {"ETH", "NOW", "PM", "AM", "SPOT", "OPEN", "LOW", "POST", "CALL", "DAY"}  # that are such words, too
_FIELDS = {*ALL_TIMES, *VALUES, *(s for spellings in VALUES.values() for s in spellings if len(s) > 1)}


@dataclass(frozen=True)
class Key:
    """A key on the way to a table.

    Attributes:
        text: as written.
        kind: of all keys of its object that lead to tables.
        several: there are others.
    """

    text: str
    kind: Kind
    several: bool = False


@dataclass(frozen=True)
class Way:
    """How a table in JSON is reached, and what names it.

    Attributes:
        keys: the outermost first.
        symbols: those that are said nearest to it; of several none is taken.
        has_symbols: a column of its own says whose each row is.
    """

    keys: tuple[Key, ...] = ()
    symbols: tuple[str, ...] = ()
    has_symbols: bool = False


def read_keys(texts: Collection[str]) -> list[Key]:
    """The keys of one object that lead to tables."""
    kinds = {text: _kind(text, alone=len(texts) == 1) for text in texts}
    tickers = {text for text in texts if _TICKER.fullmatch(text)}
    if any(kinds[text] == "symbol" for text in tickers):  # ETH beside BTC is no session
        kinds |= {text: "symbol" for text in tickers if text.isalpha() and kinds[text] != "wrapper"}
    kind: Kind = next(iter(kinds.values())) if len({*kinds.values()}) == 1 else "view"
    return [Key(text, kind, len(texts) > 1) for text in texts]


def name_tables(name: str, ways: Sequence[Way], symbol: str | None) -> tuple[list[str | None], list[Piece], list[str]]:
    """The symbol of each table, where something but a column says it; what the times are to be held against; notes.

    Args:
        name: how errors call the file.
        symbol: that the user said of the one series.

    Raises:
        AmbiguousError: several symbols are said of one table, or several tables are of one and no parts of it.
    """
    names: list[str | None] = []
    from_keys: dict[str, bool] = {}  # symbol -> written like one
    for way in ways:
        keyed = [key.text for key in way.keys if key.kind == "symbol" and (key.several or _TICKER.fullmatch(key.text))]
        may = tuple(dict.fromkeys(way.symbols or (() if way.has_symbols else keyed)))
        if may[1:] and not (symbol and len(ways) == 1):
            raise AmbiguousError(
                f"{name}: {' and '.join(map(repr, may))} may each be the symbol of the same table",
                'data.symbol="NAME" says whose rows they are' if len(ways) == 1 else "write a file a symbol",
            )
        names.append(symbol if may[1:] else may[0] if may else None)
        if may and not way.symbols:
            from_keys[may[0]] = _TICKER.fullmatch(may[0]) is not None
    notes, pieces = [], []
    if from_keys:
        notes.append(
            f"symbols are read from the keys: {', '.join(list(from_keys)[:6])}{', …' if len(from_keys) > 6 else ''}"
        )
    if len(ways) > 1:
        _require_apart(name, ways, names)
        labels = [".".join(key.text for key in way.keys if key.several) for way in ways]
        alone = [s is not None and not from_keys.get(s, True) for s in names]
        pieces = [Piece(label, is_series) for label, is_series in zip(labels, alone, strict=True)]
        if any(names.count(s) > 1 for s in names) and (parts := [label for label in labels if label]):
            notes.append(f"parts of one series by their keys: {', '.join(parts[:6])}{', …' if parts[6:] else ''}")
    return names, pieces, notes


def _require_apart(name: str, ways: Sequence[Way], symbols: Sequence[str | None]) -> None:
    allowed: dict[bool, set[Kind]] = {True: {"part", "symbol"}, False: {"part"}}
    for way, symbol in zip(ways, symbols, strict=True):
        rivals = [w for w, s in zip(ways, symbols, strict=True) if s == symbol and w is not way]
        texts = [key.text for w in (way, *rivals) for key in w.keys if key.several]
        distinct = [key for key in way.keys if key.several and any(key not in rival.keys for rival in rivals)]
        mixed = symbol is None and not way.has_symbols and any(symbols)
        if mixed or (rivals and (not distinct or any(key.kind not in allowed[way.has_symbols] for key in distinct))):
            listed = ", ".join(dict.fromkeys(texts)) or "keys"
            raise AmbiguousError(
                f"{name}: the keys of its tables ({listed[:80]}) are neither symbols nor parts of one series",
                "keep the one that is meant, or write a file each, named for what it holds",
            )


def _kind(text: str, alone: bool) -> Kind:
    spelling = normalise(text)
    if re.fullmatch(DATE, text, re.IGNORECASE) or re.fullmatch(r"\d{1,3}|\d{4}-\d\d-\d\d[T ].*", text):
        return "part"
    if alone and text in _TICKERS:
        return "symbol"
    if letters := {word for word in _words(text) if not word.isdigit()}:
        if letters <= _PARTS:
            return "part"
        if (
            letters & _VIEWS
            or (len(text) > 1 and spelling in _FIELDS)
            or (re.search(r"\d", text) and read_interval(text))
        ):
            return "view"
    return "wrapper" if _WRAPPERS.search(spelling) else "symbol"


def _words(text: str) -> list[str]:
    """`preMarket`, `page1`, `test_set` -> pre market, page 1, test set."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", text)]
