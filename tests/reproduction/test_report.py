"""The report from results that were made up: targets, tables, what is missing, files."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from latent_inpaint.sheets import save_sheet
from reproduction.command import states
from reproduction.costs import costs_table, step_costs
from reproduction.document import Document, Picture, Section, Table, html, markdown
from reproduction.findings import Results
from reproduction.planning import Plan
from reproduction.plots import curves_svg
from reproduction.report import collect, report, rows_json, write_report
from reproduction.results import read_result
from reproduction.rows import Run
from reproduction.sheets import pictures_sheet
from reproduction.tables import measured_columns, published_table
from reproduction.targets import targets

CONF = Path(__file__).resolve().parents[2] / "conf"
NAMES = ("baseline", "latent_control", "latent_control_plus", "lama", "latent_lpl", "latent_full")


@pytest.fixture
def rows(row):
    latent = {name: {"latent_only": name.startswith("latent"), "lite0": name == "lama"} for name in NAMES}
    against = {"latent_control": "baseline", "latent_lpl": "latent_control"}
    return [row(name, seeds=(0, 1), against=against.get(name, ""), **latent[name]) for name in NAMES]


def verdicts(results):
    return [target.verdict for target in targets(results)]


def test_without_runs_nothing_is_said_to_be_measured(rows):
    assert set(verdicts(Results(rows, []))) == {"not measured yet"}
    text = markdown(report(Results(rows, [], steps=40)))
    assert "0 of 12 runs are finished" in text and "not run yet" in text
    assert not re.search(r"\d\.\d\d", text.split("## Runs")[0].split("## Table")[1])


def test_targets_that_are_reached(rows, result):
    finished = [
        result("baseline", fd=[90, 80, 60], second=1.0, ssim=0.7),
        result("latent_control", fd=[80, 60, 50], second=0.7),
        result("latent_control_plus", fd=[70, 50, 40], second=0.7),
        result("latent_lpl", fd=[60, 50, 42], second=0.9),
        result("lama", fd=[60, 50, 40], second=2.0),
        result("latent_full", fd=[60, 40, 30], second=1.0),
    ]
    assert verdicts(Results(rows, finished)) == ["reached"] * 5
    said = targets(Results(rows, finished))
    assert "FD-lite0 50.00 against 60.00 (−16.7 %)" in said[0].measured and "step −30.0 %" in said[0].measured
    assert said[2].measured.startswith("latent_full: 30.00 against 60.00 (−50.0 %)")
    assert "after 33 % of the time of lama's 60 steps" in said[4].measured  # 40 steps of 1 s, of 60 of 2 s


def test_verdicts_on_runs_that_go_on_are_marked(rows, result):
    finished = [result("baseline", fd=[90, 80, 60]), result("latent_control", fd=[80, 60, 50], second=0.3)]
    begun = [
        result("latent_lpl", fd=[60]),
        result("lama", fd=[60]),
        result("latent_full", fd=[59], second=0.2),
    ]
    found = [target.verdict for target in targets(Results(rows, finished + begun, steps=60))]
    assert not found[0].startswith("so far") and not found[2].startswith("so far")
    assert found[3] == "so far reached" and found[4] == "so far reached"
    said = targets(Results(rows, finished + begun, steps=60))[2].measured
    assert said.startswith("latent_control: 50.00") and "18 seconds, 1 seed(s)" in said


def test_targets_say_the_means_of_seeds_that_trained_less(rows, result):
    measured = [
        result("baseline", fd=[90, 80, 60], second=1.0),
        result("baseline", 1, [70], second=1.0),
        result("latent_control", fd=[80, 60, 50], second=1.0),
        result("latent_control", 1, [60], second=1.0),
    ]
    steps, _, seconds, *_ = [target.measured for target in targets(Results(rows, measured))]
    assert "FD-lite0 50.00 against 60.00 (−16.7 %)" in steps and "60 steps, seed 0; step" in steps
    over_seeds = "over seeds: FD-lite0 70.00 ± 14.14 against 80.00 ± 14.14 (−12.5 %)"
    assert over_seeds in steps and steps.endswith("20 steps, seeds 0, 1")
    assert "60 seconds, 1 seed(s); over seeds: 70.00 ± 14.14 against 80.00 ± 14.14" in seconds


def test_targets_that_are_not_say_by_how_much(rows, result):
    finished = [
        result("baseline", fd=[90, 80, 60], second=1.0, ssim=0.85),
        result("latent_control", fd=[80, 60, 50], second=0.8, ssim=0.8),
        result("latent_lpl", fd=[80, 60, 45], second=0.8),
        result("lama", fd=[60, 50, 40], second=1.0),
        result("latent_full", fd=[60, 50, 44], second=1.0),
    ]
    found = verdicts(Results(rows, finished))
    assert found[0] == "not reached: SSIM is worse by 5.9 %; the step's −20.0 % are 8.0 points short"
    assert found[1] == "not measured yet"
    assert found[3] == "not reached: −10.0 % is 5.0 points short"
    assert (
        found[4] == "not reached"
        and "44.00 against 40.00 (+10.0 %)" in targets(Results(rows, finished))[4].measured
    )
    said = targets(Results(rows, finished))
    assert "not finished: latent_control_plus" in said[2].measured


def test_missing_rows_are_named_and_changes_need_both(rows, result):
    results = Results(rows, [result("latent_control")], {"baseline/seed0": "begun, step 3 of 40"}, 60)
    table = {cells[0].split(",")[0]: cells for cells in published_table(results, rows).rows}
    assert table["latent_control"][0] == "latent_control, 60"
    assert table["baseline"][2] == "begun" and table["latent_control"][2:4] == ["40.00", "–"]
    assert table["lama †"][2] == "not run yet"
    assert "begun, step 3 of 40" in markdown(report(results))


def test_the_files_of_a_report(rows, result, settings, tmp_path):
    finished = [result(name, seed, second=0.5 + seed / 10) for name in NAMES[:3] for seed in (0, 1)]
    for i, name in enumerate(NAMES[:2]):
        truth = torch.linspace(0, 1, 6 * 3 * 16 * 16).reshape(6, 3, 16, 16)
        columns = {"input": truth * 0.5, "composite": truth * i, "truth": truth}
        save_sheet(columns, settings.outputs / name / "seed0" / "samples" / "step_0000060.png")
    folder = tmp_path / "report"
    write_report(Results(rows, finished, steps=60), settings, folder)
    runs = json.loads((folder / "rows.json").read_text())["runs"]
    assert len(runs) == 12 and sum(run["state"] == "finished" for run in runs) == 6
    assert runs[0]["curves"]["values"]["fd_lite0"] == [60, 50, 40] and runs[0]["seconds_per_step"] == 0.5
    page = (folder / "report.html").read_text()
    linked = re.findall(r"\]\((\S+)\)", (folder / "report.md").read_text())
    assert set(linked) == {f"curves_{key}.svg" for key in ("ssim", "pd_lite0", "fd_lite0")} | {
        "sheet_table_5_1.webp"
    }
    assert all((folder / name).stat().st_size < 60_000 for name in linked)
    assert page.count("<img") == len(linked) and not re.search(r'(src|href)="(?!data:)', page)
    assert str(tmp_path) not in page + (folder / "rows.json").read_text()
    assert "Remarks" not in page
    (folder / "remarks.md").write_text("# Tried\n\n- a larger\n  weight\n- <another> rate\n")
    write_report(Results(rows, finished, steps=60), settings, folder)
    assert "## Remarks\n\n- a larger weight\n- <another> rate\n" in (folder / "report.md").read_text()
    assert "&lt;another&gt; rate" in (folder / "report.html").read_text()
    write_report(Results(rows, finished, steps=60), settings, tmp_path / "without", pictures=False)
    assert not list((tmp_path / "without").glob("*.webp"))


def test_a_sheet_leaves_out_other_pictures(tmp_path, caplog):
    truth = torch.rand(2, 3, 16, 16)
    for name, shown in (("a", truth), ("b", truth), ("c", 1 - truth)):
        columns = {"input": shown, "composite": shown, "truth": shown}
        save_sheet(columns, tmp_path / name / "samples" / "step_0000002.png")
    assert pictures_sheet(
        {name: tmp_path / name / "samples" / "step_0000002.png" for name in "abc"}
    ) == pictures_sheet({name: tmp_path / name / "samples" / "step_0000002.png" for name in "ab"})
    assert "c: its samples show other pictures" in caplog.text
    assert pictures_sheet({"d": tmp_path / "d" / "step_0000002.png"}) is None


def test_a_run_is_read_from_its_folder(row, finish, settings):
    run = Run(row("latent_control"), 0)
    found = read_result(finish(run), "latent_control", 0, settings.autoencoders)
    assert (found.steps, found.seconds, found.seconds_per_step) == (40, 30, 0.75)
    assert found.curves.values == {"fd_lite0": [60, 50]} and found.metrics["ssim"] == 0.8
    assert str(settings.data) not in json.dumps(found.as_json())


def test_a_begun_run_counts_as_far_as_it_is(row, finish, settings):
    rows = [row("latent_control"), row("control", against="latent_control")]
    finish(Run(rows[0], 0))
    folder = finish(Run(rows[1], 0))
    shutil.rmtree(folder / "model")
    (folder / "metrics.csv").write_text("\n".join((folder / "metrics.csv").read_text().splitlines()[:3]))
    planned = Plan(rows, settings, CONF).look()
    results = collect(rows, planned, settings, states(planned, settings))
    assert [(r.row, r.steps, r.metrics["fd_lite0"]) for r in results.measured] == [
        ("latent_control", 40, 50.0),
        ("control", 20, 60.0),
    ]
    assert results.finished == 1 and results.levels == [40, 20]
    assert [entry["state"] for entry in rows_json(results)] == ["finished", "begun, step 20 of 40"]
    assert results.basis("control", "latent_control") == "20 steps, seed 0"
    text = markdown(report(results))
    assert "| control | 0 | begun | 20 |" in text and "1 of 2 runs are finished; 2 have results" in text


def test_a_begun_run_without_a_validation_has_no_results(row, finish, settings):
    rows = [row("control")]
    folder = finish(Run(rows[0], 0))
    shutil.rmtree(folder / "model")
    (folder / "metrics.csv").write_text("step,speed/cpu_seconds,speed/train_seconds,val/fd_lite0\n9,5,9,\n")
    planned = Plan(rows, settings, CONF).look()
    results = collect(rows, planned, settings, states(planned, settings))
    assert not results.measured and results.states["control/seed0"] == "begun, step 10 of 40"


def test_curves_draw_a_line_a_row_and_dash_the_biased_ones(rows, result):
    results = Results(rows, [result("baseline", seed, [60 + seed, 50]) for seed in (0, 1)] + [result("lama")])
    column = next(column for column in measured_columns(results) if column.key == "fd_lite0")
    drawn = curves_svg(results, column, rows, until=10**6).decode()
    assert "seconds of computing on one core" in drawn and ">baseline</text>" in drawn
    assert drawn.count("stroke-dasharray: 5.18") == 3  # two panels and the legend
    assert curves_svg(Results(rows, []), column, rows, until=10**6) is None
    assert curves_svg(results, column, rows, until=0) is None


def test_a_figure_of_its_own_shows_the_row_it_is_against(row, result):
    rows = [row("a"), row("b"), row("c", against="a", figure="changes")]
    text = markdown(report(Results(rows, [result(name) for name in "abc"])))
    pictures = {
        p.path: p.content.decode() for p in report(Results(rows, [result(n) for n in "abc"])).pictures()
    }
    assert "(changes_fd_lite0.svg)" in text and "(curves_fd_lite0.svg)" in text
    shown = [name for name in "abc" if f">{name}</text>" in pictures["changes_fd_lite0.svg"]]
    assert shown == ["a", "c"]


def test_a_figure_ends_where_its_own_rows_do(row, result):
    rows = [row("a"), row("c", against="a", figure="changes")]
    results = Results(rows, [result("a", fd=[60, 50, 40, 30]), result("c")])
    pictures = {p.path: p.content.decode() for p in report(results).pictures()}
    assert (
        ">80</text>" in pictures["curves_fd_lite0.svg"]
        and ">80</text>" not in pictures["changes_fd_lite0.svg"]
    )


def test_a_table_without_published_numbers_says_what_changes(row, result):
    rows = [row("a"), row("b", against="a", table="Changes"), row("c", against="a", table="Changes")]
    results = Results(rows, [result("a"), result("b", fd=[60, 44], second=0.6)])
    text = markdown(report(results))
    line = "| b | what b does | a, 40 steps, seed 0 | −12.0 % | −12.0 % | +0.0 % | – | +20.0 % |"
    assert "## Changes\n" in text and line in text
    assert "| c: not run yet | what c does | a | – | – | – | – | – |" in text


def test_documents_escape_and_check():
    document = Document(
        "a < b", [Section("s", [Table(["x"], [["1 < 2 | 3"]]), Picture("p.svg", "t", b"<svg/>")])]
    )
    assert "1 &lt; 2 | 3" in html(document) and "<title>a &lt; b</title>" in html(document)
    assert "| 1 < 2 \\| 3 |" in markdown(document) and "![t](p.svg)" in markdown(document)
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        Table(["a", "b"], [["1"]])


def test_costs_and_shares_of_the_rows_that_have_results(row, finish, settings, tmp_path):
    rows = [row("latent_control"), row("flow", against="latent_control")]
    folder = finish(Run(rows[1], 0))
    (folder / "metrics.csv").write_text(
        "step,speed/cpu_seconds,speed/train_seconds,val/fd_lite0,train/lpl_share\n"
        "9,5,9,,0.9\n19,10,20,,0.1\n29,,,,0.3\n39,30,50,,\n39,,,50,\n"
    )
    results = Results(rows, [read_result(folder, "flow", 0, settings.autoencoders)], steps=40)
    assert results.of("flow")[0].shares == (pytest.approx(0.2),)
    costs = step_costs([rows[1]], settings, CONF)
    (cells,) = costs_table(results, costs).rows
    assert cells[0] == "flow" and float(cells[1]) > 0 and cells[2].endswith("MiB") and cells[4] == "0.20"
    assert "What a step costs" in markdown(report(results, costs=costs))
