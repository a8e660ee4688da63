import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from latent_inpaint.commands.hydra_line import _spelled

PARSER = OverridesParser.create()


@pytest.mark.parametrize(
    "key", ["data.root", "paths.outputs", "resume", "+init_from", "autoencoder.checkpoint"]
)
@pytest.mark.parametrize("quote", ["", "'", '"'])
@pytest.mark.parametrize("path", ["a=b", "\u00e9t\u00e9", "p(1)", "x y", "2024", "~/x", "#1", "100%", "a:b"])
def test_paths_of_any_spelling_arrive_as_they_are(key, quote, path):
    override = PARSER.parse_override(_spelled(f"{key}={quote}{path}{quote}"))
    assert override.value() == os.path.expanduser(path) and override.key_or_group == key.lstrip("+")


def test_a_comma_is_part_of_a_folder_that_is_there_and_else_a_sweep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _spelled("data.root=a,b") == "data.root=a,b"
    Path("a,b").mkdir()
    assert PARSER.parse_override(_spelled("data.root=a,b")).value() == "a,b"


@pytest.mark.parametrize(
    "word", ["resume=null", "checkpoint=[a,b]", "data.root=${oc.env:HOME}", "data.size=64", "-m"]
)
def test_other_words_stay_as_they_are(word):
    assert _spelled(word) == word
    assert _spelled("experiment=latent") == "+experiment=latent"


def test_a_closed_pipe_ends_a_command_quietly():
    command = [sys.executable, "-m", "latent_inpaint.cli", "info", "--device=cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
