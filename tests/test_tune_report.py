"""The page of a search: whole without a network, honest in its first lines, and there for the smallest study too."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from optuna import create_study
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial
from plotly.colors import sample_colorscale, unlabel_rgb

from gatewise.errors import DivergedError
from gatewise.report.tune_figures import study_pictures
from gatewise.selection.tuning import trial_runner
from gatewise.selection.tuning.folder import StudyRequest
from gatewise.selection.tuning.tune import tune
from tune_worlds import bowl, pretended, small_config, small_space, small_table


def page_of(score: Any, n_trials: int, said: Any = None) -> str:
    config = small_config()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial_runner, "run_job", pretended(score))
        request = StudyRequest(n_trials=n_trials, workers=0, study_name="a<b")
        return tune(config, small_space(config, said), request, table=small_table()).report.read_text(encoding="utf-8")


def words_of(page: str) -> str:
    return re.sub(r"<[^>]+>", " ", page.split("<main>")[1].split("</main>")[0])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATEWISE_HOME", str(tmp_path))
    return tmp_path


def test_the_page_is_whole_and_its_pictures_hold_finite_numbers(home) -> None:
    page = page_of(lambda config, fold: bowl(config, fold) - 0.1, 14)
    assert "connect-src" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.split("<main>")[1].split("</main>")[0]
    figures = [json.loads(text) for text in re.findall(r'class="figure"[^>]*>(.*?)</script>', page, re.DOTALL)]
    assert len(figures) == 7
    assert len(re.findall('class="plot"', page)) == 7


def test_no_trial_is_lost_on_white_paper_and_ticks_of_close_values_differ() -> None:
    space = {"rate": FloatDistribution(0.1, 1.0), "width": FloatDistribution(0.1, 1.0)}
    study = create_study()
    for number in range(4):
        params = {"rate": 0.2 + number / 10, "width": 0.3}
        study.add_trial(create_trial(params=params, distributions=space, value=1.142 + number * 1e-4))
    pictures = {picture.title: picture.figure for picture in study_pictures(study, "log loss", 1.2, "prior")}
    parallel, slices = pictures["Settings together"], pictures["Setting by setting"]
    lines = [trace for trace in parallel.data if trace.customdata is not None]
    assert len(lines) == 4
    scale = [list(stop) for stop in slices.data[0].marker.colorscale]
    for color in (*(line.line.color for line in lines), *sample_colorscale(scale, [0.0, 1.0])):
        assert min(unlabel_rgb(color)) < 170
    ticks = [tick.text for tick in parallel.layout.annotations if tick.x == 0]
    assert len(set(ticks)) == 5
    assert [float(tick) for tick in ticks] == pytest.approx([1.142 + i * 7.5e-5 for i in range(5)], abs=1e-5)


def test_the_headline_says_whether_the_prior_is_beaten_and_that_the_best_of_many_flatters(home) -> None:
    better = words_of(page_of(lambda config, fold: 0.1 * bowl(config, fold), 3))
    assert "Better than every baseline" in better
    assert re.search(r"Trial \d, the best of 3: log loss", better)
    assert "looks better than it is" in better
    worse = words_of(page_of(lambda config, fold: 10 * bowl(config, fold), 3))
    assert "Worse than prior" in worse


def test_failed_trials_are_told_with_their_reason_and_no_markup_of_theirs_is_run(home) -> None:
    def score(config: Any, fold: int) -> float:
        if config.model.hidden_size == 3:
            raise DivergedError("<script>alert(1)</script>")
        return bowl(config, fold)

    page = page_of(score, 8)
    assert "Trials that failed" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("said", [{"dropout": [0.1]}, {"dropout": [0.1, 0.2], "training.class_weights": [[1, 2]]}])
def test_one_trial_of_a_space_of_one_setting_has_a_page_too(home, said) -> None:
    assert "trial 0" in page_of(bowl, 1, said)
