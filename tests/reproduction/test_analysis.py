"""Analytic facts of interpolation, means and comparisons."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reproduction.analysis import change, first_below, interpolated, mean, percent
from reproduction.findings import Results
from reproduction.results import read_curves, with_end

NUMBERS = st.floats(-100, 100, allow_subnormal=False)


@given(st.lists(st.floats(0, 100), min_size=2, unique=True).map(sorted), NUMBERS, NUMBERS, st.floats(0, 1))
def test_a_line_is_interpolated_exactly(xs, slope, start, share):
    x = min(max(xs[0] + share * (xs[-1] - xs[0]), xs[0]), xs[-1])
    value = interpolated(xs, [start + slope * x for x in xs], x)
    assert value == pytest.approx(start + slope * x, abs=1e-6)


def test_nothing_is_known_outside_of_a_curve():
    assert interpolated([1, 2], [5, 7], 0.99) is None and interpolated([1, 2], [5, 7], 2.01) is None
    assert (interpolated([1, 2], [5, 7], 1), interpolated([1, 2], [5, 7], 2)) == (5, 7)
    assert interpolated([], [], 1) is None


def test_where_a_curve_first_is_low_enough():
    assert first_below([10, 20, 30], [60, 40, 20], 50) == 15
    assert first_below([10, 20, 30, 40], [60, 40, 70, 20], 40) == 20
    assert first_below([10, 20], [60, 40], 60) == 10
    assert first_below([10, 20], [60, 40], 39) is None


def test_means_and_changes():
    found = mean([1.0, None, 3.0])
    assert (found.value, found.deviation, found.count) == (2, pytest.approx(math.sqrt(2)), 2)
    assert mean([5.0]).text(1) == "5.0" and found.text(2) == "2.00 ± 1.41"
    assert mean([None, math.nan]) is None
    assert percent(change(3, 4)) == "−25.0 %" and percent(change(5, 4)) == "+25.0 %"


def test_curves_stand_at_the_steps_that_were_trained(tmp_path):
    (tmp_path / "metrics.csv").write_text(
        "step,speed/cpu_seconds,speed/train_seconds,val/fd_lite0,val/ssim\n"
        "19,10,20,,\n29,,,60,0.7\n39,30,50,,\n39,,,50,0.8\n44,,,45,0.9\n"
    )
    curves = read_curves(tmp_path / "metrics.csv")
    assert curves.steps == [30, 40, 45]
    assert curves.seconds == [20, 30, 33.75] and curves.clock == [35, 50, 56.25]
    assert curves.values == {"fd_lite0": [60, 50, 45], "ssim": [0.7, 0.8, 0.9]}
    assert with_end(curves, 45, {}) is curves
    longer = with_end(curves, 60, {"fd_lite0": 40.0, "ssim": 0.95})
    assert longer.steps[-1] == 60 and longer.seconds[-1] == 45 and longer.values["fd_lite0"][-1] == 40


def test_a_log_without_times_is_an_error(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,val/fd_lite0\n19,60\n")
    with pytest.raises(ValueError, match="cpu_seconds"):
        read_curves(tmp_path / "metrics.csv")


def test_equal_seconds_are_the_most_that_all_reached(row, result):
    rows = [row("slow"), row("fast")]
    slow, fast = result("slow", fd=[80, 60, 40], second=1), result("fast", fd=[60, 50, 40], second=0.5)
    results = Results(rows, [slow, fast])
    assert results.shared_seconds("slow", "fast") == 30 and results.levels_of_seconds == [30]
    assert results.at_seconds("slow", "fd_lite0", 30).value == 70
    assert results.at_seconds("fast", "fd_lite0", 30).value == 40
    assert results.steps_at("slow", 30).value == 30
    one, other = results.compared_at_equal_seconds("fast", "slow", "fd_lite0")
    assert (one.value, other.value) == (40, 70)
    assert results.seconds_of_all_seeds("fast", "slow") is None
    assert results.step_change("fast", "slow") == -0.5
    assert results.time_share("fast", "slow", "fd_lite0").value == 0.5


def test_rows_of_unequal_length_are_compared_where_both_have_been(row, result):
    rows = [row("a", seeds=(0, 1)), row("b", seeds=(0, 1)), row("c")]
    measured = [
        result("a", fd=[90, 80, 70]),
        result("a", 1, [60]),
        result("b", fd=[60, 40]),
        result("b", 1, [50]),
    ]
    results = Results(rows, measured)
    assert results.shared_steps("a", "b") == 40 and results.basis("a", "b") == "40 steps, seed 0"
    one, other = results.compared("a", "b", "fd_lite0")
    assert (one.value, other.value, one.count) == (80, 40, 1)
    assert results.levels == [40, 20] and Results(rows, measured, steps=60).levels == [60, 40, 20]
    assert results.steps_of_all_seeds("a", "b") == 20 and results.steps_of_all_seeds("a", "a") == 20
    assert results.basis("a", "b", 20) == "20 steps, seeds 0, 1"
    one, other = results.compared("a", "b", "fd_lite0", 20)
    assert (one.value, other.value, one.count) == (75, 55, 2)
    assert Results(rows, measured[:1] + measured[2:3]).steps_of_all_seeds("a", "b") is None
    assert results.last_step("a") == 60 and results.last_step("c") is None
    assert results.at_step("a", "fd_lite0", 20).value == 75
    assert results.at_step("b", "fd_lite0", 30).value == 50 and results.at_step("b", "fd_lite0", 60) is None


def test_means_are_over_the_seeds_that_have_both_values(row, result):
    """The second seed of the quick row ends before the slow one's first validation."""
    rows = [row("slow", seeds=(0, 1)), row("quick", seeds=(0, 1))]
    slow = [result("slow", seed, fd=[100, 90, 80], second=2) for seed in (0, 1)]
    quick = [result("quick", 0, fd=[70, 60, 50], second=1), result("quick", 1, fd=[10], second=1)]
    results = Results(rows, [*slow, *quick])
    one, other = results.compared_at_equal_seconds("quick", "slow", "fd_lite0")
    assert results.shared_seconds("quick", "slow") == 60
    assert (one.value, other.value, one.count, other.count) == (50, 95, 1, 1)
    one, other = results.compared("quick", "slow", "psnr")
    assert one.count == other.count == 1


def test_only_seeds_that_both_have_are_compared(row, result):
    rows = [row("a", seeds=(0, 1)), row("b", seeds=(0, 1))]
    results = Results(rows, [result("a", 0, [50]), result("a", 1, [90]), result("b", 1, [60])])
    one, other = results.compared("a", "b", "fd_lite0")
    assert (one.value, other.value, one.count) == (90, 60, 1)
    assert results.at_step("a", "fd_lite0", 20).value == 70
    assert results.compared("b", "c", "fd_lite0") is None
