"""Columns called `Volume` and one word more: volumes where the word is what is counted, else features made of one."""

from __future__ import annotations

import re
from collections.abc import Sequence

# In what exchanges quote, what else data sets name beside `Volume`, and what volumes count or are counted by.
_QUOTES = (
    *("usdt", "usdc", "busd", "tusd", "fdusd", "dai", "usd", "eur", "gbp", "jpy", "krw", "chf", "aud", "cad", "nzd"),
    *("try", "brl", "rub", "inr", "btc", "xbt", "eth", "bnb"),
)
_COINS = ("sol", "xrp", "ltc", "bch", "doge", "ada", "dot", "trx", "link", "avax", "xlm", "eos", "etc", "zec", "xmr")
_COUNTED = (
    *("share", "shares", "lot", "lots", "contract", "contracts", "unit", "units", "coin", "coins", "base", "traded"),
    *("000", "000s", "thousand", "thousands", "k", "m", "mn", "million", "millions", "currency"),
)


def find_volume(columns: Sequence[str], symbol: str) -> str | None:
    """The volume among columns like `Volume BTC`, `Volume (USD)`, `volume_shares`, where none is called so plainly.

    Of several it is the base coin's: of BTC for BTC/USD. `Volume MA`, `Volume Change %`, `volume_ratio` are none.

    Args:
        symbol: of the first row; empty where no column says it.
    """
    counted = {column: word for column in columns if (word := _word(column)) and _is_counted(word, symbol)}
    if len(counted) == 1:
        return next(iter(counted))
    based = [column for column, word in counted.items() if _is_base(word, symbol)]
    return based[0] if len(based) == 1 else None


def _word(column: str) -> str | None:
    match = re.fullmatch(r"volume[\s_]+\(?([a-z0-9]+)\)?", column.strip().lower()) or re.fullmatch(
        r"volume\(([a-z0-9]+)\)", column.strip().lower()
    )
    return match[1] if match else None


def _is_counted(word: str, symbol: str) -> bool:
    return word in (*_QUOTES, *_COINS, *_COUNTED) or _is_base(word, symbol)


def _is_base(word: str, symbol: str) -> bool:
    """Whether a symbol is a coin's in what it is quoted in; AVGO is no AVG and MARA no MA."""
    ending = re.sub(r"[^a-z0-9]", "", symbol.lower().removeprefix(word)) if symbol.lower().startswith(word) else ""
    return ending.startswith(_QUOTES)
