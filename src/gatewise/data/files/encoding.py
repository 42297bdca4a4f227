"""Bytes of text to UTF-8: by the mark at their beginning, or by the encoding that was said; nothing is replaced."""

from __future__ import annotations

import codecs
import re

from gatewise.data.columns.spellings import normalise
from gatewise.errors import ReadError

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What files are in that are not UTF-8, by the language that wants it.
_CANDIDATES = {
    "cp949": "Korean",
    "gbk": "Chinese",
    "big5": "Chinese, traditional",
    "shift_jis": "Japanese",
    "euc_jp": "Japanese",
    "cp1251": "Russian",
    "cp1252": "Western European",
    "cp1250": "Central European",
}
_FEW = ("cp949", "gbk", "shift_jis", "cp1251", "cp1252")
_SAMPLE = 65_536


def to_utf8(name: str, data: bytes, encoding: str | None) -> bytes:
    """The text in UTF-8, without the mark, each line ended by a line feed or by both signs.

    Bytes that are not UTF-8 are found where rows are read, as looking at all of them costs time.

    Raises:
        ReadError: the text is not in the encoding that was said, or that its mark says.
    """
    marked = next((codec for mark, codec in _MARKS.items() if data.startswith(mark)), None)
    if marked and encoding and not codecs.lookup(encoding).name.startswith("utf"):
        raise ReadError(
            f"{name} begins with the mark of {marked.upper()} text; data.encoding {encoding!r} says otherwise",
            "leave data.encoding out",
        )
    if marked == "utf-16":
        try:
            data = data.decode(marked).encode()
        except UnicodeDecodeError as error:
            raise ReadError(f"{name} begins as UTF-16 text and isn't", "write it as UTF-8") from error
    elif encoding is not None and marked is None:
        try:
            data = data.decode(encoding).encode()
        except UnicodeDecodeError as error:
            raise ReadError(
                f"{name} is not {encoding} text: byte {data[error.start]:#04x} at {error.start}", _hint(data)
            ) from error
    data = data.removeprefix(codecs.BOM_UTF8)
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def not_utf8(name: str, data: bytes, error: UnicodeDecodeError) -> ReadError:
    """The refusal of text that is not UTF-8; the encoding is named where the header's words prove it."""
    return ReadError(f"{name} is not UTF-8 text: byte {data[error.start]:#04x} at {error.start}", _hint(data))


def _hint(data: bytes) -> str:
    read = {codec: known for codec in _CANDIDATES if (known := _known_words(data, codec))}
    best = max(read.values(), key=len, default=[])
    proved = [codec for codec, known in read.items() if len(known) == len(best)]
    if proved and all(read[codec] == best for codec in proved):  # no other reading knows as many words
        return f'data.encoding="{proved[0]}": its header then reads {", ".join(best[:4])}'
    listed = ", ".join(f"{codec} ({_CANDIDATES[codec]})" for codec in _FEW)
    return f"write it as UTF-8, or say in which encoding it is, data.encoding=NAME, such as {listed}"


def _known_words(data: bytes, codec: str) -> list[str]:
    """Cells of the first lines that name columns in another language when read so."""
    try:
        text = data[: data.rfind(b"\n", 0, _SAMPLE) + 1 or _SAMPLE].decode(codec)
    except UnicodeDecodeError:
        return []
    cells = (cell.strip().strip("\"'") for line in text.split("\n")[:60] for cell in re.split(r"[,;\t|]", line))
    return [cell for cell in cells if not cell.isascii() and normalise(cell).isascii()]
