"""Several processes share an evaluation: the same numbers, whatever their number before and after a stop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from evaluations import configure

from latent_inpaint.evaluation.command import build_methods, run
from latent_inpaint.evaluation.files import read_rows
from latent_inpaint.evaluation.session import measure_share
from latent_inpaint.instantiate import instantiate

FAST = ("methods=[mean,telea]", "gallery=null", "metrics.cache_dir=null")
EVALUATE = Path(__file__).parents[2] / "bin" / "evaluate.py"


def numbers(folder):
    rows = read_rows(folder / "metrics.json")
    masks = {row["card"]["masks"]["rendered_sha256"] for row in rows}
    return [(row["method"], row["metrics"], row["intervals"], row["card"]["n_images"]) for row in rows], masks


def test_what_two_of_three_processes_measured_is_found_by_one(pictures, tmp_path, monkeypatch):
    cfg = configure(pictures, *FAST, f"paths.outputs={tmp_path}")
    expected = numbers(run(cfg))
    journals = tmp_path / "evaluate" / ".interrupted"
    for rank in (0, 2):  # the other one was killed
        monkeypatch.setattr("latent_inpaint.data.datamodule.process", lambda rank=rank: (rank, 3))
        data = instantiate(cfg.data)
        data.setup("test")
        names = {"data": cfg.data_name, "masks": cfg.masks_name}
        measure_share(build_methods(cfg.methods, None), data, instantiate(cfg.metrics), names, journals)
    monkeypatch.undo()
    assert len(list(journals.glob("*.*.pt"))) == 2
    measured = []
    from latent_inpaint.evaluation import runner

    own = runner.predict
    monkeypatch.setattr(
        runner, "predict", lambda m, batch, seed: measured.append(batch.name) or own(m, batch, seed)
    )
    assert numbers(run(cfg)) == expected
    assert measured == [["1.png"]] * 2
    assert not list(journals.glob("*.pt"))


def test_a_damaged_part_is_measured_again(pictures, tmp_path, monkeypatch, caplog):
    cfg = configure(pictures, *FAST, f"paths.outputs={tmp_path}")
    expected = numbers(run(cfg))
    journals = tmp_path / "evaluate" / ".interrupted"
    data = instantiate(cfg.data)
    data.setup("test")
    names = {"data": cfg.data_name, "masks": cfg.masks_name}
    measure_share(build_methods(cfg.methods, None), data, instantiate(cfg.metrics), names, journals)
    (part,) = journals.glob("*.*.pt")
    part.write_bytes(part.read_bytes()[:1000])
    assert numbers(run(cfg)) == expected and "left out, it cannot be read" in caplog.text


@pytest.mark.slow
def test_two_processes_of_torchrun_give_the_numbers_of_one(pictures, tmp_path):
    settings = [
        "data=folder",
        f"data.root={pictures}",
        "data.size=32",
        "data.batch_size=2",
        "data.num_workers=0",
    ]
    settings += ["metrics=lite0", "metrics.replicates=20", *FAST, "run_name=run", f"paths.outputs={tmp_path}"]
    one = numbers(run(configure(pictures, *FAST, f"paths.outputs={tmp_path / 'one'}")))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, str(EVALUATE), *settings], capture_output=True, text=True, env=os.environ, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Results: ") == 1
    rows, masks = numbers(tmp_path / "evaluate" / "run")
    assert masks == one[1] and json.dumps(rows) == json.dumps(one[0])
    assert (
        not list((tmp_path / "evaluate" / ".interrupted").glob("*.pt"))
        and not torch.distributed.is_initialized()
    )
