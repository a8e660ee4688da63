"""Ctrl-C is 130, SIGTERM 143, a mistake one line and 1."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latent_inpaint.exits import run_command

SLEEPER = """
import sys, time
from latent_inpaint.exits import run_command
def work():
    print("ready", flush=True)
    time.sleep(60)
sys.exit(run_command("sleeper", work))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_gives_its_status(number, status):
    process = subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=-1, stderr=-1, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == status and error == "sleeper: interrupted\n"


IMPORTING = """
import sys
from latent_inpaint.exits import run_command
def work():
    exec("import time; print('ready', flush=True); time.sleep(60)", {})
sys.exit(run_command("importer", work))
"""


def test_ctrl_c_within_an_import_gives_its_status(tmp_path):
    (tmp_path / "importer.py").write_text(IMPORTING)
    process = subprocess.Popen(
        [sys.executable, "-m", "importer"],
        stdout=-1,
        stderr=-1,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130 and error == "importer: interrupted\n"


def listens(pid):
    """Whether a process has a handler of SIGTERM."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())[1]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="looks into Linux's /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", [["train", "experiment=latent_control", "data=sample"], ["evaluate"]])
def test_training_and_evaluating_end_so_from_their_first_second(command, number, status, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "latent_inpaint", *command], stdout=-1, stderr=-1, text=True, cwd=tmp_path
    )
    while process.poll() is None and not listens(process.pid):
        time.sleep(0.02)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == status, error
    assert "Traceback" not in error


def test_a_mistake_is_one_line_or_all_of_it_where_asked(capsys, monkeypatch):
    def work():
        raise ValueError("size:\n  expected 3")

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run_command("tool", work) == 1
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        with pytest.raises(ValueError, match="expected 3"):
            run_command("tool", work)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().err == "tool: error: size: expected 3\n"
