import subprocess
import sys
from pathlib import Path

import pytest

from latent_inpaint.evaluation.files import write_rows
from latent_inpaint.evaluation.summary import collect, markdown_summary

ROOT = Path(__file__).parents[2]


def row(method, ssim, size=64, seconds=0.1):
    card = {
        "n_images": 5,
        "data": {"name": "sample", "pictures": 5},
        "masks": {"name": "thick", "rendered_sha256": "ab" * 32},
        "size": size,
        "timing": {"seconds_per_image": seconds},
    }
    return {"method": method, "metrics": {"ssim": ssim}, "card": card}


@pytest.fixture
def runs(tmp_path):
    write_rows(
        tmp_path / "latent" / "1" / "metrics.json", [row("network", 0.8), row("telea", 0.7, seconds=1)]
    )
    write_rows(tmp_path / "control" / "1" / "metrics.json", [row("network", 0.9), row("telea", 0.7)])
    return tmp_path


def test_rows_of_all_runs_stand_in_one_table_and_equal_ones_once(runs):
    (group,) = collect(runs)
    assert group.title == "5 pictures of sample, 64², masks thick abababab"
    labels = [r["run"] for r in group.rows]
    assert labels == ["network, control/1", "network, latent/1", "telea, 2 runs"]
    assert "| network, control/1 | **0.9000** |" in markdown_summary([group])


def test_rows_that_cannot_be_compared_stand_apart(runs):
    write_rows(runs / "big" / "metrics.json", [row("network", 0.95, size=256)])
    sizes = [{r["card"]["size"] for r in group.rows} for group in collect(runs)]
    assert sorted(sizes, key=min) == [{64}, {256}]


def test_foreign_files_are_left_out_with_a_warning(runs, caplog):
    (runs / "other").mkdir()
    (runs / "other" / "metrics.json").write_text("{}")
    assert len(collect(runs)) == 1
    assert "other/metrics.json" in caplog.text


def test_nothing_to_summarise_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no metrics.json"):
        collect(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        collect(tmp_path / "nowhere")


def test_the_command(runs):
    command = [sys.executable, str(ROOT / "bin" / "summarize.py")]
    done = subprocess.run([*command, str(runs)], capture_output=True, text=True, check=True)
    assert "control/1" in done.stdout
    assert "control/1" in (runs / "summary.md").read_text()
    failed = subprocess.run([*command, str(runs / "nowhere")], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "no such folder" in failed.stderr
