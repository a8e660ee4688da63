"""The notebooks' cells run one after the other, with few steps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"


@pytest.mark.parametrize("name", ["repair", pytest.param("train", marks=pytest.mark.slow)])
def test_a_notebook_runs(name, tmp_path):
    if name == "train":
        pytest.importorskip("pytorch_lightning", reason="needs the extra train")
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 4 and not any(cell.get("outputs") for cell in notebook["cells"])
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join(code))
    environment = os.environ | {"STEPS": "2", "OUTPUTS": str(tmp_path / "outputs")}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    said = {"repair": "Pipeline(LatentInpainter on", "train": "pd_lite0"}[name]
    assert said in done.stdout


def test_there_are_two():
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == ["repair", "train"]
