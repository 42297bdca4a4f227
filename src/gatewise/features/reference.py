"""The reference page of the features, written from their own tables: `python -m gatewise.features.reference FILE`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gatewise.features.base import Feature
from gatewise.features.clock import DAY, clock, time_of_hour
from gatewise.features.differences import CHANGES, LEVEL_FREE
from gatewise.features.flow import FLOW
from gatewise.features.price import BAR_SHAPE, RETURNS, VOLATILITY
from gatewise.features.sets import SETS, ticker
from gatewise.features.trend import AVERAGES, DIRECTION, OSCILLATORS
from gatewise.features.volatility import LOG_VOLATILITY
from gatewise.files import write_text

_HEAD = """# Features

Written by `make docs` from the tables in `gatewise/features`; edit those, not this page.

Every feature of row *t* is a function of exactly the last *lookback* rows of its symbol, row *t* among them, and is
knowable at the row's `time`. What follows from that:

- **Averages are windowed.** An exponential average of span n is cut at 3n rows and its weights are divided by their
  sum (the cut drops 0.25% of the endless average's weight). RSI, ATR and ADX take plain means, Cutler's way, in place
  of Wilder's endless smoothing. Values therefore differ a little from charting programs whose averages start at the
  file's first row, and they don't depend on where a file starts.
- **Batch equals live.** A buffer of *lookback* rows gives the number that the whole table gave; window sums are taken
  directly and never carried along, so a spike leaves no residue.
- **Warm-up is invalid.** A row whose longest lookback crosses a gap, the start of its symbol or a row with a missing
  value is not used. Nothing is filled. Across gaps, features start anew.
- **Limits are chosen.** Where a formula divides by zero (no movement, no volume) the value stated in it stands, so a
  feature is finite wherever its inputs are present. Zero volume throughout is allowed.

Columns: O, H, L, C, V are open, high, low, close and volume; r is the log return of one row. A *row* is one bar.
"""

_SETS_HEAD = """## market39

39 features of OHLCV, all free of the price's and the volume's scale. The longest lookback is {longest} rows
(macd_histogram), so that a split purges {reach} rows for the features' reach; macd needs 78, all others at most 61.
"""

_DIFFERENCES = """## differences

For prices that may be 0 or negative (`data.prices: any`), as those of futures that were back-adjusted by differences:
{count} features that are the same for prices plus a constant. Beside the ones below, the ones of market39 that know no
level ({free}) and those of time.

"""

_VOLATILITY = """
## volatility

For forecasts of volatility: {count} features, most of them logs, over spans from one row to 240 ({reach} rows are
purged for their reach). Beside the ones below, those of the time of day and of week of market39. Of daily rows and
slower it holds {daily}, without the spans of 240 rows and the times within the day; they reach 60 rows.
0.00001, a tenth of a basis point, is added to each volatility, so that a log is finite where nothing moved.
"""

_OTHERS = """
## ohlcv

The five columns of a bar as they are. Prices keep their level: choose a scaler.

## ticker

open, high, low, close and volume as they are, and:
"""

_RAW = """## Columns by name

`features.columns` names numeric columns of the table, which are taken as they are after the sets; a missing value makes
its row invalid. A name that comes twice is an error.

## Longer bars

`features.timeframes=[5m, 1h]` builds the sets again on bars of those lengths and joins them once such a bar has closed;
names end in the length: `rsi_14_5m`. A lookback of L bars, each of r rows, is L × r + r - 1 rows: see
[clock](clock.md).

## Scaling

`features.scaler` is fitted on training rows alone: `standard` (mean, standard deviation with divisor n), `minmax` (to
[0, 1]), `robust` (median, interquartile range), `none`. A column without spread on the training rows gets scale 1, and
the log says so. `features.scale_by=symbol` fits one scaler for each symbol ([symbols](symbols.md)).

Models compute in float32, which moves in steps of 64 at 1e9. So columns as they are, and the mean of `ticker`, keep
float64 in the matrix, and become float32 once the scaler has taken their level off: a series and the same series plus a
constant are one to a model. Where `market39` alone is asked for the matrix is float32: its features are ratios.
"""

_THEMES: tuple[tuple[str, Sequence[Feature]], ...] = (
    ("Returns", RETURNS),
    ("Shape of a bar", BAR_SHAPE),
    ("Volatility", VOLATILITY),
    ("Distance from averages", AVERAGES),
    ("Direction", DIRECTION),
    ("Oscillators", OSCILLATORS),
    ("Volume and flow", FLOW),
    ("Time", clock(None)),
)


def reference_page() -> str:
    """The whole page as Markdown."""
    longest = max(feature.lookback for feature in SETS["market39"]((), None))
    parts = [_HEAD, _SETS_HEAD.format(longest=longest, reach=longest - 1)]
    parts += [f"### {title}\n\n{_rows(features)}" for title, features in _THEMES]
    free = ", ".join(f"`{feature.name}`" for feature in LEVEL_FREE)
    count = len(SETS["differences"]((), None))
    parts += [_DIFFERENCES.format(count=count, free=free) + _rows(CHANGES)]
    of_volatility = SETS["volatility"]((), None)
    reach = max(feature.lookback for feature in of_volatility) - 1
    daily = len(SETS["volatility"]((), DAY))
    parts += [_VOLATILITY.format(count=len(of_volatility), reach=reach, daily=daily)]
    parts += [_rows((*LOG_VOLATILITY, *time_of_hour(None)))]
    parts += [_OTHERS, _rows(ticker((), None)[-1:]), _RAW]
    return "\n".join(parts)


def _rows(features: Sequence[Feature]) -> str:
    head = "| name | formula | lookback | unit | source |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| `{f.name}` | {_cell(f.formula)} | {f.lookback} | {_cell(f.unit)} | {_cell(f.source)} |\n" for f in features
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


if __name__ == "__main__":
    write_text(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/features.md"), reference_page())
