"""From a file to named bytes that are what they claim to be: unpacked, sniffed, and held against the file's name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

import pyarrow as pa

from gatewise.data.files.discover import KINDS, bare, is_surely_data, kind_by_name
from gatewise.errors import ReadError, one_line

_GZIP, _XZ, _BZ2, _ZIP, _EMPTY_ZIP = b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"PK\x03\x04", b"PK\x05\x06"
_ZSTD, _LZ4 = b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
_SUFFIX_OF = {_GZIP: ".gz", _XZ: ".xz", _BZ2: ".bz2", _ZIP: ".zip", _EMPTY_ZIP: ".zip", _ZSTD: ".zst", _LZ4: ".lz4"}


def _by_arrow(codec: str) -> Callable[[bytes], bytes]:
    """All frames of a stream: tools that pack in parallel write several."""

    def unpack(data: bytes) -> bytes:
        with pa.CompressedInputStream(pa.BufferReader(data), codec) as stream:
            return bytes(stream.read())

    return unpack


_STREAMS: dict[bytes, Callable[[bytes], bytes]] = {
    _GZIP: gzip.decompress,
    _XZ: lzma.decompress,
    _BZ2: bz2.decompress,
    _ZSTD: _by_arrow("zstd"),
    _LZ4: _by_arrow("lz4"),
}
_SIGNATURES = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "feather"),
    (b"FEA1", "Feather version 1"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF"),
    (b"\x89HDF", "HDF5"),
    (b"SQLite format 3", "an SQLite database"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
)
_BLANK = b" \r\n\t\x00"
_KINDS = ("json", "parquet", "feather")  # known by their content
_READS = "gatewise reads JSON, CSV, Parquet and Feather"
_ELSEWHERE = {
    ".ts": "a UCR/UEA file of labelled samples, not rows in time",
    ".xlsx": "an Excel workbook",
    ".xls": "an Excel workbook",
    ".pkl": "a pickle, which can run code when read",
    ".pickle": "a pickle, which can run code when read",
    ".h5": "HDF5",
    ".npy": "a NumPy array",
    ".npz": "a NumPy archive",
    ".7z": "a 7z archive",
    ".rar": "a RAR archive",
}


@dataclass(frozen=True)
class Blob:
    """Unpacked bytes.

    Attributes:
        name: how errors call it; one of several members of a zip is `archive.zip:member.csv`.
        file: the path whose stem and folders may name the symbol and the day; a zip is a folder of its members.
        data: the bytes.
        kind: csv, json, parquet or feather.
    """

    name: str
    file: PurePath
    data: bytes
    kind: str


def open_blobs(path: Path, kind: str | None, encoding: str | None = None) -> Iterator[Blob]:
    """Yields what a file holds: itself unpacked, or each data member of a zip.

    Args:
        path: an existing file.
        kind: csv, json, parquet or feather where the user said so, which silences the file's name; None: the name must
            agree with the content.
        encoding: of text, where the user said so.

    Raises:
        ReadError: unreadable, empty, truncated, damaged or encrypted, or not what its name says.
    """
    suffix = bare(path).suffix.lower()
    if kind is None and suffix in _ELSEWHERE:
        raise ReadError(f"{path} is {_ELSEWHERE[suffix]}; {_READS}", _rewrite(suffix))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"can't read {path}: {error.strerror or error}", f"ls -l {path}") from error
    if kind is None:
        _held_against_name(path, data)
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        yield from _members(path, data, kind, encoding)
    else:
        yield _blob(str(path), path, _peel(str(path), data), kind, encoding)


def _held_against_name(path: Path, data: bytes) -> None:
    packed = next((suffix for magic, suffix in _SUFFIX_OF.items() if data.startswith(magic)), None)
    named = path.suffix.lower() if path.suffix.lower() in _SUFFIX_OF.values() else None
    if packed == named or not data:
        return
    if packed is None:
        raise ReadError(
            f"{path} is not what its name says: no {named} archive but {_describe(data)}",
            'data.format="csv" (or parquet, feather) reads it whatever its name',
        )
    raise ReadError(
        f"{path} is not what its name says: it is packed as {packed}",
        f'rename it to {path.name}{packed}, or say what it is: data.format="csv" (or parquet, feather)',
    )


def _members(path: Path, data: bytes, kind: str | None, encoding: str | None) -> Iterator[Blob]:
    try:
        held = _unzip(path, data)
    except RuntimeError as error:  # zipfile's way to say that a password or a method is missing
        raise ReadError(f"{path} can't be unpacked: {_first_line(error)}", "unpack it by hand") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError) as error:
        raise ReadError(f"{path} is a damaged zip: {_first_line(error)}", "fetch it again") from error
    for member, content in held:
        name = f"{path}:{member}" if held[1:] else str(path)
        yield _blob(name, path / member, _peel(name, content), kind, encoding)


def _unzip(path: Path, data: bytes) -> list[tuple[str, bytes]]:
    """The members that hold data, by name: all of a known kind, or the only one whatever its name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [
            info.filename
            for info in archive.infolist()
            if not info.is_dir() and not any(part.startswith((".", "__")) for part in PurePath(info.filename).parts)
        ]
        chosen = [name for name in names if kind_by_name(Path(name))] if names[1:] else names
        chosen = [name for name in chosen if is_surely_data(Path(name))] or chosen
        if not chosen:
            held = ", ".join(names[:5]) or "nothing"
            raise ReadError(f"{path} holds no data member; it holds {held}", f"members end in {', '.join(KINDS)}")
        return [(name, archive.read(name)) for name in sorted(chosen)]


def _peel(name: str, data: bytes) -> bytes:
    while stream := next((magic for magic in _STREAMS if data.startswith(magic)), None):
        try:
            data = _STREAMS[stream](data)
        except (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise ReadError(
                f"{name} is a damaged or truncated {_SUFFIX_OF[stream]} file: {_first_line(error)}", "fetch it again"
            ) from error
    return data


def _blob(name: str, file: PurePath, data: bytes, kind: str | None, encoding: str | None) -> Blob:
    if not data[:4096].strip(_BLANK) and not data.strip(_BLANK):
        raise ReadError(f"{name} is empty ({len(data)} bytes)", "fetch or write it again")
    wide = encoding is not None and len(" ".encode(encoding)) > 1  # UTF-16 and UTF-32 are half zeros
    content = _describe(data.replace(b"\x00", b"") if wide else data)
    named = kind or kind_by_name(Path(file)) or (content if content in _KINDS else "csv")
    if content not in (named, "text"):
        hint = f'data.format="{content}" reads it ({_READS})' if content in _KINDS else _READS
        shown = "JSON" if content == "json" else content
        raise ReadError(f"{name} is not what its name says: {named} was expected, the content is {shown}", hint)
    if content == "text" and named not in ("csv", "json"):
        raise ReadError(
            f"{name} is not what its name says: {named} was expected, the content is text",
            'data.format="csv" reads it',
        )
    return Blob(one_line(name), file, data, named)


def _describe(data: bytes) -> str:
    for magic, description in _SIGNATURES:
        if data.startswith(magic):
            return description
    head = data[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text"
    if b"\x00" in head:
        return "binary, no text"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page"
    if re.match(rb'\{\s*"|\[\s*[\[{]', start):
        return "json"
    return "text"


def _rewrite(suffix: str) -> str:
    if suffix == ".ts":
        return "write it as a long CSV with a symbol and a time for each row of each sample"
    return "write it as CSV or Parquet"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
