import io
import json

import pytest
from rich.console import Console

from latent_inpaint.evaluation.card import command, commit, library_versions, source_sha256
from latent_inpaint.evaluation.files import read_rows, write_rows
from latent_inpaint.evaluation.tables import COLUMNS, best_rows, console_table, markdown_rows
from latent_inpaint.metrics import suite

ROWS = [
    {
        "method": "ours",
        "metrics": {"ssim": 0.91234, "l1_hole": 0.05, "fid": None},
        "card": {"n_images": 9, "n_failed": 1, "timing": {"seconds_per_image": 0.25}},
    },
    {"method": "telea", "metrics": {"ssim": 0.91231, "l1_hole": 0.06, "fid": None}, "card": {"n_images": 10}},
    {
        "method": "truth",
        "metrics": {"ssim": 1.0, "l1_hole": 0.0, "fid": None},
        "card": {"n_images": 10, "sees_truth": True},
    },
]


def test_the_columns_are_the_suites_with_its_directions():
    assert tuple(column.key for column in COLUMNS if column.key != "judge") == suite.KEYS
    assert {column.key for column in COLUMNS if column.higher_is_better} == suite.HIGHER_IS_BETTER


def test_best_is_what_prints_best_among_rows_that_did_not_see_the_truth():
    ssim, l1 = (next(c for c in COLUMNS if c.key == key) for key in ("ssim", "l1_hole"))
    assert best_rows(ROWS, ssim) == {0, 1}  # both print 0.9123
    assert best_rows(ROWS, l1) == {0}
    assert best_rows(ROWS[2:], l1) == set()


def test_markdown():
    lines = markdown_rows(ROWS).splitlines()
    assert lines[0] == "| method | SSIM ↑ | L1 hole ↓ | n | s/image |"
    assert lines[2] == "| ours | **0.9123** | **0.0500** | 9 (1 failed) | 0.250 |"
    assert lines[4] == "| truth | 1.0000 | 0.0000 | 10 | – |"


def test_console():
    text = io.StringIO()
    Console(file=text, width=100).print(console_table(ROWS, "title"))
    assert "ours" in text.getvalue() and "0.9123" in text.getvalue() and "FID" not in text.getvalue()


def test_rows_survive_the_disk_and_what_is_not_finite_is_null(tmp_path):
    row = {
        "method": "a",
        "metrics": {"psnr": float("inf"), "fid": None},
        "card": {"interval": (1, float("nan"))},
    }
    path = write_rows(tmp_path / "metrics.json", [row])
    assert read_rows(path) == [
        {"method": "a", "metrics": {"psnr": None, "fid": None}, "card": {"interval": [1, None]}}
    ]
    assert json.loads(path.read_text())["rows"]


@pytest.mark.parametrize("content", ["{", "[]", '{"rows": 3}', '{"rows": [{"method": "a"}]}'])
def test_a_foreign_metrics_file_is_named(tmp_path, content):
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ValueError, match="metrics.json"):
        read_rows(tmp_path / "metrics.json")


def test_card_facts(tmp_path):
    assert library_versions()["torch"]
    assert library_versions(["no-such-library"])["no-such-library"] == "not installed"
    assert commit() is None or len(commit().removesuffix("+changes")) == 40
    assert command().startswith("python ")
    (tmp_path / "a.ckpt").write_bytes(b"weights")
    alone = source_sha256(tmp_path / "a.ckpt")
    folder = source_sha256(tmp_path)
    assert alone != folder
    (tmp_path / "a.ckpt").rename(tmp_path / "b.ckpt")
    assert source_sha256(tmp_path / "b.ckpt") == alone
    assert source_sha256(tmp_path) != folder
    with pytest.raises(FileNotFoundError, match="nowhere"):
        source_sha256(tmp_path / "nowhere")
