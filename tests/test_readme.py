"""The README is short, its links lead somewhere, its table is the measured one, and its commands run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCKS = dict(re.findall(r"## (\w+)\n(?:(?!\n## ).)*?```bash\n(.*?)```", TEXT, re.DOTALL))
COMPOSED = {"train", "evaluate"}  # Hydra's: they are composed and not run
COMMANDS = [shlex.split(line, comments=True) for block in BLOCKS.values() for line in block.splitlines()]

OURS = [command for command in COMMANDS if command[0] == "latent-inpaint"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with photo.jpg, mask.png, and photos and masks as folders."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8))
    mask = Image.new("L", (48, 40))
    mask.paste(255, (10, 10, 20, 20))
    for folder in ("photos", "masks"):
        (tmp_path / folder).mkdir()
    for path in ("photo.jpg", "photos/a.jpg"):
        picture.save(tmp_path / path)
    for path in ("mask.png", "masks/a.png"):
        mask.save(tmp_path / path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_is_read_in_ten_minutes():
    assert len(TEXT.splitlines()) <= 150
    assert TEXT.index("![") < TEXT.index("\n|"), "a picture comes before a table"


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if not link.startswith("http")]
    assert len(links) > 8
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_the_table_is_the_measured_one():
    table = re.search(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)[0]
    assert table in (ROOT / "reports/tables/quality.md").read_text()


@pytest.mark.parametrize("command", [c for c in OURS if c[1] not in COMPOSED], ids=" ".join)
def test_commands_of_use_run(command, place):
    if "patchmatch" in command:
        pytest.importorskip("patchmatch", reason="pypatchmatch has no build for this Python")
    listens = command[1] == "serve"
    run("-m", "latent_inpaint", *command[1:], *(["--help"] if listens else []))
    output = command[command.index("--output") + 1] if "--output" in command else "."
    assert (place / output).exists()


def test_python_of_use_runs(place):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    run("-c", code)
    assert Image.open("out.png").size == (48, 40)


@pytest.mark.parametrize("command", [c for c in OURS if c[1] in COMPOSED], ids=" ".join)
def test_commands_of_training_compose(command, place):
    assert "_target_:" in run("-m", "latent_inpaint", *command[1:], "--cfg", "job")


@pytest.mark.parametrize("command", [c for c in COMMANDS if c[0] == "make"], ids=" ".join)
def test_targets_exist(command):
    done = subprocess.run([*command, "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_kind_of_command_is_tried():
    assert {command[0] for command in COMMANDS} == {"pip", "latent-inpaint", "make"}
