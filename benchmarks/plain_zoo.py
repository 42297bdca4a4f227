"""The plainest torch module of each network's layers: what people write who have no gatewise. Three classes, last step.

Each takes the model section's own fields. Steps are [batch, steps, features].
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Rnn(nn.Module):
    """lstm, gru."""

    def __init__(
        self, layer: type[nn.LSTM] | type[nn.GRU], features: int, outputs: int, fields: dict[str, Any]
    ) -> None:
        super().__init__()
        hidden, directions = fields["hidden_size"], 2 if fields["bidirectional"] else 1
        self.rnn = layer(
            features,
            hidden,
            fields["num_layers"],
            batch_first=True,
            dropout=fields["dropout"],
            bidirectional=directions == 2,
        )
        self.dropout = nn.Dropout(fields["dropout"])
        self.head = nn.Linear(hidden * directions, outputs)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rnn(x)
        out: Tensor = self.head(self.dropout(states[:, -1]))
        return out


class TcnBlock(nn.Module):
    def __init__(self, inputs: int, channels: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.pad = (kernel - 1) * dilation
        self.conv1 = nn.Conv1d(inputs, channels, kernel, dilation=dilation)
        self.conv2 = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Conv1d(inputs, channels, 1) if inputs != channels else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.dropout(self.conv1(functional.pad(x, (self.pad, 0))).relu())
        out = self.dropout(self.conv2(functional.pad(out, (self.pad, 0))).relu())
        summed: Tensor = out + self.skip(x)
        return summed.relu()


class Tcn(nn.Module):
    def __init__(self, features: int, outputs: int, fields: dict[str, Any]) -> None:
        super().__init__()
        channels, kernel, dropout = fields["channels"], fields["kernel_size"], fields["dropout"]
        self.blocks = nn.Sequential(
            *(
                TcnBlock(channels if n else features, channels, kernel, 2**n, dropout)
                for n in range(fields["num_layers"])
            )
        )
        self.head = nn.Linear(channels, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.blocks(x.transpose(1, 2))[:, :, -1])
        return out


class MinLstmLayer(nn.Module):
    """With the scan of logarithms of the paper's appendix, which is the fast way that plain torch has."""

    def __init__(self, width: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gates = nn.Linear(width, 3 * width * expansion)
        self.projection = nn.Linear(width * expansion, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        f, i, c = self.gates(self.norm(x)).chunk(3, dim=-1)
        apart = functional.softplus(-f) - functional.softplus(-i)
        log_f, log_i = -functional.softplus(apart), -functional.softplus(-apart)
        log_c = torch.where(c >= 0, (c.relu() + 0.5).log(), -functional.softplus(-c))
        kept = log_f.cumsum(dim=1)
        states = (kept + torch.logcumsumexp(log_i + log_c - kept, dim=1)).exp()
        out: Tensor = x + self.dropout(self.projection(states))
        return out


class MinLstm(nn.Module):
    def __init__(self, features: int, outputs: int, fields: dict[str, Any]) -> None:
        super().__init__()
        width = fields["hidden_size"]
        self.input = nn.Linear(features, width)
        layers = (MinLstmLayer(width, fields["expansion"], fields["dropout"]) for _ in range(fields["num_layers"]))
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.norm(self.layers(self.input(x)))[:, -1])
        return out


class Transformer(nn.Module):
    def __init__(self, features: int, outputs: int, fields: dict[str, Any]) -> None:
        super().__init__()
        width, dropout = fields["hidden_size"], fields["dropout"]
        self.input = nn.Linear(features, width)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width,
            fields["num_heads"],
            fields["feedforward_size"] or 4 * width,
            dropout,
            batch_first=True,
            norm_first=fields["norm_first"],
        )
        self.encoder = nn.TransformerEncoder(
            layer, fields["num_layers"], norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        steps = self.input(x)
        steps = self.dropout(steps + positions(steps.shape[1], steps.shape[2]))
        mask = nn.Transformer.generate_square_subsequent_mask(steps.shape[1])
        out: Tensor = self.head(self.encoder(steps, mask=mask, is_causal=True)[:, -1])
        return out


class AttentiveLstm(nn.Module):
    def __init__(self, features: int, outputs: int, fields: dict[str, Any]) -> None:
        super().__init__()
        width, dropout, count = fields["hidden_size"], fields["dropout"], fields["num_layers"]
        self.after = list(fields["attention_after"])
        both = fields["bidirectional"]
        self.input = nn.Linear(features, width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width // 2, size, padding="same") for size in fields["kernel_sizes"]
        )
        self.join = nn.Linear(width // 2 * len(self.convolutions), width)
        self.lstm = nn.ModuleList(
            nn.LSTM(width, width // (2 if both else 1), batch_first=True, bidirectional=both) for _ in range(count)
        )
        self.attention = nn.ModuleList(
            nn.MultiheadAttention(width, fields["num_heads"], dropout, batch_first=True) for _ in self.after
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(1 + count + len(self.after)))
        self.dropout = nn.Dropout(dropout)
        self.pool = nn.Linear(width, 1, bias=False)
        self.hidden = nn.Linear(width, width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        norms = iter(self.norms)
        steps = self.input(x)
        steps = self.dropout(steps + positions(steps.shape[1], steps.shape[2]))
        read = torch.cat([layer(steps.transpose(1, 2)) for layer in self.convolutions], dim=1).relu()
        steps = next(norms)(steps + self.dropout(self.join(read.transpose(1, 2))))
        attention = iter(self.attention)
        for number, lstm in enumerate(self.lstm, start=1):
            steps = next(norms)(steps + self.dropout(lstm(steps)[0]))
            if number in self.after:
                seen, _ = next(attention)(steps, steps, steps, need_weights=False)
                steps = next(norms)(steps + self.dropout(seen))
        pooled = (self.pool(steps).softmax(dim=1) * steps).sum(dim=1)
        out: Tensor = self.head(self.dropout(self.hidden(pooled).relu()))
        return out


class SegRnn(nn.Module):
    """With one place, as classes have it."""

    def __init__(self, features: int, outputs: int, fields: dict[str, Any]) -> None:
        super().__init__()
        width, self.length = fields["hidden_size"], fields["segment_length"]
        self.embedding = nn.Linear(self.length * features, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.position = nn.Parameter(torch.randn(1, width))
        self.dropout = nn.Dropout(fields["dropout"])
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        segments = self.embedding(x.unflatten(1, (-1, self.length)).flatten(2)).relu()
        _, state = self.rnn(segments)
        decoded, _ = self.rnn(self.position.expand(len(x), 1, -1), state)
        out: Tensor = self.head(self.dropout(decoded[:, -1]))
        return out


def positions(steps: int, width: int) -> Tensor:
    place = torch.arange(steps)[:, None]
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    table = torch.zeros(steps, width)
    table[:, 0::2], table[:, 1::2] = torch.sin(place * rate), torch.cos(place * rate)
    return table


def plain_model(name: str, features: int, outputs: int, fields: dict[str, Any]) -> nn.Module:
    """The module of a network's name."""
    if name in ("lstm", "gru"):
        return Rnn(nn.LSTM if name == "lstm" else nn.GRU, features, outputs, fields)
    others: dict[str, type[nn.Module]] = {
        "tcn": Tcn,
        "minlstm": MinLstm,
        "transformer": Transformer,
        "attentive_lstm": AttentiveLstm,
        "segrnn": SegRnn,
    }
    return others[name](features, outputs, fields)
