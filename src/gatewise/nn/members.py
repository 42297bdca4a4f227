"""Layers with an operation that torch can't map over members, and that bring their own way of doing it."""

from __future__ import annotations

from torch import nn


class MemberLayer(nn.Module):
    """Base of such layers.

    Attributes:
        over_members: set by a fleet, on its own copy: the layer is inside a function that `vmap` maps over members.
    """

    over_members = False
