"""Which column of several words is the volume. Another one taken for it is no error anywhere: it is shown as the
volume, made features of, and tells splits from falls."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import as_csv, bars, load, put
from gatewise.config.schema import DataConfig
from gatewise.data.check.rows import check_data
from gatewise.data.columns.volume_names import find_volume

DERIVED = [
    *("Volume MA", "VOLUME SMA", "volume_ema", "Volume SMA 20", "volume_ratio", "Volume Change %", "Volume Chg"),
    *(
        "Volume Rank",
        "volume_delta",
        "volume_profile",
        "Volume Avg",
        "volume_avg_20",
        "Volume Financeiro",
        "volume_imbalance",
    ),
    *(
        "volume_24h",
        "volume_usd_ma",
        "Volume %",
        "Volume Z-Score",
        "volume_prev",
        "Volume Weighted Average",
        "volume_std",
    ),
]
COUNTED = [
    "Volume BTC",
    "Volume USDT",
    "Volume (USD)",
    "volume_shares",
    "Volume(Lots)",
    "Volume_(BTC)",
    "VOLUME CONTRACTS",
]


@pytest.mark.parametrize("column", [*DERIVED, *COUNTED])
@pytest.mark.parametrize("symbol", [None, "AVGO", "MARA", "BTC/USD"])
def test_only_what_counts_is_the_volume(column: str, symbol: str | None, tmp_path: Path) -> None:
    frame = bars().rename({"volume": column})
    if symbol:
        frame = frame.with_columns(pl.lit(symbol).alias("symbol"))
    path = put(tmp_path, "X.csv", as_csv(frame))
    table = load(path)
    assert ("volume" in table.columns) == (column in COUNTED)
    assert table.frame["volume" if column in COUNTED else column].to_list() == bars()["volume"].to_list()


@given(
    base=st.sampled_from(["BTC", "SOL", "PEPE", "FIL"]),
    quote=st.sampled_from(["USD", "USDT", "EUR"]),
    sign=st.sampled_from(["", "/", "-", "_"]),
    others=st.lists(st.sampled_from(DERIVED), unique=True),
)
def test_the_base_coin_s_volume_is_the_volume(base: str, quote: str, sign: str, others: list[str]) -> None:
    columns = [f"Volume {base}", f"Volume {quote}", *others]
    columns = columns[::-1] if len(others) % 2 else columns
    assert find_volume(columns, f"{base}{sign}{quote}") == f"Volume {base}"
    assert find_volume([f"Volume {base}", *others], f"{base}{sign}{quote}") == f"Volume {base}"
    assert find_volume(others, f"{base}{sign}{quote}") is None


def test_a_volume_that_is_not_known_is_said(tmp_path: Path) -> None:
    path = put(tmp_path, "X.csv", as_csv(bars().rename({"volume": "Volume FIL"})))
    assert "no column is known as the volume: Volume FIL" in "\n".join(check_data(DataConfig(paths=(str(path),))).notes)
