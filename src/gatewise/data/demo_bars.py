"""Real daily bars that come with a dependency: S&P 500 and Nasdaq Composite, 1999 to 2018, in the package `arch`.

They pass the same edge as any file. In both, the adjusted close equals the close on every day and low <= open,
close <= high holds, so that prices are consistent as they are.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from gatewise.config.schema import DataConfig
from gatewise.data.table import OHLCV
from gatewise.errors import ConfigError, ReadError


def sample_config(spec: DataConfig) -> DataConfig:
    """Turns `source: sp500` into the path of the file; any other config is handed back.

    Raises:
        ConfigError: paths beside a source other than files.
        ReadError: the installed arch does not carry the file.
    """
    if spec.source == "files":
        return spec
    if spec.paths:
        raise ConfigError(
            f"data.source {spec.source!r} reads no files; got data.paths {spec.paths[0]!r}", "give one of the two"
        )
    # Found without importing arch, which would import pandas and statsmodels: seconds, for a file of 100 kB.
    package = importlib.util.find_spec("arch")
    folder = Path(package.submodule_search_locations[0]) if package and package.submodule_search_locations else Path()
    file = folder / "data" / spec.source / f"{spec.source}.csv.gz"
    if not file.is_file():
        raise ReadError(f"the installed arch carries no {spec.source} bars at {file}", "pip install 'arch>=8.0'")
    settings = {
        "source": "files",
        "paths": (str(file),),
        "symbol": spec.symbol or spec.source.upper(),
        "stamp": spec.stamp or "open",
        "columns": spec.columns or OHLCV,
    }
    return spec.model_copy(update=settings)
