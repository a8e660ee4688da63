"""The command `serve` in a process of its own."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

SOURCE = Path(__file__).parents[2]


@contextmanager
def served(root, *arguments, **environment):
    """Its address and process, with empty folders for work, home and temporary files."""
    folders = {name: root / name for name in ("work", "home", "temporary")}
    for folder in folders.values():
        folder.mkdir()
    given = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    given |= {"HOME": str(folders["home"]), "TMPDIR": str(folders["temporary"]), "PYTHONPATH": str(SOURCE)}
    command = [
        sys.executable,
        "-m",
        "latent_inpaint",
        "serve",
        "--port=0",
        "--device=cpu",
        "--precision=float32",
    ]
    with (root / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folders["work"],
            env=given | environment,
        )
    try:
        line = process.stdout.readline()
        assert line.startswith("http://"), (root / "stderr").read_text()
        yield SimpleNamespace(address=line.split()[0], process=process, log=root / "stderr", **folders)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
