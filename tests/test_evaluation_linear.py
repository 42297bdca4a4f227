"""A linear baseline that stops early, or leans on its bound wrongly, is weaker in silence, and flatters every model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_info, threadpool_limits

from gatewise.evaluation.baselines import fit_class_baselines, fit_value_baselines
from gatewise.tabular.linear import Design, fit_ridge, fit_softmax, inverse_root, softmax

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def nearly_collinear(n: int, width: int, seed: int = 0) -> Floats:
    """Features like a market's: averages over ever longer stretches of one and the same walk."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(n, width)), axis=1) + 0.02 * rng.normal(size=(n, width))
    standard: Floats = (x - x.mean(axis=0)) / x.std(axis=0)
    return standard


def classes(x: Floats, num_classes: int, seed: int = 1) -> Ints:
    rng = np.random.default_rng(seed)
    logits = x[:, :4] @ rng.normal(size=(4, num_classes)) + rng.gumbel(size=(len(x), num_classes))
    return logits.argmax(axis=1).astype(np.int64)


@pytest.mark.parametrize("num_classes", [2, 3, 40])
@pytest.mark.parametrize("strength", [1e-3, 1.0])
def test_logistic_ends_where_scikit_learns_does_if_it_is_let_walk_to_the_end(num_classes: int, strength: float) -> None:
    x = nearly_collinear(1_500, 9)
    y = classes(x, num_classes)
    reference = LogisticRegression(C=strength, tol=1e-8, max_iter=20_000).fit(x, y)
    *_, weights = fit_softmax(Design(x), y, [strength / 10, strength])
    np.testing.assert_allclose(softmax(Design(x), weights), reference.predict_proba(x), atol=2e-3)

    def loss(prob: Floats) -> float:
        return float(-np.log(prob[np.arange(len(y)), y]).mean())

    def bounded(prob: Floats, coefficients: Floats) -> float:
        return loss(prob) + float(np.square(coefficients).sum()) / (2 * strength * len(y))

    own = weights[:-1] * (np.sqrt(2) if num_classes == 2 else 1)  # two classes share what scikit-learn gives to one
    best = bounded(reference.predict_proba(x), reference.coef_)
    assert bounded(softmax(Design(x), weights), own) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_ridge_is_scikit_learns(outputs: int) -> None:
    x = nearly_collinear(777, 9) + 0.3  # not centred: the constant is free of the penalty
    y = x[:, :outputs] * 2 + np.random.default_rng(3).normal(size=(777, outputs)) + 5
    for penalty, weights in zip((1.0, 100.0), fit_ridge(Design(x), y, (1.0, 100.0)), strict=True):
        reference = Ridge(alpha=penalty).fit(x, y).predict(x).reshape(777, outputs)
        np.testing.assert_allclose(Design(x).predict(weights), reference, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("n", "width", "columns"), [(1, 1, 1), (5, 3, 2), (101, 40, 33), (300, 70, 3), (3, 5_000, 2)])
def test_products_in_blocks_are_those_of_the_whole(n: int, width: int, columns: int) -> None:
    rng = np.random.default_rng(n)
    x, w, y = rng.normal(size=(n, width)), rng.normal(size=(width + 1, columns)), rng.normal(size=(n, columns))
    whole, design = np.hstack([x, np.ones((n, 1))]), Design(x)
    np.testing.assert_allclose(design.predict(w), whole @ w, atol=1e-10)
    np.testing.assert_allclose(design.joined(design.cut(y)), y)
    np.testing.assert_allclose(design.sums(design.cut(y)), whole.T @ y, atol=1e-10)
    if width < 1_000:
        np.testing.assert_allclose(design.gram(), whole.T @ whole, atol=1e-10)


def test_the_inverse_root_turns_a_matrix_into_one() -> None:
    x = nearly_collinear(200, 6)
    matrix = x.T @ x + np.diag(np.full(6, 0.1))
    root = inverse_root(matrix)
    np.testing.assert_allclose(root @ matrix @ root.T, np.eye(6), atol=1e-9)
    np.testing.assert_allclose(root.T @ root, np.linalg.inv(matrix), rtol=1e-8)
    assert not np.triu(root, 1).any()


