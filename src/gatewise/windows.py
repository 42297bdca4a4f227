"""Windows: one resident matrix and an index into it; nothing is ever copied out but the batch at hand.

A window is named by the row that ends it. A batch of B windows of T steps is one gather of B·T rows, scaled on the way;
1,000,000 rows x 39 features stay at 156 MB however long the windows are. The gather is time-major in memory and handed
on as a [batch, time, features] view: recurrent backends work time-major, so they take it without a copy.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gatewise.resident import resident

if TYPE_CHECKING:
    from gatewise.features.base import Values
    from gatewise.features.scaling import Scaler


@dataclass(frozen=True)
class Batch:
    """What a step eats. N is B, or with several steps scored B times these, window by window, step by step.

    Attributes:
        x_BTF: float32, scaled features and nothing else.
        y: int64 [N] class numbers, or float32 [N, outputs].
        weight: float32 [N], how much each sample counts in training; 0 where it has no label.
        symbol: int32 [B], the number of each window's symbol, for a model that is told it.
        log_weight: float32 [classes]; see `Windows`.
        other_y, mix: a second target as `y`, and float32 [N], how much of the loss the first one has, for what trains
            on mixtures.
    """

    x_BTF: Tensor
    y: Tensor
    weight: Tensor
    symbol: Tensor | None = None
    log_weight: Tensor | None = None
    other_y: Tensor | None = None
    mix: Tensor | None = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What a model is called with; see `Windows.inputs`."""
        return _inputs(self.x_BTF, self.symbol)

    def tensors(self) -> dict[str, Tensor]:
        """By name, without what is `None`."""
        named = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: tensor for name, tensor in named.items() if tensor is not None}


