import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from evaluations import configure
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from latent_inpaint.evaluation import session
from latent_inpaint.evaluation.command import build_methods, check_method_names, run
from latent_inpaint.evaluation.files import read_rows
from latent_inpaint.files import new_folder
from latent_inpaint.models.classical import Telea

ROOT = Path(__file__).parents[2]
COMMON = {"data", "masks", "size", "metrics", "versions", "commit", "command", "timing"}


def comparable(rows):
    return json.dumps([{**row, "card": {**row["card"], "timing": None, "commit": None}} for row in rows])


def test_an_evaluation_from_configuration_to_files(pictures, network, tmp_path):
    chosen = "methods=[telea,mean,ground_truth]"
    cfg = configure(pictures, f"checkpoint={network}", chosen, f"paths.outputs={tmp_path / 'out'}")
    folder = run(cfg)
    assert folder == tmp_path / "out" / "evaluate" / "run"
    rows = read_rows(folder / "metrics.json")
    assert [row["method"] for row in rows] == ["tiny", "telea", "mean", "ground_truth", "autoencoder"]
    truth, mean = rows[3], rows[2]
    assert truth["metrics"]["psnr"] == 100 and truth["metrics"]["pd_lite0"] == 0
    assert mean["metrics"]["fid"] is None and mean["metrics"]["l1_hole"] > 0
    for row in rows:
        assert row["card"]["n_images"] == 3
        assert set(row["card"]) >= COMMON
        assert sum(part["images"] for part in row["hole_area"]) == 3
    assert len(rows[0]["card"]["checkpoint_sha256"]) == 64
    assert "| **" in (folder / "metrics.md").read_text()
    assert len((folder / "pictures.csv").read_text().splitlines()) == 1 + 5 * 3
    assert "tiny" in (folder / "report.html").read_text()
    assert not list((folder.parent / ".interrupted").iterdir())

    again = run(cfg)
    assert again.name == "run-2"
    assert comparable(read_rows(again / "metrics.json")) == comparable(rows)


def test_methods_without_a_network_are_measured_once_for_all_jobs(pictures, network, tmp_path, monkeypatch):
    cfg = configure(pictures, f"checkpoint={network}", "methods=[telea,mean]", "gallery=null")
    calls = []
    telea = Telea.fill_picture
    monkeypatch.setattr(session.cards, "commit", lambda: None)  # as of an installed package
    monkeypatch.setattr(Telea, "fill_picture", lambda *args: calls.append(1) or telea(*args))
    found = []
    for name in ("one", "two"):
        data = instantiate(cfg.data)
        data.setup("test")
        folder = tmp_path / name
        folder.mkdir()
        methods = build_methods(cfg.methods, str(network))
        metrics = instantiate(cfg.metrics)
        found.append(session.compare(methods, data, metrics, folder, gallery=None, kept=tmp_path / "kept"))
        assert len(calls) == 3
    assert comparable(found[0]) == comparable(found[1])
    assert [row["method"] for row in found[1]][:3] == ["tiny", "telea", "mean"]
    changed = [m for m in build_methods(cfg.methods, None) if m.name == "telea"]
    changed[0].inpainter.radius = 7
    session.compare(changed, data, instantiate(cfg.metrics), folder, gallery=None, kept=tmp_path / "kept")
    assert len(calls) == 6


def test_another_batch_size_changes_nothing(pictures, tmp_path):
    metrics = []
    for size in (1, 3):
        cfg = configure(
            pictures,
            "methods=[telea]",
            f"data.batch_size={size}",
            "gallery=null",
            f"paths.outputs={tmp_path}",
        )
        metrics.append(read_rows(run(cfg) / "metrics.json")[0]["metrics"])
    assert metrics[0] == pytest.approx(metrics[1], abs=1e-5)


