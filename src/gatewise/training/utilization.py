"""How much of the machine's matrix arithmetic a training reached.

Operations are counted as six for each weight, step of a window and window: forward multiplies and adds once with each
weight, backward twice (Kaplan et al. 2020, arXiv:2001.08361, section 2.1). For recurrent layers that is exact but for
biases; attention over a window's steps comes on top and is not counted. The peak is a product of square matrices in the
training's dtype on as many threads.
"""

from __future__ import annotations

import time

import torch

from gatewise.training.crew import crew

SIDE = 1024
ROUNDS = 5


def training_operations(weights: int, steps: int, windows: int) -> float:
    """Floating-point operations of training so many windows of so many steps once."""
    return 6.0 * weights * steps * windows


def matrix_peak(device: torch.device, dtype: torch.dtype, threads: int) -> float:
    """Floating-point operations a second of large matrix products, the best of a few rounds; about half a second.

    On a CPU a thread's own time is taken, in which it really ran: other processes make the machine no slower.

    Args:
        threads: each multiplies matrices of its own, as pieces of a batch are; 1 on a GPU.
    """
    pairs = [tuple(torch.rand(SIDE, SIDE, device=device).to(dtype) for _ in range(2)) for _ in range(threads)]
    clock = time.thread_time if device.type == "cpu" else time.perf_counter

    def seconds(index: int) -> float:
        left, right = pairs[index]
        began = clock()
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return clock() - began

    with torch.inference_mode(), crew(threads) as members:
        rounds: list[float] = []
        for _ in range(ROUNDS + 1):  # the first builds what a shape needs
            members.take(threads, seconds, rounds.append)
    best = [min(rounds[thread::threads]) for thread in range(threads)]
    return sum(2.0 * SIDE**3 / max(each, 1e-9) for each in best)
