"""The record that decides a run: rates, stops and the best epoch, for a model alone and for a fleet's member.

A record that takes a diverged epoch in, or forgets the plateau on resume, would go on to plausible numbers.
"""

from __future__ import annotations

import json
import math

import pytest

from gatewise.errors import DivergedError
from gatewise.training.progress import Progress
from gatewise.training.schedules import make_schedule
from training_configs import training_config


def started(**changes: object) -> Progress:
    return Progress.start(training_config({"learning_rate": 0.1, "max_epochs": 6}, **changes))


def see(progress: Progress, *losses: float) -> list[bool]:
    return [progress.observe({"loss": 1.0}, {"loss": loss}, 2.0, 50.0) for loss in losses]


def test_the_rate_is_the_peak_times_the_schedule_at_the_moment_and_the_history_keeps_the_epochs_middle() -> None:
    progress, schedule = started(warmup_epochs=2), make_schedule("cosine", 6, warmup_epochs=2)
    for epoch in range(3):
        for position in (0.0, 0.25, 0.99):
            assert progress.learning_rate(position) == pytest.approx(0.1 * schedule(epoch + position))
        see(progress, 1.0)
        assert progress.history[-1]["learning_rate"] == pytest.approx(0.1 * schedule(epoch + 0.5))


def test_a_lowered_rate_is_news_once_and_no_other_epoch_has_any() -> None:
    progress = started(scheduler="plateau", plateau_patience=1, plateau_factor=0.5, learning_rate=0.01)
    news = []
    for loss in (1.0, 2.0, 2.0, 2.0, 0.5):
        progress.observe({"loss": loss}, {"loss": loss}, 1.0, 1.0)
        news.append(progress.news)
    assert news == [None, None, "Learning rate lowered to 0.005 (patience=1)", None, None]


@pytest.mark.parametrize(("scheduler", "factor"), [("plateau", 0.25), ("constant", 1.0)])
def test_a_plateau_lowers_the_rate_only_where_it_is_the_schedule(scheduler, factor) -> None:
    options = {"plateau_patience": 0, "plateau_factor": 0.5} if scheduler == "plateau" else {}
    progress = started(scheduler=scheduler, **options)
    see(progress, 1.0, 1.0, 1.0)
    assert progress.learning_rate(0.5) == pytest.approx(0.1 * factor)


def test_the_lowest_loss_is_the_best_epoch_and_patience_or_the_last_epoch_ends_the_run() -> None:
    progress = started(early_stopping_patience=2, min_delta=0.5)
    assert see(progress, 3.0, 2.9) == [True, True]
    assert not progress.finished
    assert see(progress, 2.95) == [False]
    assert progress.finished
    assert (progress.stopping.best_epoch, progress.stopping.best_loss) == (2, 2.9)
    whole = started(max_epochs=2)
    see(whole, 1.0, 0.5)
    assert whole.finished
    result = whole.result()
    assert (result.epochs, result.best_epoch, result.windows_per_second) == (2, 2, 50.0)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_first_loss_that_is_no_number_is_an_error_and_nothing_is_taken_in(loss) -> None:
    progress = started()
    before = json.dumps(progress.to_dict())
    with pytest.raises(DivergedError, match="epoch 1"):
        see(progress, loss)
    with pytest.raises(DivergedError):
        progress.observe({"loss": loss}, {"loss": 1.0}, 1.0, 1.0)
    assert json.dumps(progress.to_dict()) == before


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_later_loss_that_is_no_number_ends_the_run_and_the_epochs_before_it_count(loss) -> None:
    progress = started(early_stopping_patience=9)
    assert see(progress, 2.0, 1.0, 1.5, loss) == [True, True, False, False]
    assert progress.finished
    result = progress.result()
    assert (result.ended, result.epochs, result.best_epoch, result.best_loss) == ("diverged", 3, 2, 1.0)
    assert result.remarks[0].startswith("Training diverged: epoch 4 gave ")
    again = started(early_stopping_patience=9)
    again.load(json.loads(json.dumps(progress.to_dict())))
    assert again.finished
    assert again.result() == result


