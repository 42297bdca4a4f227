"""What a run is about, in the few words that lists and names have room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from gatewise.errors import ConfigError

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig
    from gatewise.data.table import Table

SAMPLES = ("sp500", "nasdaq")
_MOST_CHARACTERS = 100


@dataclass(frozen=True)
class Subject:
    """Rows, models and target of a run.

    Attributes:
        source: of bars that come with gatewise, sp500 or nasdaq; empty where symbols name the rows.
        symbols: of the rows that were read.
        timeframe: the step between rows, like 1m.
        models: names, in the order in which they are compared.
        target: its kind in short, like tb.
        horizons: rows ahead.
    """

    source: str = ""
    symbols: tuple[str, ...] = ()
    timeframe: str = ""
    models: tuple[str, ...] = ()
    target: str = ""
    horizons: tuple[int, ...] = ()

    @property
    def rows(self) -> str:
        """`BTCUSDT-1m`, `sp500-1d`, `3 symbols 1m`."""
        several = len(self.symbols) > 1 and not self.source
        name = self.source or (f"{len(self.symbols)} symbols" if several else "".join(self.symbols))
        return (" " if several else "-").join(filter(None, (name, self.timeframe))) or "rows"

    @property
    def model(self) -> str:
        """`lstm`, `lstm,gru`, `4 models`; of one's own the last word of the import path."""
        names = [name.rpartition(":")[2] for name in self.models]
        return ",".join(names) if len(names) <= 2 else f"{len(names)} models"

    @property
    def aim(self) -> str:
        """`tb20`, `dir5,20`."""
        return self.target + ",".join(map(str, self.horizons))

    @property
    def words(self) -> str:
        """The name of a run that was given none: `BTCUSDT-1m lstm tb20`."""
        return " ".join(filter(None, (self.rows, self.model, self.aim)))

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` takes them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Subject:
        """What `to_dict` gave, or a part of it."""
        plain: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
        return cls(**plain)


def checked_name(name: str | None) -> str | None:
    """A run's name without blanks around; `None` stays.

    Raises:
        ConfigError: it is empty, too long, or holds what does not print.
    """
    if name is None:
        return None
    text = name.strip()
    if not text or len(text) > _MOST_CHARACTERS or not text.isprintable():
        raise ConfigError(
            f"a run's name must be 1 to {_MOST_CHARACTERS} characters that print; got {name[:_MOST_CHARACTERS]!r}",
            'say a short one on one line, like "wide barriers"',
        )
    return text


def subject_of(
    configs: Sequence[ExperimentConfig], table: Table | None = None, horizons: Sequence[int] | None = None
) -> Subject:
    """Of what is trained by these configs, which differ in their models.

    Args:
        table: the rows; `None`: they are not read yet, and what the config says of them is taken.
        horizons: of a comparison of several; `None`: the config's.
    """
    from gatewise.config.durations import format_duration
    from gatewise.targets.make import short_name  # brings Polars, which reading a list of runs does without

    data, target = configs[0].data, configs[0].target
    named = data.symbols or ((data.symbol,) if data.symbol else ())
    step = table.timeframe if table else data.resample or data.timeframe
    return Subject(
        source=data.source if data.source in SAMPLES else "",
        symbols=table.symbols if table else named,
        timeframe=format_duration(step) if step else "",
        models=tuple(dict.fromkeys(config.model.name for config in configs)),
        target=short_name(target.kind),
        horizons=tuple(horizons or target.ahead),
    )
