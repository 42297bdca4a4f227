"""Seeds as people name them: a lone number is a count, a list names them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from gatewise.config.training_section import MOST_SEEDS
from gatewise.errors import ConfigError

_HINT = "3 for three from training.seed upwards, or a list such as 42,123,456"
_MOST = 1_000


def read_seeds(seeds: str | int | Sequence[int], first: int) -> tuple[int, ...]:
    """`3` gives first, first + 1 and first + 2; `42,123,456`, or a sequence, gives those.

    Raises:
        ConfigError: not whole numbers from 0, none, one twice, or more than a thousand.
    """
    try:
        words = seeds.split(",") if isinstance(seeds, str) else [seeds] if isinstance(seeds, int) else [*seeds]
        numbers = [int(word) if isinstance(word, str) else index(word) for word in words]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"seeds are whole numbers; got {seeds!r}", _HINT) from error
    if isinstance(seeds, int) or (isinstance(seeds, str) and len(numbers) == 1):
        if not 1 <= numbers[0] <= _MOST:
            raise ConfigError(f"a lone number of seeds is a count, from 1 to {_MOST:,}; got {numbers[0]}", _HINT)
        numbers = [first + number for number in range(numbers[0])]
    if not 1 <= len(numbers) <= _MOST or len(set(numbers)) < len(numbers):
        raise ConfigError(f"seeds are each named once, from 1 to {_MOST:,} of them; got {seeds!r}", _HINT)
    if not all(0 <= number < MOST_SEEDS for number in numbers):
        raise ConfigError(f"seeds must be from 0 and below 2**63; got {seeds!r}", _HINT)
    return tuple(numbers)


def names_seeds(seeds: str | int | Sequence[int]) -> bool:
    """Whether they are named one by one, so that a first one beside them would say two things."""
    return "," in seeds if isinstance(seeds, str) else not isinstance(seeds, int)
