"""Trades of QuantConnect's LEAN: seconds and minutes a day a file, hours and days a symbol a file; factor files.

Sources: the read-mes of the engine's data folders (github.com/QuantConnect/Lean, Data/equity/readme.md) and
`CorporateFactorProvider` there. Stamps are the bar's start.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

import polars as pl

from gatewise.config.schema import DataConfig
from gatewise.data.files.text import Raw, read_text
from gatewise.data.files.unpack import Blob
from gatewise.data.table import OHLC
from gatewise.errors import ReadError

COLUMNS = ("open_time", "open", "high", "low", "close", "volume")
_DAY_MS = 86_400_000
_READ = "crypto, cryptofuture, forex, cfd, future and equity"
_OTHERWISE = 'data.format="csv" reads files with a header'


def only_trades(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Leaves out what lies beside trades in LEAN's folders: factor and map files, quotes and open interest."""
    kept = [
        path
        for path in paths
        if not {"factor_files", "map_files"} & {part.lower() for part in path.parts}
        and not re.search(r"_(quote|openinterest)$", path.stem)
    ]
    if not kept or len(kept) == len(paths):
        return list(paths), []
    return kept, [f"passed over, as they hold no trades: {len(paths) - len(kept)} files of factors, maps or quotes"]


def read_lean(blob: Blob, spec: DataConfig) -> Raw:
    """Reads one file of trades; the prices of equities, which LEAN keeps in deci-cents, become dollars.

    Where the data folder has a factor file of an equity, its prices are adjusted by it unless `spec.adjusted` is
    false: a day's are times the factors of the first line whose date is not before it. Volumes stay as traded.

    Raises:
        ReadError: no day in the name of a file of minutes, invalid stamps, a kind of security whose prices are
            scaled in another way, or no factor file where `spec.adjusted` is true.
    """
    raw = read_text(blob, spec, COLUMNS)
    parts = [part.lower() for part in blob.file.parts]
    if scaled := {"option", "index", "indexoption", "futureoption"} & set(parts):
        raise ReadError(
            f"{blob.name}: LEAN scales {scaled.pop()} prices; only {_READ} are read",
            "write it as CSV with prices as they are",
        )
    whole = re.fullmatch(r"\s*\d{8} \d{2}:\d{2}\s*", str(raw.frame["open_time"][0])) is not None
    frame, symbol = _history(raw, blob) if whole else _day(raw, blob)
    frame = frame.with_columns(pl.lit(symbol).alias("symbol"))
    notes = list(raw.notes)
    if "equity" in parts:
        folder = Path(*blob.file.parts[: parts.index("equity") + 2])
        frame, also = _priced(frame, blob.name, folder / "factor_files" / f"{symbol.lower()}.csv", spec)
        notes += also
        if "usa" in parts and spec.timezone is None:
            notes.append('LEAN stamps equities of the USA by New York\'s clock: data.timezone="America/New_York"')
    elif spec.adjusted:
        raise ReadError(f"{blob.name}: data.adjusted is about equities, which have factor files", "leave it out")
    return Raw(raw.name, frame, tuple(notes))


def _day(raw: Raw, blob: Blob) -> tuple[pl.DataFrame, str]:
    """Milliseconds since the midnight of the day in the file's name."""
    day = re.search(r"(?<!\d)((?:19|20)\d{6})(?!\d)", blob.file.stem)
    if day is None:
        raise ReadError(f"{blob.name}: a LEAN minute file has its day in its name, like 20161007_trade.zip", _OTHERWISE)
    since_ms = raw.frame["open_time"].cast(pl.Int64, strict=False)
    wrong = since_ms.is_null() | ~since_ms.is_between(0, _DAY_MS - 1)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise ReadError(
            f"{blob.name} row {row + 1}: {raw.frame['open_time'][row]!r} must be milliseconds since midnight, below "
            f"{_DAY_MS}",
            _OTHERWISE,
        )
    midnight = pl.lit(day[1]).str.to_date("%Y%m%d", strict=False).cast(pl.Datetime("us"))
    named = re.search(r"\d{8}_([A-Za-z0-9.]+)_", blob.file.stem)
    frame = raw.frame.with_columns((midnight + since_ms.cast(pl.Duration("ms"))).alias("open_time"))
    return frame, named[1] if named else next(
        folder.name for folder in blob.file.parents if folder.suffix.lower() != ".zip"
    )


def _history(raw: Raw, blob: Blob) -> tuple[pl.DataFrame, str]:
    """All hours or days of a symbol: the stamps are dates and clocks, the symbol is the file's name."""
    times = raw.frame["open_time"].str.strip_chars().str.to_datetime("%Y%m%d %H:%M", time_unit="us", strict=False)
    if times.null_count():
        row = int(times.is_null().arg_max() or 0)
        raise ReadError(
            f"{blob.name} row {row + 1}: {raw.frame['open_time'][row]!r} must be a date and time like 20161007 00:00",
            _OTHERWISE,
        )
    return raw.frame.with_columns(times.alias("open_time")), re.sub(r"_(trade|quote)$", "", PurePath(blob.file).stem)


def _priced(frame: pl.DataFrame, name: str, factors: Path, spec: DataConfig) -> tuple[pl.DataFrame, list[str]]:
    # As text: Polars divides by multiplying with 1/10,000, which is rounded.
    dollars = [(frame[column].str.strip_chars() + "e-4").cast(pl.Float64, strict=False) for column in OHLC]
    for prices in dollars:
        if (wrong := prices.is_null() & frame[prices.name].is_not_null()).any():
            row = int(wrong.arg_max() or 0)
            cell = frame[prices.name][row]
            raise ReadError(f"{name} row {row + 1}: {prices.name} {cell!r} is no number of deci-cents", _OTHERWISE)
    frame = frame.with_columns(dollars)
    notes = ["LEAN's prices of equities divided by 10,000: they are in deci-cents"]
    if spec.adjusted is False:
        return frame, [*notes, "prices are as traded, before splits and dividends"]
    if not factors.is_file():
        if spec.adjusted:
            raise ReadError(f"{name}: there is no factor file {factors}", "data.adjusted=False takes prices as traded")
        return frame, [*notes, f"prices are as traded, before splits and dividends: there is no factor file {factors}"]
    by_day = _factors(factors)
    frame = frame.with_columns(pl.col("open_time").dt.date().alias("__day"))
    frame = frame.join_asof(by_day, left_on="__day", right_on="until", strategy="forward", check_sortedness=False)
    frame = frame.with_columns(pl.col(OHLC) * pl.col("factor").fill_null(1.0)).drop("__day", "until", "factor")
    return frame, [*notes, f"prices adjusted for splits and dividends by {factors} (data.adjusted=False: as traded)"]


def _factors(path: Path) -> pl.DataFrame:
    """until (the last day that it holds for) and factor, in order."""
    days, factors = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if "inf" in line or "e+" in line or not line.strip():  # LEAN leaves lines out that have lost their precision
            continue
        cells = line.split(",")
        day = pl.Series([cells[0]]).str.to_date("%Y%m%d", strict=False)[0]
        try:
            factor = float(cells[1]) * float(cells[2])
        except (ValueError, IndexError):
            day = None
        if day is None:
            raise ReadError(
                f"{path} line {number}: {line[:40]!r} must be a date, a price factor and a split factor",
                "data.adjusted=False takes prices as traded",
            )
        if factor > 0:
            days.append(day)
            factors.append(factor)
    table = pl.DataFrame({"until": days, "factor": factors}, schema={"until": pl.Date, "factor": pl.Float64})
    return table.sort("until")
