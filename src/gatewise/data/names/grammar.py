"""What files' names say: the symbol, the dates, the length of a bar, and whatever else, in any order.

Sources: names as Binance, Kraken, CryptoDataDownload, HistData, MetaTrader, NinjaTrader, TradingView, Stooq, FirstRate,
Databento, Alpha Vantage, Nasdaq, Investing.com, freqtrade and Spark give their files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import Literal

from gatewise.data.columns.spellings import SYMBOLS, normalise
from gatewise.data.files.discover import KINDS, bare
from gatewise.data.names.dates import DATE, MONTH, names_month, span_of
from gatewise.data.names.intervals import read_interval
from gatewise.data.names.variants import variants
from gatewise.errors import one_line

_UNITS = r"(?:s|sec|second|m|min|minute|t|h|hr|hour|d|day|w|wk|week|mo|mon|month)s?"
_MT = r"(?:M(?:[1-6]|1[025]|[23]0)|H(?:[1-46]|8|12)|D1|W1|MN1)"
_LENGTH = rf"(?:\d{{1,5}}[-_ ]?{_UNITS}|{_MT}|(?<=, )(?:\d{{1,5}}|[SDWM]))"
_WORDS = r"(?:daily|hourly|weekly|monthly|minutely|minute|intraday|eod)"
_EDGE, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_SPAN = re.compile(rf"{_EDGE}(?:(?P<date>{DATE})|(?P<length>{_LENGTH}|(?<=\w[-_ .]){_WORDS})){_END}", re.IGNORECASE)
# Names of which a date or a length would take a part: 2330.TW, ES 03-24.
_EXPIRY = rf"[A-Z0-9]{{1,5}} {MONTH}-\d{{2}}"
_WHOLE = re.compile(rf"\d{{4,6}}\.[A-Z]{{1,4}}{_END}|{_EXPIRY}{_END}")
_MONEY = r"(?:USD|EUR|JPY|GBP|CHF|AUD|CAD|NZD)"
_PAIR = rf"(?:{_MONEY}[A-Z]{{3}}|[A-Z]{{3}}{_MONEY})"
_MT4 = re.compile(rf"(?P<symbol>{_PAIR})(?P<minutes>1|5|15|30|60|240|1440|10080|43200)")
_QUOTES = rf"(?:{_MONEY}|USDT|USDC|DAI|XBT|BTC|ETH)"
_KRAKEN = re.compile(rf"(?P<symbol>[A-Z0-9.]{{2,}}{_QUOTES})_(?P<minutes>1|5|15|30|60|240|720|1440|10080|21600)")
_INVESTING = re.compile(
    r"(?P<symbol>.+?) (?:(?:Stock|Futures|Index|ETF) )?(?:Price History|Historical (?:Data|Prices|Rates))"
)
# One of several files of a series: part1, part_1_of_2, chunk-03, 1of2; Spark's part-00000-… stand alone.
_PART_WORD = r"(?:part|chunk|split|page)"
_PART = re.compile(
    rf"(?:(?<=[-_ .(\[])|^(?=[A-Za-z]+[_ ]?\d+[_ ])){_PART_WORD}[-_ .]?(?:\d{{1,5}}|[A-H])"
    rf"(?:[-_ ]?of[-_ ]?\d{{1,5}})?{_END}|(?<=[-_ .(\[])\d{{1,4}}[-_ ]?of[-_ ]?\d{{1,4}}{_END}",
    re.IGNORECASE,
)
# Functions of Alpha Vantage that files are named for: TIME_SERIES_DAILY_ADJUSTED_AAPL.
_FUNCTION = re.compile(
    rf"(.*?){_EDGE}(?:TIME_SERIES|DIGITAL_CURRENCY|CRYPTO|FX)_(INTRADAY|DAILY|WEEKLY|MONTHLY)(_ADJUSTED|_EXTENDED)?{_END}(.*)",
    re.IGNORECASE,
)
_TICKER = re.compile(r"(?=[^a-z]*[A-Z0-9])[^a-z]+")
_NO_SERIES = rf"\d{{1,2}}|{_WORDS}"
_SEPARATORS = " -_.,;()[]+~"
# Words that say nothing of what a file holds, and those that tell one file of a symbol from another.
_PLAIN = {
    *("data", "dataset", "export", "download", "output", "file", "table", "part", "chunk", "to", "from", "until"),
    *("ohlc", "ohlcv", "bar", "bars", "candle", "candles", "kline", "klines", "price", "prices", "quotes", "last"),
    *("history", "historical", "historicaldata", "hist", "stock", "stocks", "series", "trade", "trades"),
}
# Words by which people call rows of a series that they know: new.csv, latest_data.csv.
_OF_ROWS = {
    *("new", "newer", "newest", "next", "latest", "recent", "live", "fresh", "current", "today", "more", "rest"),
    *("test", "val", "valid", "validation", "train", "holdout", "oos", "unseen", "tail", "head", "rows", "input"),
    *("inputs", "update", "updates", "updated", "predict", "score", "my", "mydata", "tmp", "temp"),
}
_TELLING = {"full", "adjsplit", "adjsplitdiv", "unadjusted", "adjusted", "rth", "eth", "sample", "bid", "ask", "mid"}
_VENUES = {
    *("binance", "bitfinex", "bitmex", "bitstamp", "bittrex", "bybit", "cexio", "coinbase", "deribit", "ftx", "gemini"),
    *("huobi", "kraken", "kucoin", "okex", "okx", "poloniex"),
}
_MARKETS = {  # ahead of a symbol in capitals, as TradingView writes them
    *("amex", "arca", "asx", "bats", "bme", "bse", "capitalcom", "cboe", "cbot", "cme", "comex", "cryptocap", "dj"),
    *("dly", "economics", "eurex", "euronext", "forexcom", "fred", "fx", "hkex", "ice", "idc", "index", "krx", "lse"),
    *("mil", "mini", "nasdaq", "nse", "nymex", "nyse", "oanda", "pepperstone", "saxo", "sp", "sse", "szse", "tse"),
    *("tsx", "tvc", "twse", "xetr"),
}
# Databento's names begin with one of its data sets: glbx-mdp3-20240304.ohlcv-1m. Source: databento.com/docs, and the
# list of datasets in its package databento_dbn; any other word before a hyphen is a symbol's (doge-usd).
_DATASETS = (
    r"glbx-mdp3|xnas-(?:itch|basic|nls|qbbo)|(?:xbos|xpsx)-itch|(?:bats|baty|edga|edgx|xcbf)-pitch"
    r"|(?:xnys|arcx|xase|xchi|xcis|opra)-pillar|(?:xnys|xcis)-(?:bbo|trades|tradesbbo)|(?:memx|ocea)-memoir|eprl-dom"
    r"|finn-nls|finy-trades|iexg-tops|dbeq-basic|equs-(?:mini|summary|all|plus)|(?:ifeu|ifus|ifll|ndex)-impact"
    r"|(?:xeur|xeee)-eobi"
)
_DATASET = re.compile(rf"^(?:{_DATASETS})(?=-\d{{8}}(?:[-.T]|$)|\.ohlcv-|$)")


@dataclass(frozen=True)
class Name:
    """What the name of a file says.

    Attributes:
        symbol: of the series; None where the name holds none.
        plain: the symbol is a word like data or a number like 1, which any file may be called.
        rest: other words, in order and in lower case: the venue, the side; files of one series share them.
        lengths: what it may mean by the length of a bar; empty where it says none.
        span: the time that its dates name, from the first to the end of the last; None where they don't tell.
        month: it names a month in letters, as a ticker might be written.
        part: it calls the file a part of several, by this word.
    """

    symbol: str | None
    plain: bool
    rest: tuple[str, ...]
    lengths: tuple[timedelta, ...]
    span: tuple[datetime, datetime] | None = None
    month: bool = False
    part: str | None = None


@dataclass(frozen=True)
class Named:
    """Whose series a file's rows are by its path, and by what in it; `readings` are all ways to read it."""

    symbol: str
    by: Literal["file", "folder", "archive"]
    file: PurePath
    name: Name
    readings: Mapping[str, Name] = field(default_factory=dict)


