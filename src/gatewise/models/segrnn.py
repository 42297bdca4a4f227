"""segrnn: a recurrent layer over segments of a window, whose last state is decoded at every place at once.

A segment's steps are one step of the layer, so a window of 96 in segments of 24 is four steps long; where segments do
not divide a window, zeros come before its first step. Decoding is one more step of the same layer from the same state,
with a learned vector of each place (and column) as its input: the state's half of that step is computed once for all
places, and the vectors' half once for all windows.

Shapes: N series of T steps, M places of W outputs, H hidden, C columns that follow one another in a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gatewise.models.base import Network
from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import normal, steps_linear
from gatewise.nn.linear import linear_of_steps
from gatewise.nn.patch import folded
from gatewise.nn.recurrent import Recurrent
from gatewise.nn.recurrent_op import Readout


class SegRNN(Network):
    """x [batch, steps, features] -> outputs [batch, outputs] (Lin et al. 2023, arXiv 2308.11200).

    Args:
        channels: how many series of a window follow one another in a batch, each with a vector of its own: outputs are
            a series' next values, a segment a place. 0: outputs are no series, and one place has them all.
        generator: of the initial weights; `None` leaves them zero.
    """

    def __init__(
        self,
        num_features: int,
        num_outputs: int,
        hidden_size: int = 128,
        segment_length: int = 24,
        dropout: float = 0.5,
        channels: int = 0,
        readout: Readout = "last",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.segment_length, self.num_outputs = segment_length, num_outputs
        width = min(segment_length, num_outputs) if channels else num_outputs
        places, of_channel = -(-num_outputs // width), hidden_size // 2 if channels > 1 else 0
        self.embedding = steps_linear(segment_length * num_features, hidden_size, generator)
        self.rnn = Recurrent("gru", hidden_size, hidden_size, generator=generator)
        self.position = normal((places, hidden_size - of_channel), generator)
        self.channel = normal((channels, of_channel), generator) if of_channel else None
        self.dropout = Dropout(dropout)
        self.head = steps_linear(hidden_size, width, generator)

    @property
    def output_bias(self) -> Tensor:
        """[W], one for all places."""
        return self.head.bias

    @property
    def least_piece(self) -> int:
        return 128  # on a core: 1,370 windows/s in pieces of 32, 1,790 of 128, 1,850 of 256

    def forward(self, x_NTF: Tensor) -> Tensor:
        missing = -x_NTF.shape[1] % self.segment_length
        if missing:
            x_NTF = functional.pad(x_NTF, (0, 0, missing, 0))
        embedded = self.embedding(folded(x_NTF, self.segment_length)).relu()
        places_NMH = self.decoded(self.rnn(embedded))
        out: Tensor = self.head(self.dropout(places_NMH))
        return out.flatten(1)[:, : self.num_outputs]

    def decoded(self, state_NH: Tensor) -> Tensor:
        """The states of all places, [N, M, H]: a step of the layer from one state, each place's vector as input."""
        w_ih, w_hh, b_ih, b_hh = (getattr(self.rnn, name) for name in self.rnn.names)
        places = len(self.position)
        if self.channel is None:
            vectors_CMH = self.position[None]
        else:
            columns = len(self.channel)
            vectors_CMH = torch.cat(
                (self.position.expand(columns, -1, -1), self.channel[:, None].expand(-1, places, -1)), dim=-1
            )
        of_vector = linear_of_steps(vectors_CMH, w_ih, b_ih)
        of_state = linear_of_steps(state_NH, w_hh, b_hh).unflatten(0, (-1, len(vectors_CMH)))[:, :, None]
        r_in, z_in, n_in = of_vector.chunk(3, dim=-1)
        r_state, z_state, n_state = of_state.chunk(3, dim=-1)
        r, z = (r_in + r_state).sigmoid(), (z_in + z_state).sigmoid()
        n = (n_in + r * n_state).tanh()
        state = state_NH.unflatten(0, (-1, len(vectors_CMH)))[:, :, None]
        decoded_BCMH: Tensor = n + z * (state - n)
        return decoded_BCMH.flatten(0, 1)