def test_rows_that_a_line_parts_wholly_and_features_that_add_up_to_one_end_in_finite_weights() -> None:
    group = np.arange(90) % 3
    x = np.hstack([np.eye(3)[group], np.zeros((90, 1))])  # the constant is a sum of these, and one is always zero
    for weights in fit_softmax(Design(x), group.astype(np.int64), (1e-4, 1.0, 1e6)):
        assert np.isfinite(weights).all()
    assert softmax(Design(x), weights).max(axis=1).min() > 0.99


def clock(n: int) -> tuple[Ints, Ints]:
    return np.arange(n) * 60, np.arange(3, n + 3) * 60


def all_said(n: int = 400) -> list[Floats]:
    """What all baselines say, of classes and of values."""
    x = nearly_collinear(n, 5)
    y, rows = classes(x, 2), x.astype(np.float32)
    by_class = fit_class_baselines(rows, y, 2, *clock(n), 0)
    by_value = fit_value_baselines(rows, rows[:, :1] ** 2, *clock(n), 0)
    return [say(rows).prob for say in by_class.values()] + [np.asarray(say(rows)) for say in by_value.values()]


def test_linear_baselines_are_the_same_to_the_bit_however_many_threads_blas_has() -> None:
    x = nearly_collinear(3_000, 39)
    y, several = classes(x, 3), []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            design = Design(x)
            *_, weights = fit_softmax(design, y, (1e-3, 1.0))
            (line,) = fit_ridge(design, x[:, :3] ** 2, (1.0,))
            several.append((weights, softmax(design, weights), line, design.predict(line)))
    for one, two in zip(*several, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize(("width", "columns"), [(1, 1), (39, 1), (39, 3), (300, 40), (4_000, 2)])
def test_no_product_is_so_large_that_openblas_would_wake_its_threads(
    width: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it would is in OpenBLAS's interface/gemm.c and gemv.c: 4 x 65,536 multiplications; 4 x 2,304 elements."""
    sizes = []
    whole = np.matmul

    def measured(a: Floats, b: Floats) -> Floats:
        sizes.append((a.shape[-2], a.shape[-1], b.shape[-1]))
        product: Floats = whole(a, b)
        return product

    monkeypatch.setattr(np, "matmul", measured)
    design = Design(np.zeros((9_000 if width < 1_000 else 20, width)))
    design.sums(design.times(np.zeros((width + 1, columns))))
    if width < 1_000:
        design.gram()
    assert sizes
    for size in sizes:
        assert np.prod(size) <= 4 * 65_536
        assert 1 not in size or np.prod(size) < 4 * 2_304


def thread_counts() -> list[tuple[str, int]]:
    """As this thread sees them: BLAS's are the process's, OpenMP's its own."""
    return [(library["filepath"], library["num_threads"]) for library in threadpool_info()]


def test_two_threads_that_fit_baselines_leave_all_thread_counts_as_they_were_and_never_change_anothers() -> None:
    all_said()  # so that every library is loaded

    def fits(_: int) -> bool:
        mine = thread_counts()
        all_said()
        return thread_counts() == mine

    with threadpool_limits(2), ThreadPoolExecutor(2) as threads:
        before = thread_counts()
        under_way = [threads.submit(fits, number) for number in range(2)]
        while not all(one.done() for one in under_way):
            assert thread_counts() == before
        assert all(one.result() for one in under_way)
        assert thread_counts() == before


def test_a_seed_of_any_size_is_a_seed() -> None:
    x = nearly_collinear(200, 4).astype(np.float32)
    y = classes(x.astype(np.float64), 2)
    large, small = (fit_class_baselines(x, y, 2, *clock(200), seed) for seed in (2**32 + 7, 7))
    assert np.array_equal(large["xgboost"](x).prob, small["xgboost"](x).prob)