def name_series(file: PurePath) -> Named:
    """The series by the file's name, or by its folders' where that is a date alone: `AAPL/2020.csv`."""
    readings = read_names(_stem(file))
    name = next(iter(readings.values()))
    if name.symbol is not None and not _is_day_of_folder(file, name) and not _is_word_of_archive(file, name):
        return Named(one_line(name.symbol), "file", file, name, readings)
    return name_by_folder(file, name) or Named(one_line(_stem(file)), "file", file, name)


def says_nothing(named: Named) -> bool:
    """Whether a file's name says no more of its series than `new.csv` or `data.csv` does; NEW.csv may be a ticker's."""
    words = re.split(r"[-_ .]+", named.name.symbol or "")
    of_rows = all(not word.isupper() and (word.lower() in _OF_ROWS or _is_plain(word.lower())) for word in words)
    return named.by == "file" and (named.name.plain or of_rows)


def name_by_folder(file: PurePath, name: Name) -> Named | None:
    """By the nearest folder or archive named for more than a date or a length: `AAPL/1m`, `symbol=AAPL/year=2024`."""
    for folder in Path(file).absolute().parents:
        key, equals, value = folder.name.partition("=")
        if equals:
            if normalise(key) in SYMBOLS:
                return Named(one_line(value), "folder", file, name)
            continue
        above, is_archive = read_name(bare(folder).name), bare(folder) != folder
        if above.symbol is None or re.fullmatch(_NO_SERIES, above.symbol.lower()) or (is_archive and above.plain):
            continue
        return Named(one_line(above.symbol), "archive" if is_archive else "folder", file, name)
    return None


