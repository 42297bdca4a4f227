"""Dropout whose masks are a pure function of (key, place, row, element), computed where the tensor lies.

A mask's bits are SplitMix64 (Steele, Lea & Flood 2014) of a counter: 64 bits serve four elements. So a mask depends on
no generator's state, on no other window of the batch, and not on how a batch is cut into pieces, threads or members: a
member of a fleet drops what it would drop alone. On one CPU thread 0.7 ns an element where the key is a plain number,
2.6 by tensor operations, which GPUs and fleets need; torch's own dropout takes 9.6.

The training loop says what is being drawn; no model is trained outside of `drawing`:

    with drawing(key_of_this_step, first_row=64):    # rows 64, 65, ... of the batch
        outputs = model(x_BTF)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gatewise.windows import mix_seed

LANES = 4  # 16-bit numbers in a 64-bit word: a rate is rounded to 1/65,536, and the scale follows the rounded rate
LEVELS = 1 << 16
PLACE = 0xD1B54A32D192ED03
COUNTER = 0x9E3779B97F4A7C15
FIRST_MIX, SECOND_MIX = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
WORD = (1 << 64) - 1

Words = npt.NDArray[np.uint64]


@dataclass
class _Pass:
    """A forward pass under way: what it draws from, and how many places have drawn so far."""

    key: Tensor | int
    first_row: int
    places: int = 0


# A context variable, so that threads that each run a piece of a batch do not meet.
_PASS: ContextVar[_Pass | None] = ContextVar("_PASS", default=None)


@contextmanager
def drawing(key: Tensor | int, first_row: int = 0) -> Iterator[None]:
    """One forward pass whose masks come from `key`; its first row is row `first_row` of the batch.

    Args:
        key: 64 bits, as an int64 scalar or, faster on CPUs, as a number; either gives the same masks.
    """
    token = _PASS.set(_Pass(key, first_row))
    try:
        yield
    finally:
        _PASS.reset(token)


@contextmanager
def cut_rows(parts: int) -> Iterator[None]:
    """What is drawn within is for rows that are each cut into so many, one after the other."""
    current = _PASS.get()
    if current is not None:
        current.first_row *= parts
    try:
        yield
    finally:
        if current is not None:
            current.first_row //= parts


def epoch_key(seed: int, epoch: int) -> int:
    """What an epoch's masks come from; the key of its step n is this plus n."""
    return mix_seed(seed, ~epoch & 0xFFFFFFFF) >> 1


