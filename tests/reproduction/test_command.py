"""The command itself: arguments, and real runs of a few steps."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from reproduction.command import main, progress

ROOT = Path(__file__).resolve().parents[2]
TINY = [
    "data.size=64",
    "data.batch_size=2",
    "data.num_workers=0",
    "model.ngf=2",
    "model.n_blocks=1",
    "metrics=lite0",
]
ROWS = """
overrides: ["methods=[mean]"]
rows:
  - {name: latent_control, title: latent, table: One, seeds: [0, 1], latent_only: true}
  - {name: plain, experiment: baseline, title: pixels, table: One, overrides: ["training.optimizer.lr=0.5"]}
  - {name: absent, title: an experiment that is not there, table: Two}
"""


@pytest.fixture
def root(tmp_path):
    """A repository with rows of its own."""
    shutil.copytree(ROOT / "conf", tmp_path / "root" / "conf")
    (tmp_path / "root" / "bin").symlink_to(ROOT / "bin")
    (tmp_path / "root" / "conf" / "reproduction.yaml").write_text(ROWS)
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["nowhere"], FileNotFoundError, "nowhere: no such folder of pictures"),
        ([".", "--rows", "x"], ValueError, "there is no x"),
        ([".", "--stepps", "3"], ValueError, "unknown arguments: --stepps"),
        ([".", "--steps", "0"], ValueError, "steps: expected at least 1, got 0"),
    ],
)
def test_mistakes_in_the_arguments_are_named(root, arguments, error, message):
    with pytest.raises(error, match=message):
        main(root, arguments)


def test_progress_is_the_last_step_of_the_log(tmp_path):
    assert progress(tmp_path, 40) == "before its first steps"
    (tmp_path / "metrics.csv").write_text("epoch,step,x\n0,19,1\n0,39,\n")
    assert progress(tmp_path, 60) == "step 40 of 60"


@pytest.mark.slow
def test_runs_are_trained_once_and_reported(root, pictures, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    outputs, report = tmp_path / "runs", tmp_path / "report"
    arguments = [str(pictures), "--outputs", str(outputs), "--report", str(report), "--steps", "20"]
    arguments += ["--autoencoder-steps", "2", "--jobs", "2", *TINY, "metrics.replicates=20"]
    assert main(root, arguments) == 1  # for the row without an experiment
    assert "absent/seed0: not finished" in caplog.text and "experiment/absent" in caplog.text
    runs = {(run["row"], run["seed"]): run for run in json.loads((report / "rows.json").read_text())["runs"]}
    assert [run["state"].split(":")[0] for run in runs.values()] == ["finished"] * 2 + [
        "cannot run",
        "finished",
    ]
    assert runs["plain", 0]["config"]["training.optimizer.lr"] == 0.5
    assert len(runs["latent_control", 1]["curves"]["steps"]) == 20
    assert len(list((outputs / "cache" / "autoencoder").glob("*/model"))) == 1  # both seeds, both rows
    before = {path: path.stat().st_mtime_ns for path in outputs.rglob("metrics.*")}
    caplog.clear()
    main(root, arguments)
    assert "3 finished, 1 refused" in caplog.text and "started" not in caplog.text
    assert before == {path: path.stat().st_mtime_ns for path in outputs.rglob("metrics.*")}
    assert "Pictures" in (report / "report.html").read_text()
