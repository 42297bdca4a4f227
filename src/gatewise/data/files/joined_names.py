"""Columns that join a field and a symbol in one name (`Close_AAPL`, `AAPL Close`): pandas' two levels, flattened.

They are read as rows of each symbol where a grid proves it: every symbol has the same fields, and these are open, high,
low and close, or several symbols in capitals share a price. Features of one series are called so, too (`close_ma20`,
`volume_change`, `bid_close`): they stand beside a plain price, or their words say what they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from gatewise.config.schema import DataConfig
from gatewise.data.columns.spellings import SYMBOLS, VALUES, normalise
from gatewise.data.files.header import Label
from gatewise.data.files.json_keys import read_keys
from gatewise.data.files.text import Raw
from gatewise.data.files.wide import to_long
from gatewise.data.table import OHLC, ROW
from gatewise.errors import AmbiguousError

_SEPARATORS = "_ .|-:/"
_TARGETS = {spelling: target for target, spellings in VALUES.items() for spelling in spellings}
_PRICES = {*OHLC, "adj_close"}
_TICKER = re.compile(r"\d{5,6}|(?=.*[^\W\d_])[\w^$][\w^$.:=&/-]*")
# What is made of a price, or says which one it is.
_MADE = {
    *("ma", "sma", "ema", "wma", "dema", "tema", "kama", "std", "stdev", "mean", "avg", "average", "median", "sum"),
    *("min", "max", "count", "lag", "lead", "shift", "diff", "delta", "change", "changes", "chg", "pct", "percent"),
    *("ret", "returns", "log", "norm", "normalized", "normalised", "scaled", "z", "zscore", "score", "rank", "ratio"),
    *("roc", "mom", "momentum", "rsi", "macd", "atr", "adx", "cci", "obv", "bb", "upper", "lower", "band", "bands"),
    *("vol", "volatility", "var", "skew", "kurt", "range", "trend", "smooth", "smoothed", "rolling", "cum", "cumsum"),
    *("prev", "previous", "prior", "next", "last", "first", "ha", "heikin", "ashi", "renko", "vwap", "twap", "typical"),
    *("weighted", "interest", "time", "date", "day", "ts", "timestamp", "flag", "signal", "target", "label", "pred"),
    *("x", "y", "left", "right", "value", "price", "fill", "filled", "ffill", "na", "nan", "isna", "missing", "idx"),
    *("curr", "current", "now", "today", "tomorrow", "yesterday", "past", "future", "later", "earlier", "latest"),
    *("raw", "orig", "original", "clean", "cleaned", "session", "rth", "eth", "premarket", "postmarket", "overnight"),
    *("lagged", "leading", "shifted", "old", "new", "before", "after"),
}
_MONEY = {"usd", "eur", "gbp", "jpy", "krw", "chf", "aud", "cad", "nzd", "cny", "hkd", "try", "brl", "rub", "inr"}


def in_rows_of_symbols(raw: Raw, spec: DataConfig) -> Raw:
    """Rows of each symbol where names of columns join fields and symbols, unless the user says what they are.

    Raises:
        AmbiguousError: they may be those of several symbols, and nothing proves it.
    """
    names = [name for name in raw.frame.columns if name != ROW]
    if spec.symbol or spec.symbol_column or {*spec.columns, *spec.rename.values()} & {*names}:
        return raw
    labels = labels_of_joined(raw.name, names)
    if labels is None:
        return raw
    frame, notes = to_long(raw.frame.select(*names, ROW), labels)
    return replace(raw, frame=frame, notes=(*raw.notes, *notes))


def labels_of_joined(name: str, names: Sequence[str]) -> tuple[Label, ...] | None:
    """What each column is by its joined name; None: the names are those of one series.

    Args:
        name: how errors call the file.
        names: of all columns.
    """
    if any(_is_plain(column) for column in names):
        return None
    ways = [[_split(column, mark, ahead) for column in names] for mark in _SEPARATORS for ahead in (True, False)]
    labels = max(ways, key=lambda way: sum(label.symbol is not None for label in way))
    fields: dict[str, set[str]] = {}
    for label in labels:
        if label.symbol is not None:
            fields.setdefault(label.symbol, set()).add(_TARGETS[label.field])
    if not fields or any(key.kind != "symbol" for key in read_keys(fields)) or not all(map(_TICKER.fullmatch, fields)):
        return None
    written = [column for column, label in zip(names, labels, strict=True) if label.symbol is not None]
    in_capitals = all(symbol.upper() == symbol for symbol in fields) and not all(n.upper() == n for n in written)
    made = [_is_made(symbol) for symbol in fields]
    if all(made) if in_capitals else any(made):
        return None
    of_bars = any(set(OHLC) <= field_names for field_names in fields.values())
    counts = Counter(label.field for label in labels if label.symbol is not None)
    shared = {field for field, count in counts.items() if count > 1 and _TARGETS[field] in _PRICES}
    if not of_bars and not (shared if in_capitals else shared & {"close", "adj_close"}):
        return None
    alike = len({frozenset(field_names) for field_names in fields.values()}) == 1
    once = len({(label.symbol, label.field) for label in labels if label.symbol}) == len(written)
    if alike and once and (of_bars or in_capitals):
        return tuple(labels)
    few = ", ".join(written[:4]) + (", …" if written[4:] else "")
    reason = "several symbols, of which some lack a field" if not alike else "several symbols, or of one series"
    raise AmbiguousError(
        f"{name}: its columns {few} may be those of {reason}",
        'write a file a symbol, or both levels of the header, each field for each symbol; data.symbol="NAME" takes '
        "them for columns of one series",
    )


def _split(column: str, mark: str, field_ahead: bool) -> Label:
    """A field and a symbol around a mark, the longest field that is spelled so; else the name alone."""
    parts = column.strip().split(mark)
    for count in range(len(parts) - 1, 0, -1):
        ahead, behind = (parts[:count], parts[count:]) if field_ahead else (parts[:-count], parts[-count:])
        field, symbol = (ahead, behind) if field_ahead else (behind, ahead)
        if (spelling := normalise(mark.join(field))) in _TARGETS and len(spelling) > 1 and all(symbol):
            return Label(spelling, mark.join(symbol).strip())
    return Label(column)


def _is_plain(column: str) -> bool:
    """Whether it is one series' field, or names the series; `1. open` is numbered, and 600519_Open is 600519's."""
    return normalise(column) in (*_TARGETS, *SYMBOLS) and re.match(r"\d{5}", column) is None


def _is_made(symbol: str) -> bool:
    parts = {word for word in re.split(r"[\d_ .|:/-]+", symbol.lower()) if word}
    return bool(parts & _MADE) or (len(parts) == 1 and parts <= _MONEY)
