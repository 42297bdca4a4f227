"""The header of text: its lines, the names it gives to a row's cells, and headers of several lines (field, symbol).

pandas writes columns of two levels as a line a level, below them a line with the index's name: what yfinance,
pandas-datareader and pivoted tables look like. Which level holds fields and which symbols is told by the spellings.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gatewise.data.cells.missing import MISSING, may_be_ticker
from gatewise.data.columns.spellings import ALL_TIMES, SYMBOLS, VALUES, normalise
from gatewise.errors import ReadError

_FIELDS = {spelling for spellings in VALUES.values() for spelling in spellings if len(spelling) > 1}
_SYMBOLS = {*SYMBOLS, *(f"{spelling}s" for spelling in SYMBOLS)}
MORE_CELLS = (
    "give every cell of a row a name in the header, and no name without a cell; a file whose numbers hold its "
    "separator (46,410 between commas) must be written again, with quotes or another separator"
)
# ISO 4217 for what is traded most, what is counted, types of programs, and the rules of tables in Markdown.
_UNIT = re.compile(
    r"[$€£¥₩₹%]|:?-+:?|(?:USD|EUR|GBP|GBX|JPY|CHF|AUD|CAD|NZD|CNY|CNH|HKD|SGD|INR|KRW|TWD|BRL|MXN|ZAR|SEK|NOK|DKK|PLN"
    r"|CZK|HUF|TRY|ILS|RUB|THB|IDR|MYR|PHP|VND|CLP|ARS|units?|shares?|lots?|contracts?|pcs|points?|pts|currency|price"
    r"|percent|bps|float\d*|double|u?int(?:eger)?\d*|bigint|numeric|number|decimal|str(?:ing)?|text|varchar|object|date"
    r"|datetime(?:64\[[num]?s\])?|time(?:stamp)?)",
    re.IGNORECASE,
)
_DATE = r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\s*\d{1,2}:\d{2}|\s*\d{8,19}(\.0+)?\s*$"


@dataclass(frozen=True)
class Label:
    """A column of a header of several lines: its field's name, and the symbol that it is of, if any."""

    field: str
    symbol: str | None = None


@dataclass(frozen=True)
class Header:
    """What stands above the rows.

    Attributes:
        names: of the cells of a row; empty where a column has none.
        lines: how many lines it takes.
        labels: with several lines, what each cell is; else none.
        note: what was passed over.
    """

    names: tuple[str, ...]
    lines: int = 1
    labels: tuple[Label, ...] = ()
    note: str | None = None


def read_header(name: str, lines: Sequence[Sequence[str]]) -> Header:
    """Reads the header at the top of lines that are split into cells; the first one is part of it.

    Raises:
        ReadError: a line beside the names with one word for all that is not written like a symbol.
    """
    names = tuple(cell.strip() for cell in lines[0])
    if num_counters := _counters(lines):
        inner = read_header(name, [line[num_counters:] for line in lines])
        if inner.labels and inner.lines > 1:
            return Header(names, inner.lines, (*[Label("")] * num_counters, *inner.labels))
    labels = find_labels(lines[:2])
    index = [cell.strip() for cell in lines[2]] if len(lines) > 2 else []
    if labels and len(index) == len(labels) and index[0] and not any(index[1:]) and not is_value(index[0]):
        return Header(names, 3, (Label(index[0]), *labels[1:]))
    symbols = {label.symbol for label in labels or () if label.symbol is not None}
    called = any(normalise(line[0]) in _SYMBOLS for line in lines[:2] if line)
    if symbols and (called or len(symbols) > 1):
        return Header(names, 2, labels or ())
    if unit := _units(lines):
        return unit
    if labels is None:
        return Header(names, labels=labels_of_tuples(names) or ())
    (word,) = symbols
    if re.fullmatch(r"[^a-z]*[A-Z][^a-z]*", word) is None:
        raise ReadError(
            f"{name}: beside its columns' names stands {word!r} for all of them, a symbol or something else",
            "take that line out, and data.symbol says whose rows they are; Ticker in its first cell says it, too",
        )
    return Header(names, 2, labels)


