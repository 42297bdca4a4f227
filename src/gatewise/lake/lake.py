"""The lake: series of bars as Parquet pages in one folder, which several processes may read and write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from gatewise.errors import StorageError
from gatewise.files import home
from gatewise.lake.base import SeriesKey
from gatewise.lake.manifest import NAME
from gatewise.lake.series import Series


class Lake:
    """All series below one folder; the folder need not exist.

    Args:
        root: its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @classmethod
    def default(cls, folder: str | None = None) -> Self:
        """The lake at `folder`, else at `$GATEWISE_LAKE`, else in `$GATEWISE_HOME/lake`.

        Raises:
            StorageError: a file is in its place.
        """
        named = folder or os.environ.get("GATEWISE_LAKE")
        root = Path(named).expanduser().absolute() if named else home() / "lake"
        nearest = next(place for place in (root, *root.parents) if place.exists())
        if not nearest.is_dir():
            raise StorageError(
                f"a lake is a folder; {nearest} is a file", 'name another lake: data.lake="DIR" or $GATEWISE_LAKE'
            )
        return cls(root)

    def keys(self) -> tuple[SeriesKey, ...]:
        """Every series that was written to, sorted by feed, symbol and timeframe."""
        keys = (SeriesKey.of_folder(file.parent.relative_to(self.root)) for file in self.root.glob(f"*/*/*/{NAME}"))
        return tuple(sorted(key for key in keys if key is not None))

    def series(self, key: SeriesKey) -> Series:
        """A handle on one series, there or not."""
        return Series(self.root, key)