@dataclass(frozen=True)
class Drop:
    """The dropout of one place in a model, in one forward pass.

    Attributes:
        key: int64 scalar, or a number of which 64 bits count.
        rate: float32 scalar in [0, 1), the share of elements that become zero; the others grow by 1 / (1 - rate).
        first_row: the batch's row that the tensor's first row is.
    """

    key: Tensor | int
    rate: Tensor
    first_row: int = 0

    def at(self, place: int) -> Drop:
        """That of a place further on."""
        return replace(self, key=self.key + _signed(place * PLACE))

    def __call__(self, x: Tensor) -> Tensor:
        """`x` [rows, ..., elements] with elements dropped."""
        return x * self.mask(x)

    def mask(self, x: Tensor) -> Tensor:
        """Zeros, and 1 / (1 - rate) where an element stays; of x's shape, dtype and order in memory."""
        rows, elements = x.shape[0], x.shape[-1]
        middle = x.shape[1:-1].numel()
        num_words = -(-elements // LANES)
        # Recurrent layers hand on [B, T, H] views of time-major memory.
        time_major = x.dim() == 3 and x.stride(0) < x.stride(1)
        first = self.first_row * middle * num_words * COUNTER
        if isinstance(self.key, int) and x.device.type == "cpu":
            bits = _native_bits(_cpu_counters(rows, middle, num_words, time_major), self.key + first)[..., :elements]
            mask = _native_mask(bits, min(round(float(self.rate) * LEVELS), LEVELS - 1)).to(x.dtype)
        else:
            counter = _counters(rows, middle, num_words, time_major, x.device)
            offset = _signed(self.key + first) if isinstance(self.key, int) else self.key + _signed(first)
            bits_of = _mixed(counter + offset).view(torch.int16)[..., :elements]
            level = (self.rate * LEVELS).round().clamp(max=LEVELS - 1)
            keep = bits_of >= (level - LEVELS // 2).to(torch.int16)
            mask = keep.to(x.dtype) * (LEVELS / (LEVELS - level)).to(x.dtype)
        return (mask.transpose(0, 1) if time_major else mask).reshape(x.shape)


class Dropout(nn.Module):
    """`nn.Dropout` with masks as above.

    Attributes:
        p: the rate; with 0 nothing is computed.
        rate: `p` as a tensor, not part of the state dict; a fleet puts its members' own rates here.
    """

    rate: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.register_buffer("rate", torch.tensor(p, dtype=torch.float32, device="cpu"), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        drop = self.draw()
        return x if drop is None else drop(x)

    def draw(self, places: int = 1) -> Drop | None:
        """What this place drops in the pass under way; `None` if nothing.

        Args:
            places: how many tensors it serves: use `Drop.at(0)` to `Drop.at(places - 1)`.
        """
        if not self.training:
            return None
        current = _PASS.get()
        if current is None:
            assert not self.p, "a pass that drops says what from: `drawing`"
            return None
        # Counted even where nothing is dropped: the places after this one keep theirs whatever the rate.
        place = current.places
        current.places += places
        return Drop(current.key, self.rate, current.first_row).at(place) if self.p else None

    def extra_repr(self) -> str:
        return f"p={self.p}"


def _signed(number: int) -> int:
    """The 64-bit two's complement of a number, as torch's int64 holds it."""
    number &= WORD
    return number - (1 << 64) if number >> 63 else number


def _counters(rows: int, middle: int, num_words: int, time_major: bool, device: torch.device) -> Tensor:
    """COUNTER times the number of each word, [rows, middle, words] or [middle, rows, words] if time-major."""
    if device.type != "cpu":
        word = (
            torch.arange(rows * middle * num_words, dtype=torch.int64, device=device)
            .mul_(_signed(COUNTER))
            .view(rows, middle, num_words)
        )
        return word.transpose(0, 1) if time_major else word
    return torch.from_numpy(_cpu_counters(rows, middle, num_words, time_major).view(np.int64))


# Kept for the few shapes of a run: a tenth of a small step went into making them. NumPy's arrays, because a tensor made
# inside one of torch.func's transforms must not outlive it.
@lru_cache(maxsize=8)
def _cpu_counters(rows: int, middle: int, num_words: int, time_major: bool) -> Words:
    word = np.arange(rows * middle * num_words, dtype=np.uint64) * np.uint64(COUNTER)
    word = word.reshape(rows, middle, num_words)
    return np.ascontiguousarray(word.transpose(1, 0, 2) if time_major else word)


def _native_bits(counters: Words, offset: int) -> npt.NDArray[np.int16]:
    """SplitMix64's finaliser of `counters` + `offset` in NumPy: unsigned shifts, and a third of the overhead."""
    z = counters + np.uint64(offset & WORD)
    shifted = np.empty_like(z)
    for shift, factor in ((30, FIRST_MIX), (27, SECOND_MIX)):
        np.right_shift(z, np.uint64(shift), out=shifted)
        np.bitwise_xor(z, shifted, out=z)
        np.multiply(z, np.uint64(factor), out=z)
    np.right_shift(z, np.uint64(31), out=shifted)
    np.bitwise_xor(z, shifted, out=z)
    return z.view(np.int16)


def _native_mask(bits: npt.NDArray[np.int16], level: int) -> Tensor:
    keep = bits >= np.int16(level - LEVELS // 2)
    return torch.from_numpy(keep * (np.float32(LEVELS) / np.float32(LEVELS - level)))


def _mixed(z: Tensor) -> Tensor:
    """SplitMix64's finaliser of int64 counters; overwrites them."""
    for shift, factor in ((30, FIRST_MIX), (27, SECOND_MIX)):
        z = z.bitwise_xor_(_shifted(z, shift)).mul_(_signed(factor))
    return z.bitwise_xor_(_shifted(z, 31))


def _shifted(z: Tensor, shift: int) -> Tensor:
    """`z >> shift` as if unsigned."""
    return (z >> shift).bitwise_and_((1 << (64 - shift)) - 1)
