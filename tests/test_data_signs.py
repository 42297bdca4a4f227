"""What a point or an apostrophe between digits means. Prices and volumes that are a thousandth of what was meant, and
bond prices that are a thousand times, train a model without complaint.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import as_csv, bars, load, put
from gatewise.cli.flags import translate
from gatewise.data.cells.numbers import to_numbers
from gatewise.errors import AmbiguousError, ReadError

BARS = bars()
# CME's tables of quotes: a 32nd and its eighths, of which the last digit is left out where it is a 5 behind another.
EIGHTHS = {"0": 0.0, "1": 0.125, "2": 0.25, "3": 0.375, "5": 0.5, "6": 0.625, "7": 0.75, "8": 0.875}
QUOTES = {
    f"{points}'{parts:02d}{left}": points + (parts + eighth) / 32
    for points in (0, 1, 9, 99, 110, 165)
    for parts in range(32)
    for left, eighth in EIGHTHS.items()
}


def read(cells: list[str], name: str = "close", **said: str) -> list[float | None]:
    (numbers,) = to_numbers("X.csv", [pl.Series(name, cells)], **said)
    assert not len(numbers.wrong)
    return numbers.values.to_list()


def grouped(number: int, sign: str) -> str:
    return f"{number:,}".replace(",", sign)


@given(quotes=st.lists(st.sampled_from(sorted(QUOTES)), min_size=1, max_size=6), decimal=st.sampled_from([None, "."]))
def test_quotes_in_32nds_are_never_taken_for_thousands(quotes: list[str], decimal: str | None) -> None:
    with pytest.raises(AmbiguousError) as caught:
        read(quotes, decimal=decimal)
    assert f"a quote in 32nds, {QUOTES[quotes[0]]}, and" in caught.value.message
    assert "32nds are to be decimals first" in str(caught.value.hint)


@given(numbers=st.lists(st.integers(0, 10**7), min_size=1, max_size=6), name=st.sampled_from(["close", "x", "Volume"]))
def test_thousands_set_apart_by_apostrophes_are_read_where_a_cell_proves_them(numbers: list[int], name: str) -> None:
    cells = [grouped(number, "'") for number in numbers]
    assert read(cells, name, thousands="'") == numbers
    try:
        assert read(cells, name) == numbers
    except AmbiguousError as error:
        assert name != "Volume"
        marked = [cell for cell in cells if "'" in cell]
        assert all(cell.partition("'")[2] in {quote.partition("'")[2] for quote in QUOTES} for cell in marked)
        words = shlex.split(translate(str(error.hint)))
        assert words[:2] == ["--thousands", "'"]
        assert read(cells, name, thousands=words[1]) == numbers


def test_the_hint_on_apostrophes_is_one_that_people_can_type(tmp_path: Path) -> None:
    frame = BARS.with_columns(pl.lit("110'165").alias("close"))
    with pytest.raises(AmbiguousError) as caught:
        load(put(tmp_path, "X.csv", as_csv(frame)))
    assert translate(str(caught.value.hint)).startswith("""--thousands "'" where""")


def test_what_goes_on_beyond_a_thousand_is_no_quote() -> None:
    assert read(["987", "1'012"]) == [987, 1012]
    assert read(["1'012.5", "1'016"]) == [1012.5, 1016]
    assert read(["1'016,5", "1'016"]) == [1016.5, 1016]
    with pytest.raises(AmbiguousError):
        read(["110", "110'165"])


@pytest.mark.parametrize("quote", ["110'16", "110'16.5", "110'16+", "450'2", "110-165", "110-16"])
def test_other_quotes_are_refused_as_what_they_are(quote: str, tmp_path: Path) -> None:
    frame = BARS.with_columns(pl.lit(quote).alias("close"))
    with pytest.raises(ReadError, match="'close' row 1") as caught:
        load(put(tmp_path, "X.csv", as_csv(frame)))
    assert "quotes in 32nds" in str(caught.value.hint)


@given(
    numbers=st.lists(st.integers(-(10**6), 10**8) | st.integers(0, 9999), min_size=2, max_size=8),
    name=st.sampled_from(["close", "volume", "x"]),
    beside=st.sampled_from([[], ["46.410", "46.520"], ["7", "12"]]),
)
def test_whole_numbers_grouped_by_points_are_never_read_otherwise(
    numbers: list[int], name: str, beside: list[str]
) -> None:
    cells = [grouped(number, ".") for number in numbers]
    columns = [pl.Series(name, cells), *([pl.Series("beside", beside)] if beside else [])]
    said = to_numbers("X.csv", columns, thousands=".")
    assert said[0].values.to_list() == numbers
    decimals = [float(cell) if cell.count(".") < 2 else None for cell in cells]
    try:
        found = to_numbers("X.csv", columns)
    except AmbiguousError as caught:
        error = caught
    else:
        assert not len(found[0].wrong)
        fixed = all(cell.count(".") == 1 for cell in cells)  # decimals of three digits look so
        assert found[0].values.to_list() == (decimals if fixed else numbers)
        if None in decimals:
            assert [column.values.to_list() for column in found] == [column.values.to_list() for column in said]
        return
    assert None not in decimals
    assert {'data.thousands="."', 'data.decimal="."'} <= set(str(error.hint).split())
    assert to_numbers("X.csv", columns, decimal=".")[0].values.to_list() == decimals


@given(
    thousandths=st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30),
    name=st.sampled_from(["close", "volume", "x"]),
    trimmed=st.booleans(),
)
def test_decimals_are_refused_only_where_all_of_them_look_like_thousands_beside_whole_numbers(
    thousandths: list[int], name: str, trimmed: bool
) -> None:
    cells = [f"{number / 1000:.3f}" for number in thousandths]
    cells = [cell.rstrip("0").rstrip(".") if trimmed else cell for cell in cells]
    try:
        assert read(cells, name) == [number / 1000 for number in thousandths]
    except AmbiguousError:
        pointed = [cell.lstrip("-") for cell in cells if "." in cell]
        assert trimmed
        assert all(cell[0] != "0" and len(cell.partition(".")[2]) == 3 for cell in pointed)
        assert 0 < len(pointed) < len(cells)


def test_a_volume_of_grouped_thousands_is_refused_before_a_check_speaks_of_repairs(tmp_path: Path) -> None:
    volume = [grouped(number, ".") for number in range(500, 500 + 40 * 41, 41)]
    path = put(tmp_path, "X.csv", as_csv(BARS.with_columns(pl.Series("volume", volume))))
    with pytest.raises(AmbiguousError, match=r"'volume' holds '1\.033' beside '500'") as caught:
        load(path)
    assert "repair" not in str(caught.value.hint)
    assert load(path, decimal=".").frame["volume"][:2].to_list() == [500, 541]


def test_prices_of_grouped_thousands_are_refused_too_and_read_as_either_sign_says(tmp_path: Path) -> None:
    wanted = [900.0 + 20 * row for row in range(40)]
    prices = pl.Series([grouped(int(price), ".") for price in wanted])
    frame = BARS.select("time", *(prices.alias(name) for name in ("open", "high", "low", "close")))
    path = put(tmp_path, "X.csv", as_csv(frame))
    with pytest.raises(AmbiguousError, match="points may group digits or be decimal"):
        load(path)
    assert load(path, thousands=".").frame["close"].to_list() == wanted


def test_a_few_decimals_beside_whole_numbers_are_decimals_where_other_points_are() -> None:
    price, factor = pl.Series("close", ["46.41", "46.5"]), pl.Series("factor", ["1", "1.025"])
    assert to_numbers("X.csv", [price, factor])[1].values.to_list() == [1, 1.025]
    for doubtful in (factor.alias("volume"), factor.alias("close")):
        with pytest.raises(AmbiguousError):
            to_numbers("X.csv", [price.alias("x"), doubtful])


def test_points_that_are_decimal_elsewhere_prove_no_thousands() -> None:
    address, price = pl.Series("host", ["192.168.100.200"] * 2), pl.Series("close", ["46.41", "46.5"])
    read_host, read_price = to_numbers("X.csv", [address, price])
    assert len(read_host.wrong) == 2
    assert read_price.values.to_list() == [46.41, 46.5]