def _units(lines: Sequence[Sequence[str]]) -> Header | None:
    """A header with a line of units, types or dashes below or above it."""
    for line, names_line in itertools.permutations(range(2)) if len(lines) > 1 else ():
        units = [cell.strip() for cell in lines[line] if cell.strip()]
        names = tuple(cell.strip() for cell in lines[names_line])
        known = sum(normalise(cell) in {*_FIELDS, *ALL_TIMES} for cell in names)
        if units and all(map(_UNIT.fullmatch, units)) and known > 1 and len(lines[line]) == len(names):
            return Header(names, 2, note=f"a line of units or types at the header skipped: {','.join(units)[:60]}")
    return None


def _counters(lines: Sequence[Sequence[str]]) -> int:
    """How many columns without a name at the left count lines from 0: the index of a table that pandas wrote again.

    It took the lines below the first one, or below the second one, for rows.
    """
    count = 0
    for cells in zip(*lines[:3], strict=False):
        first = next((place for place, cell in enumerate(cells) if not _is_nameless(cell)), len(cells))
        numbers = [cell.strip() for cell in cells[first:]]
        if not 0 < first < len(cells) or numbers != [str(number) for number in range(len(numbers))]:
            break
        count += 1
    return count


def find_labels(levels: Sequence[Sequence[str]], sure: bool = False) -> tuple[Label, ...] | None:
    """What each column is by the two levels of its name, one of fields and one of symbols; None: they are not such.

    Symbols are told from units and the like by what a pivot makes: the level calls itself so, or each symbol has the
    same fields.

    Args:
        sure: that these are two levels, and no line of units.
    """
    if len(levels) != 2 or len(levels[0]) != len(levels[1]) or len(levels[0]) < 2:
        return None
    if (plain := _unnumbered(levels[0])) != levels[0] and (inner := find_labels([plain, levels[1]], sure)) is not None:
        return inner
    cells = [["" if _is_nameless(cell) else cell.strip() for cell in level] for level in levels]
    called = [normalise(level[0]) in _SYMBOLS for level in cells]
    spelled = [len(_FIELDS & {normalise(cell) for cell in level}) for level in cells]  # LOW and OPEN are tickers too
    if not any(called) and spelled[0] == spelled[1]:
        return None
    symbol_level = called.index(True) if sum(called) == 1 else spelled.index(min(spelled))
    symbols, fields = cells[symbol_level], cells[1 - symbol_level]
    if not spelled[1 - symbol_level] or any(map(is_value, fields)):
        return None
    if symbol_level == 0:  # a symbol above the first of its columns alone, as spreadsheets merge cells
        for place in range(2, len(symbols)):
            symbols[place] = symbols[place] or (symbols[place - 1] if fields[place] else "")
    # What was an index has its name on the upper level and none on the lower.
    labels = [Label(f, s) if f and s else Label(f or s) for f, s in zip(fields, symbols, strict=True)]
    if called[symbol_level]:  # the first cells are the levels' names, and the index has none
        labels[0] = Label("")
    fields_of: dict[str, list[str]] = {}
    for label in labels:
        if label.symbol is not None:
            fields_of.setdefault(label.symbol, []).append(label.field)
    once = all(len(set(fields)) == len(fields) for fields in fields_of.values())
    sure = sure or any(called)
    blank = {symbol for symbol in fields_of if symbol.lower() in MISSING}
    valid = all(map(may_be_ticker, fields_of)) and (sure or len(blank) < len(fields_of))
    valid = valid and (any(called) or not any(map(is_value, fields_of)))
    alike = len({frozenset(fields) for fields in fields_of.values()}) == 1
    return tuple(labels) if once and valid and (alike or (fields_of and any(called))) else None


