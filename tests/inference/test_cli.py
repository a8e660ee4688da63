import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import latent_inpaint
from latent_inpaint.cli import _parser, main
from latent_inpaint.inference.batch import find_jobs
from latent_inpaint.models.storage import save_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, network, rng):
    save_model(network, tmp_path / "model")
    Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    hole = np.zeros((20, 30), np.uint8)
    hole[5:12, 8:20] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path


def arguments(folder: Path, **changed: str) -> list[str]:
    given = {
        "model": folder / "model",
        "image": folder / "photo.png",
        "mask": folder / "mask.png",
        "output": folder / "out.png",
    }
    return ["predict", *(f"--{key}={value}" for key, value in (given | changed).items())]


def test_predict_writes_a_picture_that_differs_in_the_hole_only(folder, capsys):
    assert main(arguments(folder)) == 0
    image, result = (np.asarray(Image.open(folder / name)) for name in ("photo.png", "out.png"))
    changed = (image != result).any(axis=2)
    hole = np.asarray(Image.open(folder / "mask.png")) > 0
    assert changed.any() and not changed[~hole].any()
    assert "30×20" in capsys.readouterr().out


def test_the_script_is_the_same_command(folder):
    command = [sys.executable, str(ROOT / "bin" / "predict.py"), *arguments(folder)[1:], "--invert-mask"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "warning: mask: the hole surrounds" in done.stderr
    image, result = (np.asarray(Image.open(folder / name)) for name in ("photo.png", "out.png"))
    hole = np.asarray(Image.open(folder / "mask.png")) > 0
    np.testing.assert_array_equal(result[hole], image[hole])


def test_a_mask_of_another_size_needs_permission(folder, capsys):
    Image.open(folder / "mask.png").resize((15, 10)).save(folder / "small.png")
    assert main(arguments(folder, mask=folder / "small.png")) == 1
    error = capsys.readouterr().err
    assert "mask is 15×10 pixels, the image 30×20" in error and error.count("\n") == 1
    assert not (folder / "out.png").exists()
    assert main([*arguments(folder, mask=folder / "small.png"), "--resize-mask"]) == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image": "nowhere.jpg"}, "nowhere.jpg: no such file"),
        ({"model": "nowhere"}, "nowhere: no such file or folder"),
        ({"output": "/nowhere/out.png"}, "/nowhere: no such folder"),
        ({"output": "out.gif"}, "the ending must be one of"),
        ({"output": "photo.png"}, "photo.png: would be written over an input"),
        ({"output": "mask.png"}, "mask.png: would be written over an input"),
        ({"threshold": "300"}, "threshold must lie in (0, 255], got 300"),
        ({"dilate": "-1"}, "dilate must be at least 0, got -1"),
        ({"context": "-1"}, "context must be at least 0 pixels, got -1"),
        ({"feather": "-3"}, "feather must be at least 0 pixels, got -3"),
        ({"memory-budget": "much"}, "memory_budget must be a size"),
        ({"device": "abacus"}, "device must be one of"),
    ],
)
def test_errors_are_one_line_and_the_exit_status_tells(folder, monkeypatch, capsys, changed, message):
    monkeypatch.chdir(folder)
    assert main(arguments(folder, **changed)) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and not captured.out


def test_wrong_usage_has_its_own_status(capsys):
    with pytest.raises(SystemExit) as exit_status:
        main(["predict", "--image", "a.png"])
    assert exit_status.value.code == 2
    assert "--output" in capsys.readouterr().err


def test_samples_of_a_network_that_draws(folder, sampler, capsys):
    save_model(sampler, folder / "draws")
    given = arguments(folder, model=folder / "draws")
    assert main([*given, "--samples=2", "--seed=3", "--steps=1"]) == 0
    assert f"{folder / 'out-1.png'}, {folder / 'out-2.png'}: 30×20" in capsys.readouterr().out
    first, second = (np.asarray(Image.open(folder / f"out-{i}.png")) for i in (1, 2))
    assert (first != second).any() and not (folder / "out.png").exists()
    assert main([*given, "--seed=3", "--steps=1"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "out.png")), first)
    assert main(["info", f"--model={folder / 'draws'}", "--device=cpu"]) == 0
    assert "FlowRefiner, 0.0" in (out := capsys.readouterr().out) and "draws" in out


def test_a_contact_sheet_or_the_best_alone(folder, sampler):
    save_model(sampler, folder / "draws")
    given = [*arguments(folder, model=folder / "draws"), "--samples=3", "--steps=1"]
    assert main(given) == 0
    with Image.open(folder / "out-sheet.jpg") as sheet:
        assert sheet.size == (3 * 30 + 2 * 8, 20)
    assert main([*given, "--choose=best"]) == 0
    fills = [(folder / f"out-{number}.png").read_bytes() for number in (1, 2, 3)]
    assert (folder / "out.png").read_bytes() in fills


def test_samples_of_a_folder(folder, sampler, capsys):
    save_model(sampler, folder / "draws")
    for kind in ("photo", "mask"):
        (folder / kind).mkdir()
        (folder / f"{kind}.png").rename(folder / kind / "a.png")
    options = [f"--images={folder / 'photo'}", f"--masks={folder / 'mask'}", f"--output={folder / 'out'}"]
    command = ["predict", *options, "--samples=2", "--steps=1"]
    assert main([*command, f"--model={folder / 'model'}"]) == 1
    assert "samples: LatentInpainter is a function" in capsys.readouterr().err
    assert main([*command, f"--model={folder / 'draws'}"]) == 0
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["a-1.png", "a-2.png", "a-sheet.jpg", "summary.json"]
    (folder / "out" / "a-2.png").unlink()
    for done in ("1 done, 0 skipped", "0 done, 1 skipped"):
        assert main([*command, f"--model={folder / 'draws'}"]) == 0
        assert done in capsys.readouterr().out
    Image.new("RGB", (30, 20)).save(folder / "photo" / "a-1.png")
    Image.new("L", (30, 20), 255).save(folder / "mask" / "a-1.png")
    jobs = find_jobs(folder / "photo", folder / "mask", folder / "out", samples=2)
    assert len(jobs) == 2


