"""Which column says whose row it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import polars as pl

from gatewise.data.cells.missing import are_numbers

# Spellings after `normalise`, the better one first. Sources: the CSV and API headers of Binance, CoinAPI,
# CryptoDataDownload, Nasdaq, Finam, Tushare, Wind, JoinQuant, RiceQuant, MOEX, Databento, DoltHub, OpenFIGI, Refinitiv,
# NSE, Coinbase and OKX, and of data sets on Kaggle.
SYMBOLS = (
    "symbol",
    "ticker",
    "tic",
    "sym",
    "ticker_symbol",
    "stock_symbol",
    "act_symbol",
    "trading_symbol",
    "tradingsymbol",
    "ticker_name",
    "tckrsymb",
    "pair",
    "currency_pair",
    "ccy_pair",
    "instrument",
    "asset",
    "coin",
    "unique_id",
    "series_id",
    "ts_code",
    "wind_code",
    "stock_code",
    "sec_code",
    "security_code",
    "order_book_id",
    "secid",
    "security_id",
    "securityid",
    "inst_id",
    "instid",
    "product_id",
    "instrument_id",
    "isin",
    "figi",
    "ric",
    "cusip",
    "sedol",
    "stock_name",
    "instrument_name",
)
# Numbers that vendors give instruments (CRSP, Compustat, Interactive Brokers, Zerodha, BSE, JPX, CoinMarketCap): they
# name series where there are several, and leave one to the file's name.
IDS = (
    *("permno", "gvkey", "conid", "instrument_token", "exchange_token", "scrip_code", "scripcode", "sc_code"),
    *("securities_code", "securitiescode", "asset_id", "ticker_id", "symbol_id", "stock_id", "coin_id", "cmc_id"),
)
# Words that mean other things too: taken where their values tell rows apart that would share a time, or follow each
# other in runs; a single value, where it is written like a symbol.
LOOSE_SYMBOLS = (
    *("code", "stock", "security", "scrip", "contract", "name", "product", "underlying", "company", "market"),
    *("company_name", "index_name", "fund_name", "asset_name", "coin_name", "commodity", "slug", "crypto", "token"),
    *("fund", "etf", "share"),
    "s",  # of streams of Binance and Alpaca
)
# Where a symbol's rows come from, or whose they are: several beside a symbol are that symbol several times.
VENUES = (
    *(
        "venue",
        "exchange",
        "exchange_name",
        "exchange_code",
        "exchange_id",
        "exch",
        "market",
        "mic",
        "board",
        "segment",
    ),
    *("platform", "broker", "source", "feed", "provider", "vendor", "publisher", "publisher_id", "data_source"),
)
# One value of these is a venue, a firm or a kind more often than a symbol.
_NO_NAME = (
    *("market", "company", "product", "company_name", "index_name", "fund_name", "asset_name", "coin_name"),
    *("commodity", "slug", "crypto", "token", "fund", "etf", "share"),
)
TICKER = r"(?=.{1,20}$)[A-Z0-9^.:=/_!-]*[A-Z][A-Z0-9^.:=/_!-]*"
_LEAST_DIGITS = 4


def find_symbol(
    frame: pl.DataFrame, spelled: Mapping[str, str], time: tuple[str, ...], kept: Collection[str], named: bool
) -> tuple[str | None, list[str]]:
    """The column of the symbol, if any, and what there is to say about it.

    Args:
        frame: as read.
        spelled: normalised spelling -> column.
        time: the columns of the time.
        kept: columns that were asked for as they are, or under another name; no loose spelling among them is looked at.
        named: the user named the one series of rows without a symbol column; loose spellings then name none.
    """
    free = {spelling: column for spelling, column in spelled.items() if column not in time}
    symbols = [free[s] for s in SYMBOLS if s in free and not _is_empty(frame[free[s]])]
    symbols += [free[s] for s in IDS if s in free and free[s] not in kept and not named and _are_ids(frame[free[s]])]
    loose = [(s, free[s]) for s in LOOSE_SYMBOLS if s in free and free[s] not in kept]
    if not symbols and not named:
        for spelling, column in loose:
            if _tells_series(frame, spelling, column, time):
                return column, [f"symbols are read from {column!r} (data.symbol_column says otherwise)"]
    notes = []
    if symbols[1:]:
        more = ", ".join(map(repr, symbols[1:]))
        notes.append(f"symbols are read from {symbols[0]!r}; {more} could name them too (data.symbol_column chooses)")
    return (symbols[0] if symbols else None), notes


def _is_empty(column: pl.Series) -> bool:
    if column.null_count() == len(column):
        return True
    return column.dtype == pl.String and bool((column.str.strip_chars() == "").fill_null(True).all())


def _are_ids(values: pl.Series) -> bool:
    """Several that come again and again; null nowhere."""
    if values.null_count() or not (values.dtype == pl.String or values.dtype.is_integer()):
        return False
    return 1 < values.n_unique() <= len(values) // 2


def _tells_series(frame: pl.DataFrame, spelling: str, column: str, time: tuple[str, ...]) -> bool:
    values = frame[column]
    if not (values.dtype == pl.String or values.dtype.is_integer()):
        return False
    values = values.cast(pl.String).str.strip_chars()
    if values.null_count() or (values == "").any():
        return False
    num_values = values.n_unique()
    if num_values == 1:
        return spelling not in _NO_NAME and re.fullmatch(TICKER, values[0]) is not None
    if num_values * 2 > len(values) or not _are_names(values.unique()):
        return False
    stamps = _hashes([frame[part] for part in time])
    again = len(stamps) - stamps.n_unique()
    if again:  # a state of the market repeats its times as the rows do; of series each has its own
        return (len(stamps) - _hashes([stamps, values]).n_unique()) * 2 < again
    # Without a time that comes twice, numbers in runs may be how much there is of something.
    quantities = values.str.contains(r"^[1-9]\d*$").any()
    return not quantities and int((values != values.shift()).fill_null(True).sum()) == num_values


def _hashes(columns: Sequence[pl.Series]) -> pl.Series:
    """A number for each row, the same where all columns are; counted in a fifth of the time that texts take."""
    hashes = columns[0].hash(seed=0)
    for number, column in enumerate(columns[1:], start=1):
        hashes = hashes ^ column.hash(seed=number)
    return hashes


def _are_names(values: pl.Series) -> bool:
    """Words, or codes of so many digits; not how much there is of something."""
    numbers = are_numbers(values)
    lengths = values.str.len_chars()
    return not numbers.any() or bool(
        values.str.contains(r"^\d+$").all() and lengths.n_unique() == 1 and lengths[0] >= _LEAST_DIGITS
    )
