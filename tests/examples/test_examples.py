"""The examples work from a folder outside the repository, as their readers run them."""

import csv
import subprocess
import sys
from pathlib import Path

from tiny import TINY

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example, folder, pictures, *overrides):
    tiny = [*TINY, f"data.root={pictures}", "data.batch_size=2", "trainer.max_steps=2", *overrides]
    command = [sys.executable, str(EXAMPLES / example), str(folder), *tiny]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_add_a_loss(pictures, tmp_path):
    outputs = ["trainer.log_every_n_steps=1", f"paths.outputs={tmp_path / 'outputs'}"]
    run("add_a_loss.py", tmp_path / "loss", pictures, *outputs)
    with next(tmp_path.glob("outputs/latent_control/*/metrics.csv")).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("train/charbonnier")]
    assert len(rows) == 2 and all(float(row["train/charbonnier"]) > 0 for row in rows)


def test_add_a_refiner(pictures, tmp_path):
    said = run("add_a_refiner.py", tmp_path / "refiner", pictures)
    with_it, without = said.split("With the plugin:")[1].split("Without it:")
    assert "loaded: <class 'my_refiner.ConvRefiner'>" in with_it
    assert "ConvRefiner" in without and "my_refiner" in without and "latent_inpaint.plugins" in without
