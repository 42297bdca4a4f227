"""Multi-head self-attention over a window's steps, with torch's parameter names and initialisation.

Where nobody asks for its weights and none are dropped, torch's fused kernel does the work and no [steps, steps] matrix
is kept: 23 ms where plain products take 41, for 64 windows of 60 steps, 8 heads of 32, forward and backward on a core.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gatewise.nn.dropout import Dropout
from gatewise.nn.initial import steps_linear, xavier_uniform, zeros
from gatewise.nn.linear import linear_of_steps
from gatewise.nn.members import MemberLayer

LEAST_WIDTH = 16  # of a head, in the fused kernel


class MultiheadAttention(MemberLayer):
    """Each step reads all steps of its window, or itself and earlier ones alone (Vaswani et al. 2017).

    Its state dict is that of `nn.MultiheadAttention`. Not to be confused with that: queries, keys and values are the
    same steps, windows come first, and weights go to a list that the caller gives.

    Args:
        embed_dim: width of a step, a multiple of num_heads.
        dropout: of attention weights, in training.
        causal: whether later steps are masked.
        generator: of the initial weights; `None` leaves them zero.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        causal: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        assert embed_dim % num_heads == 0, "configs refuse it"
        self.num_heads = num_heads
        self.causal = causal
        self.in_proj_weight = xavier_uniform((3 * embed_dim, embed_dim), generator)
        self.in_proj_bias = zeros(3 * embed_dim)
        self.dropout = Dropout(dropout)
        self.out_proj = steps_linear(embed_dim, embed_dim, generator)
        torch.nn.init.zeros_(self.out_proj.bias)

    def forward(self, x_BTE: Tensor, weights: list[Tensor] | None = None) -> Tensor:
        """What each step reads, [batch, steps, embed_dim].

        Args:
            weights: takes how much is read of each step, [batch, heads, steps, steps], rows summing to 1; as they are
                before dropout.
        """
        drop = self.dropout.draw()
        query, key, value = self._projected(x_BTE)
        if drop is None and weights is None and not self.over_members:  # torch has no batching rule for the kernel
            return self._joined(_fused(query, key, value, self.causal))
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        shares = masked_softmax(scores, self.causal)
        if weights is not None:
            weights.append(shares)
        return self._joined((shares if drop is None else drop(shares)) @ value)

    def _projected(self, x_BTE: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each [batch, heads, steps, embed_dim / heads].

        The bias of keys is left out: it moves all of a query's scores alike, which softmax takes off again. Computed,
        its gradient would be rounding alone, of which optimizers that look at signs make whole steps.
        """
        query_bias, _, value_bias = self.in_proj_bias.chunk(3)
        query, key, value = linear_of_steps(x_BTE, self.in_proj_weight).chunk(3, dim=-1)
        return self._by_head(query + query_bias), self._by_head(key), self._by_head(value + value_bias)

    def _by_head(self, x_BTE: Tensor) -> Tensor:
        batch, steps, width = x_BTE.shape
        return x_BTE.reshape(batch, steps, self.num_heads, width // self.num_heads).transpose(1, 2)

    def _joined(self, read_BHTD: Tensor) -> Tensor:
        joined: Tensor = self.out_proj(read_BHTD.transpose(1, 2).flatten(-2))
        return joined


def _fused(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    """What is read, [..., steps, width], by torch's kernel.

    On two threads its sums over few numbers depend on where a window stands in the batch (seen up to a width of 10, on
    AVX2 and AVX-512); zeros fill them up.
    """
    width = query.shape[-1]
    if width < LEAST_WIDTH:
        query, key, value = (functional.pad(x, (0, LEAST_WIDTH - width)) for x in (query, key, value))
    read = functional.scaled_dot_product_attention(query, key, value, is_causal=causal, scale=width**-0.5)
    return read[..., :width]


def masked_softmax(scores: Tensor, causal: bool) -> Tensor:
    """Weights of scores [..., steps, steps] that sum to 1 a row; 0 for later steps where it is causal."""
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    return scores.softmax(dim=-1)


def sinusoidal_positions(steps: int, width: int, device: torch.device) -> Tensor:
    """Float32 [steps, width], what is added to a step to say where in the window it stands (Vaswani et al. 2017)."""
    place_T1 = torch.arange(steps, dtype=torch.float32, device=device)[:, None]
    rate_W = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float32, device=device) / width)
    angle_TW = place_T1 * rate_W
    return torch.stack([angle_TW.sin(), angle_TW.cos()], dim=-1).flatten(1)[:, :width]