@pytest.mark.parametrize("option", ["--samples=0", "--steps=0", "--samples=2", "--steps=2"])
def test_what_the_network_has_no_use_for(folder, option, capsys):
    assert main([*arguments(folder), option]) == 1
    assert option[2:].partition("=")[0] in capsys.readouterr().err


def test_info(folder, capsys):
    assert main(["info", "--model", str(folder / "model"), "--device=cpu"]) == 0
    out = capsys.readouterr().out
    assert "32 channels" in out and "MaskControl" in out and "cpu in float32" in out


def test_help_answers_within_a_second_with_examples():
    start = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])  # processor time: other work does not count
    command = [sys.executable, "-m", "latent_inpaint.cli", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - start < 1
    assert "latent-inpaint predict --model" in done.stdout


COMMANDS = (
    "predict",
    "refine",
    "demo",
    "watch",
    "serve",
    "info",
    "convert",
    "export",
    "benchmark",
    "masks",
    "data",
    "summarize",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_that_parse(command, capsys):
    with pytest.raises(SystemExit) as status:
        main([command, "--help"])
    assert status.value.code == 0
    examples = capsys.readouterr().out.partition("examples:")[2].strip().splitlines()
    assert examples and all(line.strip().startswith(f"latent-inpaint {command}") for line in examples)
    for line in examples:
        assert _parser().parse_args(line.split()[1:]).command == command


def test_web_is_what_serve_was_called():
    assert _parser().parse_args(["web", "--port=0"]).port == 0


def test_the_version_in_every_way():
    for command in ([sys.executable, "-m", "latent_inpaint"], [sys.executable, "-m", "latent_inpaint.cli"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"latent-inpaint {latent_inpaint.__version__}\n"


def test_a_missing_file_is_said_before_torch_is_imported(folder):
    """So are text files, folders and models that are not there."""
    (folder / "text.jpg").write_text("no picture")
    code = (
        "import sys; from latent_inpaint.cli import main; print(main(sys.argv[1:]), 'torch' in sys.modules)"
    )
    for changed in (
        {"image": "nowhere.jpg"},
        {"mask": folder / "text.jpg"},
        {"model": "no/where"},
        {"output": "no/out.png"},
    ):
        command = [sys.executable, "-c", code, *arguments(folder, **changed)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "1 False\n", done.stdout + done.stderr


def test_refining_is_a_flag_and_a_command(folder, monkeypatch, capsys):
    asked = []

    def remember(image, *_, refine, **__):
        asked.append(refine)
        return image

    monkeypatch.setattr("latent_inpaint.inference.batch.inpaint", remember)
    given = arguments(folder)[1:]
    for command in (["predict"], ["predict", "--refine"], ["refine"]):
        assert main([*command, *given]) == 0
    assert asked == [None, True, True]


def test_the_page_without_its_library_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr("latent_inpaint.service.server.find_spec", lambda name: None)
    assert main(["web"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and 'pip install "latent-inpaint[serve]"' in error


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::", "example.org", ""])
def test_other_machines_need_a_token(host, monkeypatch, capsys):
    monkeypatch.setattr("latent_inpaint.service.server.find_spec", lambda name: True)
    assert main(["serve", f"--host={host}"]) == 1
    assert "can be reached from other machines: set LATENT_INPAINT_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("LATENT_INPAINT_TOKEN", "short")
    assert main(["serve", f"--host={host}"]) == 1
    assert "at least 16 characters" in capsys.readouterr().err


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none(port, monkeypatch, capsys):
    monkeypatch.setattr("latent_inpaint.service.server.find_spec", lambda name: True)
    assert main(["web", f"--port={port}"]) == 1
    assert f"port must lie in [0, 65535], got {port}" in capsys.readouterr().err


def test_a_terminal_of_ascii_is_no_reason_to_fail(folder):
    command = [sys.executable, "-m", "latent_inpaint.cli", *arguments(folder)]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "out.png: 30?20" in done.stdout


def test_a_network_of_the_page_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setattr("latent_inpaint.service.server.find_spec", lambda name: True)
    assert main(["web", "--model=nowhere"]) == 1
    assert "nowhere: no such file or folder" in capsys.readouterr().err


def test_conversion_writes_our_own_format(tmp_path, capsys):
    lama = ROOT / "tests" / "fixtures" / "lama_tiny"
    assert main(["convert", f"--model={lama}", f"--output={tmp_path / 'converted'}", "--device=cpu"]) == 0
    original, converted = latent_inpaint.load(lama).model, latent_inpaint.load(tmp_path / "converted").model
    state = original.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in converted.state_dict().items())


def test_the_benchmark_names_its_least_side(capsys):
    assert main(["benchmark", "--sides", "300", "32"]) == 1
    assert "sides must be at least 96 pixels, got 32" in capsys.readouterr().err


def test_the_benchmark_prints_both_modes_side_by_side(folder, capsys):
    assert main(["benchmark", f"--model={folder / 'model'}", "--device=cpu", "--sides", "300"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[12:32].strip() for line in lines] == ["mode", "region of interest", "whole picture"]
    assert all(float(line.split()[-1]) > 50 for line in lines[1:])