def without_count(symbol: str, plain: bool) -> str | None:
    """What two names share that differ in a number at their ends alone (`AAQ_1`, `AAQ data2`; `part1`); None: no such.

    Expiries are no such numbers: `ES 03-24`, `ES_H4`, `ES_DEC24`.

    Args:
        plain: see `Name`; a number is then the file's, whatever stands before it.
    """
    match = re.fullmatch(r"(?P<shared>.*?(?P<edge>[-_ .]?)(?P<word>[A-Za-z]*))\d{1,3}", symbol)
    if match is None or re.fullmatch(_EXPIRY, symbol):
        return None
    is_word = len(match["word"]) != 1 and not names_month(match["word"])
    return match["shared"] if plain or (match["edge"] and is_word) else None


def words_of_folders(file: PurePath, below: int) -> frozenset[str]:
    """What the folders of a file say beside numbers, dates and lengths, from the `below`th on: spot, NYSE, ask."""
    result = set()
    for folder in Path(file).absolute().parts[below:-1]:
        key, _, value = folder.rpartition("=")
        name = read_name(bare(Path(value)).name)
        if key or not name.plain or not _is_plain(value.lower()):
            result |= {word.lower() for word in (name.symbol or "", *name.rest)}
    return frozenset(word for word in result if word and not word.isdigit())


def read_names(stem: str) -> dict[str, Name]:
    """All ways to read a name without its suffixes, the likelier first; see `variants`."""
    return {reading: read_name(text) for reading, text in variants(stem).items()}