def labels_of_tuples(names: Sequence[str]) -> tuple[Label, ...] | None:
    """What columns are whose names are pairs, as pandas writes two levels in one line and into Parquet.

    `('Close', 'AAPL')` is such a pair. None: they are not such.
    """
    pairs = [_pair(name) for name in names]
    if not any(pairs):
        return None
    index = [place for place, pair in enumerate(pairs) if pair is None]
    levels = [["", *(pair[level] for pair in pairs if pair)] for level in (0, 1)]
    labels = find_labels(levels, sure=True)
    if labels is None:
        return None
    of_pairs = iter(labels[1:])
    return tuple(Label(names[place]) if place in index else next(of_pairs) for place in range(len(names)))


def uneven_header(name: str, above: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[Header, str] | None:
    """The header of rows that all have one and the same other number of cells than it; None: no header stands there.

    R writes an index without a name, so that a row has one cell more; so do separators at the ends of rows. A last cell
    that holds something has no such reason: a comma within numbers that nobody quoted makes one too.

    Args:
        above: the cells of the line above the first row.
        rows: cells of the first rows, of one length for most.

    Raises:
        ReadError: the lengths differ in a way that leaves open which cell has which name.
    """
    names, width = tuple(cell.strip() for cell in above), len(rows[0])
    known = sum(normalise(cell) in {*_FIELDS, *ALL_TIMES} for cell in names)
    sentence = any(len(cell.split()) > 2 for cell in names)
    if len(names) < 2 or any(map(is_value, names)) or not any(map(is_value, rows[0])) or (sentence and not known):
        return None
    more = [row for row in rows if len(row) == width]
    if len(names) == width + 1 and not names[-1]:
        return Header(names[:-1]), "the header ends with a separator, and rows don't"
    if len(names) == width - 1:
        if not any(row[-1].strip() for row in more):
            return Header((*names, "")), "rows end with a separator, and the header doesn't"
        first = next((place for place, cell in enumerate(names) if normalise(cell) in ALL_TIMES), None)
        left, right = (
            first is not None and all(re.match(_DATE, row[first + shift]) for row in more) for shift in (0, 1)
        )
        is_dated = normalise(names[0]) in _FIELDS and all(re.match(_DATE, row[0]) for row in more)
        cut = any(is_number(a) and is_number(b) for row in more for a, b in pairwise(row[: (first or 0) + 1]))
        if (right and not left and not cut) or (first is None and is_dated):
            return Header(("", *names)), "rows have one cell more than the header: their first has no name"
    elif known < 2:
        return None
    raise ReadError(
        f"{name}: its header has {len(names)} cells ({', '.join(names)[:60]}), its rows have {width}",
        MORE_CELLS,
    )


def is_value(cell: str) -> bool:
    """Whether a cell is a number, a date or a time of day: what rows hold and headers don't."""
    return is_number(cell) or re.match(_DATE, cell) is not None


def is_number(cell: str) -> bool:
    """Of digits, with any signs for decimals and thousands."""
    return re.fullmatch(r"\s*[+-]?(\d[\d.,']*|[.,]\d+)([eE][+-]?\d+)?\s*", cell) is not None


def _unnumbered(names: Sequence[str]) -> Sequence[str]:
    """Names without the numbers by which pandas, where it took them for a header's, told those of one name apart.

    Close, Close.1, Close.2 are Close three times, in a line in which no name comes twice.
    """
    if len({*names}) < len(names):
        return names
    counts: dict[str, int] = {}
    unnumbered = []
    for name in names:
        base, _, number = name.rpartition(".")
        plain = base if base in counts and number == str(counts[base]) else name
        counts[plain] = counts.get(plain, 0) + 1
        unnumbered.append(plain)
    return unnumbered


def _is_nameless(cell: str) -> bool:
    """Blank, or what pandas calls a column or level that has no name."""
    return not cell.strip() or re.fullmatch(r"\s*Unnamed: \d+(\.\d+)?(_level_\d+)?\s*", cell) is not None


def _pair(name: str) -> tuple[str, str] | None:
    if not (name.startswith("(") and name.endswith(")")):
        return None
    try:
        value = ast.literal_eval(name)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return (str(value[0]), str(value[1])) if isinstance(value, tuple) and len(value) == 2 else None