def test_how_a_run_ended_is_told() -> None:
    ended = {}
    for name, fields, losses in (
        ("max_epochs", {"max_epochs": 2}, (2.0, 1.0)),
        ("early_stopping", {"early_stopping_patience": 1}, (1.0, 2.0)),
        ("interrupted", {}, (1.0,)),
    ):
        progress = started(**fields)
        see(progress, *losses)
        ended[name] = progress.result("interrupted" if name == "interrupted" else None).ended
    assert all(name == found for name, found in ended.items())


@pytest.mark.parametrize(
    ("trained", "validated", "grew"),
    [
        ([1.0, 1.5, 2.0], [1.0, 2.0, 3.0], True),
        ([1.0, 1.5, 1.2], [3.0, 2.0, 1.0], True),  # never again as low as at first
        ([1.0, 0.9, 2.0], [1.0, 2.0, 3.0], True),  # the first epoch stays best, and training went wrong
        ([1.0, 0.9, 0.8], [1.0, 2.0, 3.0], False),  # that is overfitting
        ([1.0, 1.5, 0.9], [3.0, 2.0, 1.0], False),
        ([1.0, 1.0001, 1.0002], [1.0, 1.0, 1.0], False),  # noise
        ([1.0], [1.0], False),
    ],
)
def test_a_training_loss_that_only_grows_is_said_with_what_to_do(trained, validated, grew) -> None:
    progress = started(max_epochs=9)
    for loss, val_loss in zip(trained, validated, strict=True):
        progress.observe({"loss": loss}, {"loss": val_loss}, 1.0, 1.0)
    assert any("only grew" in remark and "lower the learning rate" in remark for remark in progress.remarks) == grew


def test_a_record_goes_on_with_another_learning_rate_and_remembers_both() -> None:
    one, other = started(learning_rate=0.1), started(learning_rate=0.02)
    see(one, 1.0, 2.0)
    other.load(json.loads(json.dumps(one.to_dict())))
    assert other.takes_another_rate()
    assert not other.takes_another_rate()
    assert other.rates == [(0, 0.1), (2, 0.02)]
    assert "0.1 from epoch 1, 0.02 from epoch 3" in other.remarks[0]
    assert other.stopping.bad_epochs == 0


def test_a_divergence_stays_told_however_often_the_rate_is_lowered_and_a_rate_without_an_epoch_is_none() -> None:
    one = started(learning_rate=0.1)
    see(one, 1.0, math.nan)
    for rate in (0.05, 0.02):
        other = started(learning_rate=rate)
        other.load(json.loads(json.dumps(one.to_dict())))
        assert other.takes_another_rate()
        assert not other.finished
        see(other, math.nan)
        one = other
    last = started(learning_rate=0.01)
    last.load(json.loads(json.dumps(one.to_dict())))
    assert last.takes_another_rate()
    see(last, 0.5, 0.4, 0.3, 0.2, 0.1)
    result = last.result()
    assert (result.ended, result.epochs, result.diverged_epochs) == ("max_epochs", 6, (2, 2, 2))
    assert last.rates == [(0, 0.1), (1, 0.01)]
    for rate in (0.1, 0.05, 0.02):
        assert any(
            remark.startswith("Training diverged") and f"at a learning rate of {rate:g}" in remark
            for remark in result.remarks
        )


def test_a_rate_that_no_epoch_is_left_for_is_not_noted() -> None:
    one, other = started(max_epochs=2), started(max_epochs=2, learning_rate=0.01)
    see(one, 1.0, 0.5)
    other.load(json.loads(json.dumps(one.to_dict())))
    assert not other.takes_another_rate()
    assert other.result() == one.result()


def test_a_lower_rate_gives_a_run_that_stopped_early_its_patience_back() -> None:
    one, other = started(early_stopping_patience=1), started(early_stopping_patience=1, learning_rate=0.01)
    see(one, 1.0, 2.0)
    other.load(json.loads(json.dumps(one.to_dict())))
    assert one.finished
    assert other.takes_another_rate()
    assert not other.finished


def test_a_record_written_as_json_and_read_again_goes_on_the_same_way() -> None:
    one, other = (started(scheduler="plateau", plateau_patience=1) for _ in range(2))
    see(one, 1.0, 1.1)
    other.load(json.loads(json.dumps(one.to_dict())))
    assert see(one, 1.2, 0.5) == see(other, 1.2, 0.5)
    assert one.to_dict() == other.to_dict()
    assert one.learning_rate(0.3) == other.learning_rate(0.3)
