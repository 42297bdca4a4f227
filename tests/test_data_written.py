"""Text in any encoding and numbers in any country's writing are the same Table, by proof or by a flag that the refusal
names; what contradicts the cells is refused.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_files import VALUES, as_csv, bars, expected, load, put
from gatewise.config.load import load_config
from gatewise.config.schema import DataConfig
from gatewise.data.cells.numbers import to_numbers
from gatewise.data.check.rows import check_data
from gatewise.data.files.encoding import to_utf8
from gatewise.errors import AmbiguousError, ConfigError, DataError, ReadError

BARS = bars()
WANTED = expected(BARS).fingerprint
HEADERS = {
    "cp949": ["일자,시가,고가,저가,종가,거래량", "날짜,시가,고가,저가,종가,거래량"],
    "gbk": ["日期,开盘,最高,最低,收盘,成交量", "交易日期,开盘价,最高价,最低价,收盘价,成交量"],
    "gb18030": ["日期,开盘,最高,最低,收盘,成交量"],
    "shift_jis": ["日付,始値,高値,安値,終値,出来高"],
    "cp932": ["日付,始値,高値,安値,終値,出来高"],
    "euc_jp": ["日付,始値,高値,安値,終値,出来高"],
    "big5": ["日期,開盤價,最高價,最低價,收盤價,成交量"],
    "cp1252": ["Datum,Eröffnung,Hoch,Tief,Schluss,Volumen", "Fecha,Apertura,Máximo,Mínimo,Último,Vol."],
    "latin-1": ["Date,Ouverture,Plus Haut,Plus Bas,Clôture,Volume"],
    "cp1251": ["Дата,Открытие,Максимум,Минимум,Закрытие,Объём"],
    "cp1250": ["Date,Otwarcie,Najwyższy,Najniższy,Zamknięcie,Wolumen"],
    "utf-16-le": ["Date,Open,High,Low,Close,Volume"],
    "utf-8": ["Date,Open,High,Low,Close,Volume"],
}
STAMPED = as_csv(BARS).partition("\n")[2]


@pytest.mark.parametrize("encoding", HEADERS)
def test_text_in_an_encoding_that_is_said_is_the_same_table(encoding: str, tmp_path: Path) -> None:
    for header in HEADERS[encoding]:
        path = put(tmp_path, "X.csv", f"{header}\n{STAMPED}".encode(encoding))
        assert load(path, encoding=encoding).fingerprint == WANTED


@pytest.mark.parametrize("encoding", [encoding for encoding in HEADERS if not encoding.startswith("utf")])
def test_the_refusal_names_the_encoding_that_the_header_proves_and_following_it_reads_the_file(
    encoding: str, tmp_path: Path
) -> None:
    for header in HEADERS[encoding]:
        path = put(tmp_path, "X.csv", f"{header}\n{STAMPED}".encode(encoding))
        with pytest.raises(ReadError, match="is not UTF-8 text") as caught:
            load(path)
        named = re.search(r'data\.encoding="(\w+)"', str(caught.value.hint))
        assert named, caught.value.hint
        assert load(path, encoding=named[1]).fingerprint == WANTED


def test_where_nothing_proves_an_encoding_the_usual_ones_are_named(tmp_path: Path) -> None:
    path = put(tmp_path, "X.csv", as_csv(BARS.with_columns(name=pl.lit("Zoë"))).encode("latin-1"))
    with pytest.raises(ReadError, match="is not UTF-8 text") as caught:
        load(path)
    assert "data.encoding=NAME" in str(caught.value.hint)
    assert load(path, encoding="cp1252").fingerprint == WANTED


def test_text_that_is_not_in_the_encoding_that_is_said_is_refused(tmp_path: Path) -> None:
    korean = f"{HEADERS['cp949'][0]}\n{STAMPED}".encode("cp949")
    with pytest.raises(ReadError, match="is not ascii text: byte") as caught:
        load(put(tmp_path, "X.csv", korean), encoding="ascii")
    assert 'data.encoding="cp949"' in str(caught.value.hint)
    marked = put(tmp_path, "X.csv", as_csv(BARS).encode("utf-8-sig"))
    with pytest.raises(ReadError, match="begins with the mark of UTF-8"):
        load(marked, encoding="cp949")
    assert load(marked, encoding="utf-8").fingerprint == WANTED


@pytest.mark.parametrize("name", ["cp94x", "base64", "rot13", "hex", "zip", "", "idna", "a\x00b"])
def test_what_is_no_encoding_of_text_is_refused_before_anything_is_read(name: str) -> None:
    with pytest.raises(ConfigError, match="is no encoding of text"):
        DataConfig(encoding=name)


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(alphabet=st.sampled_from("abc,1\n가개日本語开盘éßя"), min_size=1), codec=st.sampled_from(list(HEADERS))
)
def test_decoding_gives_back_what_was_written(text: str, codec: str) -> None:
    try:
        data = text.encode(codec)
    except UnicodeEncodeError:
        return
    marks = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
    if not data.startswith(marks):
        assert to_utf8("X", data, codec).decode() == text


# One number a writing: how countries and programs write 1234567.25.
WRITINGS: dict[str, tuple[str, str]] = {
    "plain": ("", "."),
    "English": (",", "."),
    "German": (".", ","),
    "Swiss": ("'", "."),
    "Swiss typographic": ("\u2019", "."),
    "French": ("\u202f", ","),
    "Swedish": ("\u00a0", ","),
    "Polish": (" ", ","),
    "ISO": (" ", "."),
}


def written(number: float, group: str, point: str, digits: int) -> str:
    return f"{number:,.{digits}f}".replace(",", "_").replace(".", point).replace("_", group)


SAID = {"\u2019": "'", "\u00a0": " ", "\u202f": " ", "": None}


@settings(max_examples=200, deadline=None)
@given(
    numbers=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8),
    digits=st.integers(0, 5),
    name=st.sampled_from(list(WRITINGS)),
    say=st.sampled_from(["both", "thousands", "decimal", "nothing"]),
)
def test_numbers_are_the_same_however_written_or_refused_where_nothing_tells(
    numbers: list[int], digits: int, name: str, say: str
) -> None:
    group, point = WRITINGS[name]
    values = [number / 10**digits for number in numbers]
    column = pl.Series("x", [written(value, group, point, digits) for value in values])
    said = {"thousands": SAID.get(group, group), "decimal": point}
    said = {key: value if say in (key, "both") else None for key, value in said.items()}
    try:
        (read,) = to_numbers("X.csv", [column], **said)
    except AmbiguousError:
        # An apostrophe may stand in quotes of 32nds, whatever the decimal sign is.
        assert (
            say == "nothing"
            or (say == "thousands" and group not in ",.")
            or (say, SAID.get(group, group)) == ("decimal", "'")
        )
        return
    if not len(read.wrong):
        assert read.values.to_list() == values
    else:  # a comma that groups no threes while a point or nothing was said to be the decimal sign
        assert say != "both"


def test_1_234_is_read_as_the_sign_that_is_said_and_the_refusal_names_both_flags() -> None:
    column = pl.Series("x", ["1,234", "71,900"])
    with pytest.raises(AmbiguousError, match="such as '1,234'") as caught:  # the first, in each run
        to_numbers("X.csv", [column])
    assert {'data.thousands=","', 'data.decimal=","'} <= set(str(caught.value.hint).split())
    assert to_numbers("X.csv", [column], thousands=",")[0].values.to_list() == [1234.0, 71900.0]
    assert to_numbers("X.csv", [column], decimal=".")[0].values.to_list() == [1234.0, 71900.0]
    assert to_numbers("X.csv", [column], decimal=",")[0].values.to_list() == [1.234, 71.9]
    assert to_numbers("X.csv", [column], thousands=".")[0].values.to_list() == [1.234, 71.9]
    # A point that groups threes is no decimal point in a column of its own either.
    assert to_numbers("X.csv", [pl.Series("x", ["1.234"])], decimal=",")[0].values.to_list() == [1234.0]


@pytest.mark.parametrize("cell", ["12,5", "1,23", "1,2345", ",123", "1,234,56", "1'234", "1,,234", "1,234,5"])
def test_what_is_not_grouped_as_was_said_is_refused_with_its_cell(cell: str, tmp_path: Path) -> None:
    frame = BARS.with_columns(pl.col("volume").cast(pl.String))
    frame[3, "volume"] = cell
    with pytest.raises(ReadError, match=f"column 'volume' row 4: {cell!r} is no number") as caught:
        load(put(tmp_path, "X.csv", as_csv(frame, separator=";")), thousands=",")
    assert "data.thousands" in str(caught.value.hint)


def test_lakhs_and_crores_are_grouped_digits_where_the_comma_is_said_to_group() -> None:
    column = pl.Series("x", ["12,34,567.5", "1,00,000", "99,999", "-1,23,45,678"])
    (read,) = to_numbers("X.csv", [column], thousands=",")
    assert read.values.to_list() == [1234567.5, 100000.0, 99999.0, -12345678.0]


@pytest.mark.parametrize("said", [{"thousands": ","} | {"decimal": ","}, {"thousands": "x"}, {"decimal": "'"}])
def test_signs_that_contradict_each_other_or_can_not_be_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"data\.(thousands|decimal)") as caught:
        load_config(overrides={f"data.{field}": sign for field, sign in said.items()})
    assert caught.value.hint


UNITS: dict[str, float] = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "万": 1e4, "亿": 1e8}


@settings(max_examples=100, deadline=None)
@given(
    digits=st.lists(st.integers(-99_999, 99_999), min_size=1, max_size=6),
    unit=st.sampled_from(list(UNITS)),
    blank=st.sampled_from(["", " "]),
    lower=st.booleans(),
)
def test_units_behind_numbers_multiply_them_exactly(digits: list[int], unit: str, blank: str, lower: bool) -> None:
    column = pl.Series(
        "Vol.", [f"{number / 100:.2f}{blank}{unit.lower() if lower else unit}" for number in digits] + ["-", "7"]
    )
    (read,) = to_numbers("X.csv", [column])
    wanted = [float(f"{number}e{len(f'{UNITS[unit]:.0f}') - 3}") for number in digits]
    assert read.values.to_list() == [*wanted, None, 7.0]
    assert "units behind its numbers" in str(read.note) or not any(digits)


@pytest.mark.parametrize("cells", [["5M", "15M"], ["1.5m", "2.5m"], ["3k", "k"], ["1.5Kg", "2.0Kg"]])
def test_words_that_end_like_units_stay_words(cells: list[str]) -> None:
    assert to_numbers("X.csv", [pl.Series("interval", cells)])[0].values.null_count()


def investing(change: str = "0.52%") -> str:
    lines = ['"Date","Price","Open","High","Low","Vol.","Change %"']
    for time, opened, high, low, close, volume in BARS.iter_rows():
        lines.append(f'"{time:%Y-%m-%d %H:%M}","{close}","{opened}","{high}","{low}","{volume / 1000:.4f}K","{change}"')
    return "\n".join(lines) + "\n"


def test_an_investing_com_file_is_read_and_what_its_signs_were_taken_for_is_said(tmp_path: Path) -> None:
    path = put(tmp_path, "X.csv", investing())
    assert (
        load(path, columns=VALUES).fingerprint
        == expected(BARS.select("time", "close", "open", "high", "low", "volume").select(BARS.columns)).fingerprint
    )
    notes = "\n".join(check_data(DataConfig(paths=(str(path),))).notes)
    assert "column 'volume' holds units behind its numbers" in notes
    assert "column 'Change %' holds percents: '0.52%' is read as 0.52" in notes


def test_percents_beside_other_numbers_and_prices_in_percent_are_refused(tmp_path: Path) -> None:
    lines = investing().splitlines()
    lines[4] = lines[4].replace("0.52%", "0.0052")
    with pytest.raises(ReadError, match=r"'Change %' row 4: '0\.0052' is no number"):
        load(put(tmp_path, "X.csv", "\n".join(lines) + "\n"))
    frame = BARS.with_columns(pl.col("close").cast(pl.String) + "%")
    with pytest.raises(DataError, match="'close' row 1"):
        load(put(tmp_path, "X.csv", as_csv(frame)))


@pytest.mark.parametrize(
    "write", [lambda n: f"{n:,.2f} ", lambda n: f"₩{n:,.2f}", lambda n: f"¥ {n:.2f}", lambda n: f"€{n:.2f}"]
)
def test_signs_of_money_before_a_number_do_not_matter(write: Callable[[float], str]) -> None:
    (read,) = to_numbers("X.csv", [pl.Series("x", [write(1234.5), write(7.25)])])
    assert read.values.to_list() == [1234.5, 7.25]


def test_a_bundle_s_way_of_reading_text_says_nothing_of_a_store() -> None:
    from gatewise.bundle.reading import reading_config

    with tempfile.TemporaryDirectory() as folder:
        trained = load_config(
            overrides={"data.encoding": "cp949", "data.columns_are": "time,close", "data.thousands": ","}
        )
        new = reading_config(trained, None, (), {"data.paths": [folder]})
        assert (new.encoding, new.columns_are, new.thousands) == ("cp949", ("time", "close"), ",")
        new = reading_config(trained, None, (), {"data.source": "sql", "data.url": "sqlite:///x.db"})
        assert (new.encoding, new.columns_are, new.thousands) == (None, (), ",")  # cells of a database may be text
        new = reading_config(trained, None, (), {"data.source": "lake"})
        assert (new.encoding, new.columns_are, new.thousands) == (None, (), None)