@dataclass(frozen=True)
class Windows:
    """A device-resident series that gives batches by the rows that end them.

    Attributes:
        matrix: float32 or float64 [rows, features], unscaled.
        center, inverse_scale: [features] of the matrix's dtype, or [symbols, features] with a scaler a symbol; x is
            scaled as (x - center) · inverse_scale after the gather, and rounded to float32 after that.
        sequence_length: T.
        clip: scaled values are bounded to ±clip.
        y: int64 [rows] or float32 [rows, outputs] (scaled), of paths the columns' series, see `label_steps`; `None`
            where nothing is supervised.
        row_weight: float32 [rows]; class weight of each row's label, 0 where the row has none or one of a class that
            training never saw.
        log_weight: float32 [classes], the classes' log weights; `None` where all weigh the same. See `training.prior`.
        steps_scored: how many of the window's last steps are supervised; 1 is the last step alone.
        label_steps: a row's label is what y holds in so many rows after it, gathered as windows are; 0: in itself.
        label_after: int64 [rows], after which other row instead; `None`: itself.
        symbol: int32 [rows], the number of each row's symbol; `None` where nothing asks for it.
        tells_symbol: whether the model reads that number.
    """

    matrix: Tensor
    center: Tensor
    inverse_scale: Tensor
    sequence_length: int
    clip: float | None = None
    y: Tensor | None = None
    row_weight: Tensor | None = None
    log_weight: Tensor | None = None
    steps_scored: int = 1
    label_steps: int = 0
    label_after: Tensor | None = None
    symbol: Tensor | None = None
    tells_symbol: bool = False

    @classmethod
    def over(
        cls,
        values: Values,
        scaler: Scaler,
        sequence_length: int,
        device: torch.device,
        clip: float | None = None,
        symbol: npt.NDArray[np.int32] | None = None,
        tells_symbol: bool = False,
    ) -> Windows:
        """Puts a feature matrix on the device; see `resident`.

        Args:
            symbol: int32 [rows], in the order of the scaler's symbols; needed where it has several, or `tells_symbol`.
        """
        center, scale = scaler.center, scaler.scale
        if scaler.symbols and symbol is None:
            assert len(scaler.symbols) == 1
            center, scale = center[0], scale[0]
        assert symbol is not None or not tells_symbol
        matrix = resident(values, device)
        return cls(
            matrix,
            torch.as_tensor(center, dtype=matrix.dtype, device=device),
            torch.as_tensor(1.0 / scale, dtype=matrix.dtype, device=device),
            sequence_length,
            clip,
            symbol=torch.from_numpy(symbol).to(device) if symbol is not None else None,
            tells_symbol=tells_symbol,
        )

    def supervised(
        self,
        y: npt.NDArray[np.int64] | npt.NDArray[np.float32],
        row_weight: npt.NDArray[np.float32],
        steps_scored: int = 1,
        log_weight: npt.NDArray[np.float32] | None = None,
        label_steps: int = 0,
        label_after: npt.NDArray[np.int64] | None = None,
    ) -> Windows:
        """The same series with labels beside it; see the attributes."""
        device = self.matrix.device
        return replace(
            self,
            y=torch.from_numpy(y).to(device),
            row_weight=torch.from_numpy(row_weight).to(device),
            log_weight=torch.from_numpy(log_weight).to(device) if log_weight is not None else None,
            steps_scored=steps_scored,
            label_steps=label_steps,
            label_after=torch.from_numpy(label_after).to(device) if label_after is not None else None,
        )

    def judged(self) -> Windows:
        """The same as it is judged on: the last step alone, classes as they are."""
        return replace(self, steps_scored=1, log_weight=None)

    def inputs(self, rows_B: Tensor) -> tuple[Tensor, ...]:
        """What a model is called with: x_BTF and, where it reads them, the symbols' numbers, int32 [B]."""
        return _inputs(self.gather(rows_B), self.told_symbol(rows_B))

    def told_symbol(self, rows_B: Tensor) -> Tensor | None:
        """The symbols' numbers of the windows that end at `rows_B`; `None` where the model reads none."""
        return self.symbol[rows_B] if self.tells_symbol and self.symbol is not None else None

    def gather(self, rows_B: Tensor) -> Tensor:
        """x_BTF of the windows that end at `rows_B` (int64, on the matrix's device), scaled.

        Rows may carry axes before the batch's, as of members; so does x then, and the scales may differ along them.
        """
        steps_T = torch.arange(1 - self.sequence_length, 1, device=rows_B.device)
        index_TB = steps_T[:, None] + rows_B[..., None, :]
        x_TBF = self.matrix.index_select(0, index_TB.view(-1)).view(*index_TB.shape, -1)
        if self.symbol is None:
            x_TBF.sub_(self.center).mul_(self.inverse_scale)
        else:
            # A window lies within one symbol: that of the row that ends it.
            center, inverse_scale = self._scales(self.symbol[rows_B])
            x_TBF.sub_(center).mul_(inverse_scale)
        x_TBF = x_TBF.float()
        if self.clip is not None:
            x_TBF.clamp_(-self.clip, self.clip)
        return x_TBF.transpose(-3, -2)

    def _scales(self, symbol_B: Tensor) -> tuple[Tensor, Tensor]:
        """What each window is scaled by, to be spread over steps; tables of members come as [members, symbols, F]."""
        if symbol_B.dim() == 1:
            if self.center.dim() == 1:
                return self.center, self.inverse_scale
            return self.center[symbol_B], self.inverse_scale[symbol_B]
        if self.center.dim() == 4:  # members' pooled scales, [members, 1, 1, F]
            return self.center, self.inverse_scale
        member = torch.arange(len(symbol_B), device=symbol_B.device)[:, None]
        return self.center[member, symbol_B][:, None], self.inverse_scale[member, symbol_B][:, None]

    def batch(self, rows_B: Tensor) -> Batch:
        """A supervised batch."""
        assert self.y is not None
        assert self.row_weight is not None
        scored = self.scored_rows(rows_B)
        symbol = self.told_symbol(rows_B)
        y = self.joined(self.y[self.label_rows(scored)])
        return Batch(self.gather(rows_B), y, self.row_weight[scored], symbol, self.log_weight)

    def label_rows(self, rows_N: Tensor) -> Tensor:
        """The rows of y that labels are read off, [..., N, label_steps], or with 0 of those the rows themselves.

        Labels that would lie beyond the last row weigh nothing, and stop there.
        """
        if not self.label_steps:
            return rows_N
        ahead = torch.arange(1, self.label_steps + 1, device=rows_N.device)
        if self.label_after is not None:
            rows_N = self.label_after[rows_N]
        return (rows_N[..., None] + ahead).clamp_max(len(self.matrix) - 1)

    def joined(self, y: Tensor) -> Tensor:
        """What stands in `label_rows`, as labels: of paths [..., N, label_steps · columns]."""
        return y.flatten(-2) if self.label_steps else y

    def weight_of(self, rows_B: Tensor) -> Tensor:
        """Summed weight of the labels of a batch, a scalar."""
        assert self.row_weight is not None
        return self.row_weight[self.scored_rows(rows_B)].sum()

    def scored_rows(self, rows_B: Tensor) -> Tensor:
        """The rows whose labels a batch is scored on, window by window, step by step; axes before B stay."""
        if self.steps_scored == 1:
            return rows_B
        return (rows_B[..., None] + torch.arange(1 - self.steps_scored, 1, device=rows_B.device)).flatten(-2)


def _inputs(x_BTF: Tensor, symbol_B: Tensor | None) -> tuple[Tensor, ...]:
    return (x_BTF,) if symbol_B is None else (x_BTF, symbol_B)


def evenly(rows: npt.NDArray[np.int64], most: int | None) -> npt.NDArray[np.int64]:
    """At most so many of some rows, evenly spaced, the last one among them; `None`: all of them."""
    if most is None or most >= len(rows):
        return rows
    return rows[np.arange(1, most + 1) * len(rows) // most - 1]


def epoch_order(rows: Tensor, seed: int, epoch: int, limit: int | None = None) -> Tensor:
    """The rows of one epoch in random order: a pure function of (seed, epoch), shuffled on the rows' device.

    With `limit`, a fresh random subset of that size.
    """
    generator = torch.Generator(rows.device).manual_seed(mix_seed(seed, epoch))
    order = torch.randperm(len(rows), generator=generator, device=rows.device)
    return rows[order[:limit]]


def mix_seed(seed: int, epoch: int) -> int:
    """One 63-bit seed from two numbers (SplitMix64's finaliser), so that neighbouring seeds share no stream."""
    z = (seed * 0x9E3779B97F4A7C15 + epoch * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (z ^ (z >> 31)) >> 1