def test_a_truncated_picture_is_named_in_every_row(pictures, tmp_path):
    broken = tmp_path / "pictures"
    shutil.copytree(pictures, broken)
    whole = (broken / "val" / "0.png").read_bytes()
    (broken / "val" / "0.png").write_bytes(whole[: len(whole) // 2])
    cfg = configure(broken, "methods=[mean,grey]", "gallery=null", f"paths.outputs={tmp_path}")
    for row in read_rows(run(cfg) / "metrics.json"):
        assert row["card"]["unreadable"] == ["0.png"]
        assert (row["card"]["n_images"], row["card"]["n_unreadable"]) == (2, 1)


def test_a_full_disk_keeps_what_was_measured(pictures, tmp_path, monkeypatch):
    cfg = configure(pictures, "methods=[mean]", "gallery=null", f"paths.outputs={tmp_path}")

    def full(path, rows):
        raise OSError(28, f"{path}: could not be written (No space left on device)")

    with monkeypatch.context() as patch:
        patch.setattr(session, "write_rows", full)
        with pytest.raises(OSError, match="metrics.json: could not be written"):
            run(cfg)
    assert len(list((tmp_path / "evaluate" / ".interrupted").iterdir())) == 1
    monkeypatch.setattr("latent_inpaint.evaluation.runner.predict", None)  # nothing is measured again
    assert read_rows(run(cfg) / "metrics.json")[0]["card"]["n_images"] == 3


def test_every_configured_method_can_be_built():
    names = sorted(path.stem for path in (ROOT / "conf" / "methods").glob("*.yaml"))
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("evaluate", overrides=[f"methods=[{','.join(names)}]"])
    assert sorted({re.sub(r"^calls_\d+$", "calls", name) for name in cfg.methods}) == names
    for name in cfg.methods:
        assert "_target_" in cfg.methods[name]
        if not {"checkpoint", "root", "path"} & set(cfg.methods[name]):
            assert instantiate(cfg.methods[name]).name == name


def test_a_method_of_ones_own_is_a_class_and_a_line(pictures):
    mine = "latent_inpaint.evaluation.methods.GreyFill"
    cfg = configure(pictures, "methods=[mean]", f"+methods.mine._target_={mine}", "+methods.mine.value=0.1")
    methods = build_methods(cfg.methods, None)
    assert [method.name for method in methods] == ["mean", "mine"]
    assert methods[1].card() == {"value": 0.1}


def test_networks_come_first_with_names_that_differ(network, pictures):
    alone = build_methods(configure(pictures, "methods=[]").methods, str(network))
    assert [method.name for method in alone] == ["tiny", "autoencoder"]
    cfg = configure(pictures, "methods=[mean]")
    names = [method.name for method in build_methods(cfg.methods, [str(network), str(network / "model")])]
    assert names == ["tiny", "model", "mean", "autoencoder"]
    names = [method.name for method in build_methods(cfg.methods, [str(network)] * 2)]
    assert names == ["tiny", "tiny-2", "mean", "autoencoder"]


def test_a_method_that_does_not_exist_is_refused_with_the_near_ones():
    folder = ROOT / "conf" / "methods"
    check_method_names(["methods=[telea,grey]", "data=folder", "checkpoint=a=b"], folder)
    for accepted in ("methods=[]", "methods=[telea],[mean,grey]", "methods=telea,mean", "methods=["):
        check_method_names([accepted], folder)  # the last one is for Hydra to refuse
    with pytest.raises(ValueError, match="there is no method 'foo'"):
        check_method_names(["methods=[telea],[mean,foo]"], folder)
    with pytest.raises(ValueError, match="no method 'patch_match'; did you mean patchmatch"):
        check_method_names(["methods=[telea,patch_match]"], folder)
    with pytest.raises(ValueError, match="all methods: calls, copy_nothing"):
        check_method_names(["methods=xyzzy"], folder)


def test_progress_in_a_log_is_a_line_every_tenth(caplog):
    caplog.set_level("INFO")
    step = session.LoggedTenths(25)
    for _ in range(12):
        step(2)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "evaluated 4 of 25 pictures"
    assert len(lines) == 9
    step(1)
    assert caplog.records[-1].getMessage() == "evaluated 25 of 25 pictures"


def test_folders_are_never_written_twice(tmp_path):
    assert [new_folder(tmp_path / "run").name for _ in range(3)] == ["run", "run-2", "run-3"]


@pytest.mark.parametrize(
    ("overrides", "kind", "message"),
    [
        (["data.root=nowhere"], InstantiationException, "nowhere"),
        (["checkpoint=nowhere.ckpt"], FileNotFoundError, "nowhere.ckpt"),
        (["metrics.backbone=huge"], InstantiationException, "huge"),
        (["gallery.pictures=-1"], InstantiationException, "pictures"),
    ],
)
def test_bad_values_are_named(pictures, tmp_path, overrides, kind, message):
    with pytest.raises((kind, OSError), match=message):
        run(configure(pictures, "methods=[mean]", f"paths.outputs={tmp_path}", *overrides))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["evaluate.py", "methods=[tela]"], "did you mean telea"),
        (["evaluate.py", "unknown_key=1"], "unknown_key"),
        (["train.py", "+experiment=latent_control", "methods=[tela]"], "did you mean telea"),
    ],
)
def test_the_command_says_what_is_wrong(command, message, tmp_path):
    script, *arguments = command
    command = [sys.executable, str(ROOT / "bin" / script), f"paths.outputs={tmp_path}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