def read_name(stem: str) -> Name:
    """Reads a name without its suffixes, as it is written."""
    if part := _PART.search(stem):
        name = read_name(stem[: part.start()] + stem[part.end() :])
        if name.symbol is not None and not name.plain:
            return replace(name, part=part[0])
    text = re.sub(r" ?\(\d+\)$", "", stem)  # a browser's second copy
    text = re.sub(r"(, \d*[A-Z]?)_[0-9a-f]{4,8}$", r"\1", text)  # TradingView's
    text = re.sub(r"^DAT_(?:ASCII|MT|NT|MS|XLSX)_", "", text)  # HistData's
    if (function := _FUNCTION.fullmatch(text)) and (function[1] + function[4]).strip(_SEPARATORS):
        text = f"{function[1]}{function[4]}_{function[2]}{function[3] or ''}"
    for known in (_INVESTING, _MT4, _KRAKEN):
        match = known.fullmatch(text)
        if match and _words(match["symbol"])[0].lower() not in _PLAIN:
            lengths = read_interval(match["minutes"]) if known is not _INVESTING else ()
            return Name(match["symbol"], False, (), tuple(length for length in lengths if length))
    if re.fullmatch(_MT, text):  # M2 is money too
        return Name(text, True, (), tuple(length for length in read_interval(text) if length))
    text = _DATASET.sub(" ", re.sub(r"(?<= \d\d-\d\d)\.(?=(?:Last|Bid|Ask)$)", " ", text))
    whole = _WHOLE.match(text)
    start = whole.end() if whole else 0
    pieces, lengths, dates = [text[:start]], (), []
    for match in _SPAN.finditer(text, start):
        pieces.append(text[start : match.start()])
        start = match.end()
        dates += [match["date"]] if match["date"] else []
        lengths = lengths or (read_interval(match["length"]) if match["length"] else ())
    pieces.append(text[start:])
    if whole:
        pieces[:2] = ["".join(pieces[:2])]
    symbol, others, plain = None, [], False
    for piece in filter(None, (piece.strip(_SEPARATORS) for piece in pieces)):
        ahead, named, behind = _parts(piece) if symbol is None else ([], "", _words(piece))
        others += [*ahead, *behind]
        symbol = named or symbol
    if symbol is None:
        alone = [piece for piece in (p.strip(_SEPARATORS) for p in pieces) if piece and _DATASET.search(stem) is None]
        symbol, plain, others = (alone[0] if alone else None), True, []
    plain = plain or (symbol is not None and re.fullmatch(r"\d{1,3}", symbol) is not None)
    extra = tuple(word.lower() for word in others if not _is_plain(word.lower()))
    spans = [span for date in dates if (span := span_of(date))]
    span = (min(first for first, _ in spans), max(end for _, end in spans)) if spans else None
    span = span if len(spans) == len(dates) else None
    month = any(map(names_month, dates))
    return Name(symbol, plain, extra, tuple(length for length in lengths if length), span, month)


def _stem(file: PurePath) -> str:
    known = bare(Path(file))
    return known.stem if known.suffix.lower() in KINDS else known.name


def _is_day_of_folder(file: PurePath, name: Name) -> bool:
    """`AAPL/2024/03.csv`: a number below a folder that is a date."""
    above = file.parent.parent if re.fullmatch(r"\d{1,2}", file.parent.name) else file.parent
    is_number = re.fullmatch(r"\d{1,2}", name.symbol or "") is not None
    return is_number and bool(above.name) and read_name(bare(Path(above)).name).symbol is None


def _is_word_of_archive(file: PurePath, name: Name) -> bool:
    """`AAPL.zip` with prices.csv in it: a member that any archive may hold."""
    archive = bare(Path(file.parent))
    is_word = name.plain and re.search(r"\d", name.symbol or "") is None
    return is_word and archive != Path(file.parent) and not read_name(archive.name).plain


def _words(piece: str) -> list[str]:
    return re.split(r"[_ ]+|(?<=[A-Za-z]{3})-(?=[a-z]{3})", piece)


def _parts(piece: str) -> tuple[list[str], str, list[str]]:
    """Words ahead of the symbol, the symbol, words behind it; the symbol is empty where all are plain words."""
    tokens = re.findall(r"[^_ ]+[_ ]*", piece)
    plain = [word.strip(_SEPARATORS).lower() for word in tokens]
    if all(map(_is_plain, plain)) and not all(word.isdigit() for word in plain):
        return [], "", []
    first, end = 0, len(tokens)
    while end - first > 1 and _may_go(plain[end - 1], "".join(tokens[first : end - 1])):
        end -= 1
    while end - first > 1 and _may_go(plain[first], "".join(tokens[first + 1 : end]), ahead=True):
        first += 1
    return plain[:first], "".join(tokens[first:end]).strip(_SEPARATORS), plain[end:]


def _is_plain(word: str) -> bool:
    """`data`, `daily`, `part-0`, `part-00000-5f3c…`, or a number."""
    return word.isdigit() or re.sub(r"[-.]?\d+(?:-.*)?$", "", word) in _PLAIN or re.fullmatch(_WORDS, word) is not None


def _may_go(word: str, remaining: str, ahead: bool = False) -> bool:
    """Whether a word at the edge of a name is none of its symbol's, `remaining` being what would be left."""
    if ahead and word in _VENUES:
        return True
    if not _TICKER.fullmatch(remaining.strip(_SEPARATORS)):
        return False
    return word in _PLAIN | _TELLING or (ahead and (word in _MARKETS or re.fullmatch(_WORDS, word) is not None))
