"""Where in a JSON value its table is: arrays of objects or of arrays, objects of arrays or of objects, and answers of
services that wrap one such table, or one a symbol.

Shapes: pandas' `to_json` in each orient; the candles of Binance, Kraken, Coinbase and ccxt; the UDF answers of
TradingView's feeds and Finnhub; Alpha Vantage, Twelve Data, Polygon, Alpaca, Yahoo's chart, CoinGecko.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gatewise.data.columns.spellings import ALL_TIMES, SYMBOLS, VALUES, normalise
from gatewise.data.files.header import is_value
from gatewise.data.files.json_keys import Key, Way, read_keys

_KNOWN = {*ALL_TIMES, "t", *(spelling for spellings in VALUES.values() for spelling in spellings)}
_TIMES = {*ALL_TIMES, "t"}
_ZONES = ("time_zone", "timezone", "exchange_timezone", "exchangetimezonename")
# Objects beside a table that say something of it; what others say (benchmark, currency, exchange) is their own.
_ABOUT = re.compile(
    r"meta|info|header|param|^(data|results?|response|chart|request|query|args?|subscription|details|profile|summary)$"
    r"|^(asset|instrument|security|stock|ticker|symbol|contract|coin|pair)$"
)


@dataclass(frozen=True)
class Found:
    """A table in JSON.

    Attributes:
        columns: names to values, where they have names.
        rows: else values row by row.
        keys: that lead to it, the outermost first.
        symbols: that all rows are of, where something beside them says so: what is nearest, several where it differs.
        zone: of the stamps, likewise.
    """

    columns: dict[str, list[Any]] = field(default_factory=dict)
    rows: tuple[list[Any], ...] = ()
    keys: tuple[Key, ...] = ()
    symbols: tuple[str, ...] = ()
    zone: str | None = None

    @property
    def way(self) -> Way:
        return Way(self.keys, self.symbols, any(normalise(name) in SYMBOLS for name in self.columns))


def find_tables(value: Any) -> list[Found]:
    """The table of a JSON value, or one a symbol; none where there is no such, or where several are not alike."""
    if isinstance(value, list):
        return _of_list(value)
    if not isinstance(value, dict) or not value:
        return []
    nearest, below = _of_object(value), dict[str, list[Found]]()
    if not nearest:
        below = {key: tables for key, inner in value.items() if (tables := find_tables(inner))}
        nearest = _of_parts(below)
    beside = {key: inner for key, inner in value.items() if key not in below}
    symbols, zones = _texts_about(beside, SYMBOLS), _texts_about(beside, _ZONES)
    zone = zones[0] if zones else None
    return [replace(table, symbols=table.symbols or symbols, zone=table.zone or zone) for table in nearest]


def _of_list(value: list[Any]) -> list[Found]:
    first = find_tables(value[0]) if value and isinstance(value[0], dict) else []
    if first and len(value) == 1:
        return first
    if value and all(isinstance(row, dict) for row in value):
        if any(map(_is_timed, first)):
            return _of_answers([first, *map(find_tables, value[1:])])
        return [Found(_records(value))]
    if value and all(isinstance(row, list) and row and not any(map(_is_nested, row)) for row in value):
        head, rows = value[0], value
        if all(isinstance(cell, str) and not is_value(cell) for cell in head) and len(set(head)) == len(head):
            return [Found(_named(head, rows[1:]))]
        return [Found(rows=tuple(rows))]
    return []


def _of_answers(responses: list[list[Found]]) -> list[Found]:
    """Tables one after another, each of which says whose it is."""
    keys = read_keys([str(number) for number in range(1, len(responses) + 1)])
    tables = [replace(t, keys=(key, *t.keys)) for key, response in zip(keys, responses, strict=True) for t in response]
    named = all(responses) and all(table.symbols and _is_timed(table) for table in tables)
    return tables if named and _are_alike(tables) else []


def _of_object(value: dict[str, Any]) -> list[Found]:
    """Tables that are written as an object by themselves."""
    if isinstance(value.get("schema"), dict) and isinstance(value.get("data"), list):
        return find_tables(value["data"])  # pandas, orient table
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        columns = _named([str(name) for name in value["columns"]], value["data"])
        return [Found(_with_index(columns, value.get("index", [])))]
    # Times of this object itself: what an object within has with times of its own is another table.
    time = next((key for key, inner in value.items() if normalise(key) in _TIMES and _is_plain(inner)), None)
    if time is not None:
        lists = _by_name(dict(_lists(value)))
        return [Found({k: v for k, v in lists.items() if len(v) == len(value[time]) or normalise(k) in _KNOWN})]
    inner = [entry for entry in value.values() if isinstance(entry, dict) and not any(map(_is_nested, entry.values()))]
    if not inner or len(inner) < len(value):
        return []
    if _spelled(value) and not _spelled(inner[0]):  # pandas, orient columns
        keys = list(dict.fromkeys(key for entry in inner for key in entry))
        return [Found(_with_index({k: [entry.get(key) for key in keys] for k, entry in value.items()}, keys))]
    if _spelled(inner[0]) and all(map(is_value, value)):  # pandas, orient index; Alpha Vantage
        return [Found(_with_index(_records(inner), list(value)))]
    return []


def _of_parts(below: dict[str, list[Found]]) -> list[Found]:
    """Tables under several names, or the columns of one by time."""
    alone = {key: tables[0] for key, tables in below.items() if len(tables) == 1 and below.keys() - {key}}
    pairs = [table.rows and all(len(row) == 2 for row in table.rows) for table in alone.values()]
    if alone.keys() == below.keys() and pairs and all(pairs):
        times = [[row[0] for row in table.rows] for table in alone.values()]
        if all(stamps == times[0] for stamps in times):
            return [Found({"time": times[0], **{k: [row[1] for row in t.rows] for k, t in alone.items()}})]
        return []
    pieces = [
        replace(table, keys=(key, *table.keys))
        for key, tables in zip(read_keys(below), below.values(), strict=True)
        for table in tables
    ]
    return pieces if _are_alike(pieces) else []


def _are_alike(tables: list[Found]) -> bool:
    return len({(tuple(sorted(table.columns)), bool(table.rows)) for table in tables}) == 1


def _is_timed(table: Found) -> bool:
    return bool(table.rows) or any(normalise(name) in _TIMES for name in table.columns)


def _lists(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """Arrays of plain values in an object, in objects within it, and in arrays of one object, by the keys to them."""
    for key, inner in value.items():
        entry = inner[0] if isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict) else inner
        if isinstance(entry, dict):
            yield from _lists(entry, (*above, key))
        elif _is_plain(entry):
            yield (*above, key), entry


def _records(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    flat = [dict(_leaves(row)) for row in rows]
    paths = dict.fromkeys(path for row in flat for path in row)
    return _by_name({path: [row.get(path) for row in flat] for path in paths})


def _by_name(columns: dict[tuple[str, ...], list[Any]]) -> dict[str, list[Any]]:
    """What lies in an object within is a column of its own name, where no other has it."""
    last = Counter(path[-1] for path in columns)
    return {path[-1] if last[path[-1]] == 1 else ".".join(path): values for path, values in columns.items()}


def _leaves(row: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _named(names: list[str], rows: list[Any]) -> dict[str, list[Any]]:
    lengths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if lengths - {len(names)} or len(set(names)) < len(names):
        return {}
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _with_index(columns: dict[str, list[Any]], index: list[Any]) -> dict[str, list[Any]]:
    """The index as a column of times, where no other is one; a plain count of rows is none."""
    if any(normalise(name) in _TIMES for name in columns) or not index or not all(is_value(str(key)) for key in index):
        return columns
    return columns if [str(key) for key in index] == [str(n) for n in range(len(index))] else {"time": index, **columns}


def _texts_about(value: dict[str, Any], spellings: tuple[str, ...]) -> tuple[str, ...]:
    """Texts beside a table, or in objects there that are about it, by the best spelling that is nearest."""
    level = [value]
    while level:
        texts = {(normalise(k), text) for inner in level for k, text in inner.items() if isinstance(text, str) and text}
        for spelling in spellings:
            if values := sorted(text for name, text in texts if name == spelling):
                return tuple(values)
        entries = [(k, v[0] if isinstance(v, list) and len(v) == 1 else v) for inner in level for k, v in inner.items()]
        level = [entry for key, entry in entries if isinstance(entry, dict) and _ABOUT.search(normalise(key))]
    return ()


def _spelled(keys: Any) -> bool:
    return any(normalise(key) in _KNOWN for key in keys)


def _is_plain(value: Any) -> bool:
    return isinstance(value, list) and not any(map(_is_nested, value))


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict | list)
