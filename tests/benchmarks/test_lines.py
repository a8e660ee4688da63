import json

import pytest
import torch
from torch.nn import functional

from benchmarks import floors
from benchmarks.floors import Part, Rates, TrafficMeter, parts
from benchmarks.lines import Line, console_table, markdown_lines
from benchmarks.steps import ROWS, step_flops
from benchmarks.suite import run
from benchmarks.timing import medians, rate, ratios


def test_a_line_knows_whether_its_target_is_reached():
    low = Line("a", 0.7, 0.6, "b", "c")
    assert not low.reached and low.cells() == ("a", "0.70", "≤ 0.60", "no", "b", "c")
    high = Line("a", 2345.6, 2000, "b", "c", higher_is_better=True, unit="per second")
    assert high.reached and high.cells()[1:4] == ("2,346 per second", "≥ 2,000", "yes")
    assert Line("a", 1.0, None, "b", "c").reached is None
    assert json.loads(json.dumps(low.as_dict()))["reached"] is False


def test_tables_have_every_line():
    lines = [Line("first", 0.7, 0.6, "b", "c"), Line("second", 1.0, None, "b", "c")]
    assert console_table(lines, "title").row_count == 2
    assert [row.split("|")[1].strip() for row in markdown_lines(lines).splitlines()[2:]] == [
        "first",
        "second",
    ]


def test_jobs_run_in_turn():
    calls = []
    found = medians({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)
    assert calls == ["a", "b"] * 3 and found.keys() == {"a", "b"}
    assert ratios({"a": lambda: sum(range(10_000)), "b": lambda: sum(range(1_000_000))}, "a")["b"] > 10
    with pytest.raises(ValueError, match="repeats must be at least 1, got 0"):
        medians({}, repeats=0)
    assert rate(lambda: sum(1 for _ in range(1000)), seconds=0.01) > 1000


def test_operations_and_traffic_of_a_convolution():
    x, weight = torch.rand(1, 2, 5, 5), torch.rand(3, 2, 3, 3)
    with TrafficMeter() as meter:
        y = functional.conv2d(x, weight)
    assert meter.flops == 2 * 3 * 3 * (3 * 2 * 3 * 3)
    assert meter.bytes == x.nbytes + weight.nbytes + y.nbytes
    assert Part("a", 1, 1, seconds=2.0, floor=1.0).efficiency == 0.5


def test_rows_without_a_decoder_need_fewer_operations():
    flops = {name: step_flops(row, 2, 32) for name, row in ROWS.items()}
    assert flops["latent_control"] < flops["control"]


def test_one_group_writes_its_report(tmp_path):
    output = tmp_path / "reports" / "bench.json"
    lines = run(output, repeats=1, only=["data"])
    report = json.loads(output.read_text())
    assert [line["name"] for line in report["lines"]] == [line.name for line in lines]
    assert all(line["value"] > 0 for line in report["lines"][:3]) and report["machine"]["cores"] >= 1
    assert output.with_suffix(".md").read_text().count("\n") == len(lines) + 2
    with pytest.raises(ValueError, match=r"only: expected some of rows, .*got \['row'\]"):
        run(output, 1, ["row"])


def test_every_part_has_a_floor(monkeypatch):
    monkeypatch.setattr(floors, "SIZE", 32)
    monkeypatch.setattr(floors, "BATCH_SIZE", 2)
    found = {part.name: part for part in parts(Rates(1e9, 1e9), repeats=1)}
    assert len(found) == 6 and all(part.flops > 0 and part.bytes > 0 for part in found.values())
    assert found["decoder, trained"].flops > found["decoder, frozen"].flops
