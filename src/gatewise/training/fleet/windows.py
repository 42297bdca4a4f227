"""The windows of a fleet: one resident matrix under all members, scales and labels of their own beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from gatewise.errors import ConfigError
from gatewise.windows import Batch, Windows

# What windows say beside their tensors decides the shapes and bounds of a batch.
_SHARED = [item.name for item in fields(Windows) if "Tensor" not in str(item.type)]


@dataclass(frozen=True)
class FleetBatch:
    """A batch of each member.

    Attributes:
        stacked: the members' batches, each tensor with their axis before its own.
        live: bool [A, N]; false where a member's last batch was filled up. The weight is 0 there.
    """

    stacked: Batch
    live: Tensor


@dataclass(frozen=True)
class FleetWindows:
    """Members' windows, stacked; labels that members share are held once.

    Attributes:
        windows: the shared matrix, with scales [A, 1, 1, F], or [A, symbols, F] where a member has a scaler a symbol.
        labels: int64 or float32 [U, rows, ...], the different labels; `label` [A] says which is whose.
        weights: float32 [V, rows], the different row weights; `weight` [A] says which is whose.
        log_weight: float32 [A, classes], 0 for a member that weighs none; `None` where no member does.
    """

    windows: Windows
    labels: Tensor
    label: Tensor
    weights: Tensor
    weight: Tensor
    log_weight: Tensor | None

    @classmethod
    def of(cls, members: Sequence[Windows]) -> FleetWindows:
        """Stacks supervised windows over one matrix.

        Raises:
            ConfigError: they differ in what members must share; the field is named.
        """
        first = members[0]
        for member in members:
            for name in _SHARED:
                values = [getattr(one, name) for one in (first, member)]
                if values[0] != values[1]:
                    raise ConfigError(f"windows of a fleet must share {name}; got {values[0]} and {values[1]}")
            if member.matrix.data_ptr() != first.matrix.data_ptr() or member.matrix.shape != first.matrix.shape:
                raise ConfigError("members of a fleet must share one feature matrix; got another one's windows")
        device = first.matrix.device
        symbol = next((member.symbol for member in members if member.symbol is not None), None)
        tables = [member.center.shape for member in members if member.center.dim() == 2]
        center, inverse_scale = (
            torch.stack([getattr(member, name).expand(tables[0]) for member in members])
            if tables
            else torch.stack([getattr(member, name) for member in members])[:, None, None]
            for name in ("center", "inverse_scale")
        )
        labels, label = _distinct([_given(member.y) for member in members], device)
        weights, weight = _distinct([_given(member.row_weight) for member in members], device)
        shared = replace(
            first, center=center, inverse_scale=inverse_scale, symbol=symbol, y=None, row_weight=None, log_weight=None
        )
        return cls(shared, labels, label, weights, weight, _log_weights(members))

    def take(self, members_A: Tensor) -> FleetWindows:
        """Those of some members."""
        center, inverse_scale = self.windows.center[members_A], self.windows.inverse_scale[members_A]
        windows = replace(self.windows, center=center, inverse_scale=inverse_scale)
        label, weight = self.label[members_A], self.weight[members_A]
        log_weight = None if self.log_weight is None else self.log_weight[members_A]
        return replace(self, windows=windows, label=label, weight=weight, log_weight=log_weight)

    def judged(self) -> FleetWindows:
        """The same as it is judged on; see `Windows.judged`."""
        return replace(self, windows=self.windows.judged(), log_weight=None)

    def batch(self, rows_AB: Tensor, live_AB: Tensor) -> FleetBatch:
        """The windows that end at each member's rows."""
        scored = self.windows.scored_rows(rows_AB)
        live = live_AB.repeat_interleave(self.windows.steps_scored, dim=1)
        weight = self.weights[self.weight[:, None], scored] * live
        read = self.windows.label_rows(scored)
        y = self.windows.joined(self.labels[self.label.view(-1, *[1] * (read.dim() - 1)), read])
        x_ABTF, symbol = self.windows.gather(rows_AB), self.windows.told_symbol(rows_AB)
        return FleetBatch(Batch(x_ABTF, y, weight, symbol, self.log_weight), live)


def batches(rows: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rows in batches of one size: rows [S, size] and which of them are live; the last is filled up with the first row.

    Batches of one size are what members can be stacked by, and what a captured step can be replayed on.
    """
    missing = -len(rows) % size
    filled = torch.cat([rows, rows[:1].expand(missing)])
    live = torch.arange(len(filled), device=rows.device) < len(rows)
    return filled.view(-1, size), live.view(-1, size)


def stretches(counts: Sequence[int]) -> Iterator[tuple[list[int], range]]:
    """Stretches of steps through which the same members have batches left: (their places in `counts`, steps)."""
    done = 0
    for end in sorted(set(counts)):
        yield [place for place, count in enumerate(counts) if count >= end], range(done, end)
        done = end


def _given(tensor: Tensor | None) -> Tensor:
    assert tensor is not None, "a fleet trains on supervised windows"
    return tensor


def _log_weights(members: Sequence[Windows]) -> Tensor | None:
    weighing = [windows.log_weight for windows in members if windows.log_weight is not None]
    if not weighing:
        return None
    none = torch.zeros_like(weighing[0])
    return torch.stack([none if windows.log_weight is None else windows.log_weight for windows in members])


def _distinct(tensors: Sequence[Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    """The different ones, stacked, and for each member which is its own."""
    kept: dict[int, int] = {}
    which = [kept.setdefault(tensor.data_ptr(), len(kept)) for tensor in tensors]
    places = [which.index(number) for number in range(len(kept))]
    return torch.stack([tensors[place] for place in places]), torch.tensor(which, device=device)
