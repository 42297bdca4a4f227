"""Dropout's masks against SplitMix64 in plain integers, and that they depend on nothing but what they should.

A mask that moved with the batch's cut, a thread or a neighbour would train just as well and never the same way twice.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from gatewise.nn.dropout import COUNTER, PLACE, Drop, Dropout, drawing, epoch_key
from gatewise.nn.initial import seeded
from gatewise.nn.recurrent import Recurrent

WORD = (1 << 64) - 1


def key_of(number: int) -> Tensor:
    return torch.tensor(number)


def splitmix64(z: int) -> int:
    """The finaliser of Steele, Lea & Flood 2014, figure 16, with Stafford's variant 13 of its constants."""
    z &= WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def reference(key: int, shape: tuple[int, int, int], rate: float, first_row: int, place: int) -> Tensor:
    rows, steps, elements = shape
    words = -(-elements // 4)
    mask = torch.zeros(shape)
    for row in range(rows):
        for step in range(steps):
            for element in range(elements):
                counter = ((row + first_row) * steps + step) * words + element // 4
                lane = splitmix64(key + place * PLACE + counter * COUNTER) >> (16 * (element % 4)) & 0xFFFF
                signed = lane - 65536 if lane >= 32768 else lane
                mask[row, step, element] = 1 / (1 - rate) if signed + 32768 >= rate * 65536 else 0.0
    return mask


@pytest.mark.parametrize("key", [0, 5, 2**62 + 12345])
@pytest.mark.parametrize("place", [0, 3])
def test_masks_are_those_of_splitmix64_in_plain_integers_in_either_order_of_memory(key, place) -> None:
    shape, rate = (3, 4, 6), 0.25
    drop = Drop(key_of(key), torch.tensor(rate), first_row=7).at(place)
    expected = reference(key, shape, rate, 7, place)
    torch.testing.assert_close(drop.mask(torch.ones(shape)), expected)
    torch.testing.assert_close(drop.mask(torch.ones(4, 3, 6).transpose(0, 1)), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("elements", [1, 4, 7, 64])
@pytest.mark.parametrize("key", [0, 5, -3, 2**62 + 12345, 2**64 + 5])
def test_a_key_gives_the_same_masks_as_a_number_and_as_a_tensor(key: int, elements: int, dtype: torch.dtype) -> None:
    for shape in ((5, elements), (3, 4, elements), (3, 2, 4, elements)):
        x = torch.ones(shape, dtype=dtype)
        for rate in (0.001, 0.3, 0.999):
            one, other = (
                Drop(k, torch.tensor(rate), first_row=9).at(2) for k in (key, key_of((key + 2**63) % 2**64 - 2**63))
            )
            assert torch.equal(one.mask(x), other.mask(x))
            if x.dim() == 3:
                time_major = x.transpose(0, 1).contiguous().transpose(0, 1)
                assert torch.equal(one.mask(time_major), other.mask(x))
                if elements > 1:
                    assert one.mask(time_major).stride() == time_major.stride()


def test_the_share_of_zeros_is_the_rate_and_the_mean_stays() -> None:
    for rate in (0.1, 0.3, 0.9):
        mask = Drop(key_of(1), torch.tensor(rate)).mask(torch.ones(1000, 20, 30))
        deviation = (rate * (1 - rate) / mask.numel()) ** 0.5
        assert abs(float((mask == 0).float().mean()) - rate) < 4 * deviation
        assert abs(float(mask.mean()) - 1) < 5 * deviation / (1 - rate)


def test_steps_places_seeds_and_epochs_share_no_masks() -> None:
    drops = [Drop(key_of(epoch_key(seed, epoch) + step), torch.tensor(0.5)).at(place)
             for seed in (1, 2) for epoch in (0, 1) for step in (0, 1) for place in (0, 1)]  # fmt: skip
    masks = torch.stack([drop.mask(torch.ones(200, 10, 20)).flatten() for drop in drops]) - 1
    correlation = masks @ masks.T / masks.shape[1]
    correlation.fill_diagonal_(0.0)
    assert correlation.abs().max() < 5 / masks.shape[1] ** 0.5


def test_elements_of_a_mask_do_not_follow_each_other() -> None:
    mask = Drop(key_of(9), torch.tensor(0.5)).mask(torch.ones(400, 10, 20)) - 1
    for shifted in (mask.roll(1, 0), mask.roll(1, 1), *(mask.roll(n, 2) for n in range(1, 6))):
        assert abs(float((mask * shifted).mean())) < 5 / mask.numel() ** 0.5


def test_a_batch_in_pieces_drops_what_the_whole_batch_drops() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        Dropout(0.4), Recurrent("lstm", 5, 6, 3, bidirectional=True, dropout=0.3, generator=seeded(0)), Dropout(0.2)
    )
    x = torch.randn(10, 4, 5)
    with drawing(key_of(3)):
        whole = model(x)
    parts = []
    for first in range(0, 10, 4):
        with drawing(key_of(3), first):
            parts.append(model(x[first : first + 4]))
    torch.testing.assert_close(torch.cat(parts), whole)


def test_threads_draw_each_from_their_own_key() -> None:
    layer, x = Dropout(0.5), torch.ones(64, 8, 8)

    def draw(key: int) -> Tensor:
        with drawing(key_of(key)):
            for _ in range(20):
                layer(x)
            out: Tensor = layer(x)
            return out

    alone = [draw(key) for key in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(draw, range(8)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_place_keeps_its_masks_when_the_rate_before_it_is_zero() -> None:
    x = torch.ones(8, 3, 4)

    def second(first_rate: float) -> Tensor:
        with drawing(key_of(1)):
            Dropout(first_rate)(x)
            out: Tensor = Dropout(0.5)(x)
            return out

    assert torch.equal(second(0.0), second(0.5))


def test_nothing_is_dropped_by_chance_outside_of_a_pass() -> None:
    with pytest.raises(AssertionError, match="drawing"):
        Dropout(0.5)(torch.ones(8, 3, 4))


def test_evaluation_and_a_rate_of_zero_change_nothing() -> None:
    x = torch.randn(4, 3, 5)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert torch.equal(Drop(key_of(1), torch.tensor(0.0))(x), x)


def test_the_state_dict_holds_nothing_of_it() -> None:
    assert not Dropout(0.5).state_dict()


def test_under_vmap_each_member_drops_what_it_would_alone() -> None:
    x, keys, rates = torch.randn(3, 6, 4, 5), torch.tensor([4, 8, 15]), torch.tensor([0.1, 0.0, 0.6])
    together = torch.func.vmap(lambda x, key, rate: Drop(key, rate)(x))(x, keys, rates)
    for i in range(3):
        assert torch.equal(together[i], Drop(keys[i], rates[i])(x[i]))
