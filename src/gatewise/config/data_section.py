"""The data section: where rows come from and how their columns are read."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainSerializer, field_validator, model_validator

from gatewise.config.database_url import masked_url
from gatewise.config.durations import Step, months_of
from gatewise.config.section import LATER, Section
from gatewise.config.written import require_encoding, require_signs
from gatewise.errors import ConfigError


def _as_words(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_as_words, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float | date) else value


class DataConfig(Section):
    """Where rows come from and how their columns are read. `None` means: detect it, or refuse."""

    # sp500, nasdaq: bars that arch carries; frame: rows that were handed over in Python, which nothing else can read
    source: Literal["files", "lake", "sql", "sp500", "nasdaq", "frame"] = "files"
    paths: tuple[str, ...] = ()
    lake: str | None = None  # lake: its folder; None: $GATEWISE_LAKE, else $GATEWISE_HOME/lake
    feed: str | None = None  # lake: whose rows, where several feeds hold a symbol
    # sql: an SQLAlchemy URL; None: $GATEWISE_SQL_URL. Its password is for this process: no dump and no repr shows it.
    url: Annotated[str, PlainSerializer(masked_url)] | None = Field(None, repr=False)
    table: str | None = None  # sql: a table or view; None: vw_ticker_timeseries
    query: str | None = None  # sql: a SELECT instead of a table
    calendar: str | None = None  # an exchange calendar, like XNYS: closed time is then no gap, an absent session is one
    # When a day begins by data.timezone's clock, like 17:00, where no exchange says it.
    session: Annotated[str | None, LATER] = None
    resample: Step | None = None  # bars of this length made of complete shorter ones
    format: Literal["auto", "csv", "json", "parquet", "feather", "kline", "lean"] = "auto"
    # Of text, by Python's name for it; None: UTF-8, or UTF-16 with its mark.
    encoding: Annotated[str | None, LATER] = None
    columns_are: Annotated[tuple[str, ...], LATER] = ()  # names of the columns, in order, of text that has no header
    thousands: Annotated[str | None, LATER] = None  # sign that groups digits, like "," or "'"; None: what cells prove
    decimal: Annotated[str | None, LATER] = None  # "." or ","; None: what cells prove
    # LEAN: equities by their factor files; None: where there is one.
    adjusted: Annotated[bool | None, LATER] = None
    time_column: str | None = None
    time_format: str | None = None  # strptime, or one of epoch_s, epoch_ms, epoch_us, epoch_ns
    timezone: str | None = None  # IANA name of the stamps' zone where they carry none
    # With wall epochs count from 1970 on the clock of `timezone`, as MetaTrader's.
    epochs: Annotated[Literal["utc", "wall"], LATER] = "utc"
    # Of rows without stamps: the first row's, UTC; each later one lies a timeframe on.
    numbered_from: Annotated[datetime | None, LATER] = None
    day_first: bool | None = None
    stamp: Literal["open", "close"] | None = None  # None: a name may tell; else open, the later and so the safe reading
    symbol_column: str | None = None
    symbol: str | None = None  # names the series of a file that carries no symbol column; lake, sql: keep only this
    symbols: tuple[str, ...] = ()  # keep only these
    # Keep rows whose column of the file holds this, or one of these.
    filter: Annotated[dict[str, str | tuple[str, ...]], LATER] = Field({})
    columns: tuple[str, ...] = ()  # keep only these numeric columns
    rename: dict[str, str] = Field({})  # table column -> the file's, where no usual spelling tells: volume -> Umsatz
    timeframe: Step | None = None  # None: the most frequent step
    gap_tolerance: Step | None = None  # None: one timeframe within the day, seven days for daily rows and slower
    # Rows off the timeframe's grid, like a bar that was still running.
    off_grid: Annotated[Literal["keep", "drop"], LATER] = "keep"
    on_duplicate: Literal["error", "first", "last"] = "error"
    # With any, back-adjusted ones may be negative; returns are differences.
    prices: Annotated[Literal["positive", "any"], LATER] = "positive"
    # Mends what is certain of these, and says what it did.
    repair: Annotated[tuple[Literal["splits", "hundredfold"], ...], LATER] = ()
    start: datetime | None = None  # rows knowable at or after, UTC
    end: datetime | None = None  # rows knowable before, UTC

    @field_validator("filter", mode="before")
    @classmethod
    def _words_of_filter(cls, value: Any) -> Any:
        """`null` filters nothing; numbers and dates that YAML reads are the texts that they stand for."""
        if not isinstance(value, dict):
            return {} if value is None else value
        return {column: _as_words(wanted) for column, wanted in value.items()}

    @field_validator("session", mode="before")
    @classmethod
    def _clock(cls, value: Any) -> Any:
        """YAML takes 17:00 for 17 times 60 plus 0."""
        return f"{value // 60:02}:{value % 60:02}" if isinstance(value, int) and 0 <= value < 1440 else value

    @field_validator("symbols", "columns_are", "repair", mode="before")
    @classmethod
    def _comma_list(cls, value: Any) -> Any:
        """`BTC-USD,ETH-USD`, as a flag gives it; a list's names may hold commas."""
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("columns_are")
    @classmethod
    def _named_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if twice := next((name for name in value if value.count(name) > 1), None):
            raise ConfigError(f"data.columns_are names {twice!r} twice", "give each column a name of its own")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        return None if value is None else require_encoding(value)

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        require_signs(self.thousands, self.decimal)
        return self

    @model_validator(mode="after")
    def _numbers_are_of_rows_without_stamps(self) -> Self:
        if self.numbered_from is None:
            return self
        if self.source not in ("files", "frame") or self.time_column is not None:
            stamped = f"source is {self.source}" if self.time_column is None else f"time_column is {self.time_column}"
            raise ConfigError(
                f"data.numbered_from is for rows without stamps; data.{stamped}", "leave one of the two out"
            )
        if self.timeframe is None or months_of(self.timeframe) is not None:
            raise ConfigError(
                "data.numbered_from takes a data.timeframe in days or less, as rows are numbered by it",
                'data.timeframe="1d" (or whatever a row lasts)',
            )
        return self

    @model_validator(mode="after")
    def _repairs_know_ratios(self) -> Self:
        if self.repair and self.prices == "any":
            raise ValueError("data.repair goes by ratios of prices, which data.prices any has none of: leave one out")
        return self
