"""Numbers and headers as countries write them: a sign that is read otherwise moves a price by a thousand."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import bars, load, put
from gatewise.errors import AmbiguousError, DataError, ReadError

DAYS = [f"2024-01-{day:02d}" for day in range(2, 14)]


def read(header: str, rows: list[list[str]], separator: str = ",", **said: Any) -> pl.DataFrame:
    lines = [separator.join(f'"{cell}"' for cell in row) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        return load(put(Path(folder), "X.csv", "\n".join([header, *lines]) + "\n"), **said).frame


def volumes(price: str, volume: str, **said: Any) -> list[float]:
    rows = [[day, price, price, price, price, volume] for day in DAYS]
    return read("Date,Open,High,Low,Close,Volume", rows, **said)["volume"].to_list()


def test_prices_with_decimal_points_tell_that_commas_group() -> None:
    assert volumes("100.01", "851,546") == [851_546.0] * len(DAYS)
    for price in ("100", "100.125"):  # may be a hundred thousand
        with pytest.raises(AmbiguousError, match="no cell tells thousands from a decimal comma"):
            volumes(price, "851,546")
    with pytest.raises(AmbiguousError):  # another column's point, as of an hour, tells nothing of prices
        read("Date,Hour,x", [[day, "09.30", "1,234"] for day in DAYS])
    with pytest.raises(AmbiguousError):  # and a price nothing of what is no amount
        read("Date,Open,High,Low,Close,x", [[day, *["100.01"] * 4, "1,234"] for day in DAYS])


@pytest.mark.parametrize("price", ["510.01", "510", "2,510.01"])
def test_the_refusal_of_indian_grouping_names_the_flag_that_reads_it(price: str) -> None:
    with pytest.raises(DataError) as caught:
        volumes(price, "53,21,715")
    assert 'data.thousands=","' in caught.value.hint
    assert "decimal" not in caught.value.hint
    assert volumes(price, "53,21,715", thousands=",") == [5_321_715.0] * len(DAYS)


def test_the_refusal_of_exponents_with_a_decimal_comma_names_the_flag_that_reads_them() -> None:
    rows = [[day, "1,5E+03"] for day in DAYS]
    with pytest.raises(ReadError) as caught:
        read("Date;close", rows, ";")
    assert 'data.decimal=","' in caught.value.hint
    assert read("Date;close", rows, ";", decimal=",")["close"].to_list() == [1500.0] * len(DAYS)


@given(
    value=st.integers(1, 999_999).map(lambda cents: cents / 100),
    shape=st.sampled_from(["{}", "R$ {}", "US${}", "CHF {}", "{} €", "{}€", "€{}", "{} USD", "EUR {}", "{} zł"]),
    below=st.sampled_from([None, "-{}", "({})", "{}-"]),
    grouped=st.booleans(),
)
def test_money_and_signs_of_accounts_are_read(value: float, shape: str, below: str | None, grouped: bool) -> None:
    written = f"{value:,.2f}" if grouped else f"{value:.2f}"
    if below == "{}-" and shape != "{}":
        return
    cell = (below or "{}").format(shape.format(written))
    frame = read("Date;change;close", [[day, cell, "5.5"] for day in DAYS], ";")
    assert frame["change"].to_list() == [-value if below else value] * len(DAYS)


@pytest.mark.parametrize("pair", [("R$ 1.20", "US$ 1.20"), ("1.20 €", "1.20 USD"), ("CHF 1.20", "EUR 1.20")])
def test_two_kinds_of_money_in_a_price_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(ReadError, match="is no number"):
        read("Date;close", [[day, pair[place % 2]] for place, day in enumerate(DAYS)], ";")


EXPORTS = {
    "Stooq": ("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", ","),
    "Investing.com in Portuguese": ("Data,Abertura,Máxima,Mínima,Último,Vol.", ","),
    "Investing.com in Italian": ("Data,Apertura,Massimo,Minimo,Ultimo,Vol.", ","),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_data_is_the_date_in_polish_portuguese_and_italian(name: str) -> None:
    header, separator = EXPORTS[name]
    rows = [[day, "100.5", "101.5", "99.5", "100.0", "7"] for day in DAYS]
    frame = read(header, rows, separator)
    assert [f"{stamp:%Y-%m-%d}" for stamp in frame["time"]] == [*DAYS[1:], "2024-01-14"]
    assert frame.select("open", "high", "low", "close", "volume").row(0) == (100.5, 101.5, 99.5, 100.0, 7.0)


@pytest.mark.parametrize("hour", ["Hora", "Ora", "Godzina"])
def test_data_and_an_hour_are_one_time(hour: str) -> None:
    moments = bars()["time"]
    rows = [[f"{m:%Y-%m-%d}", f"{m:%H:%M}", "5.5"] for m in moments]
    assert read(f"Data;{hour};close", rows, ";", timeframe="1h")["time"][0] == moments[1]


@pytest.mark.parametrize("header", ["timestamp,data", "Date,data"])
def test_data_beside_a_time_or_without_dates_is_a_column(header: str) -> None:
    assert read(header, [[day, str(place)] for place, day in enumerate(DAYS)])["data"].to_list() == list(
        range(len(DAYS))
    )
