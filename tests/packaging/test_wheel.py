"""The wheel: what is in it, what it needs, and its commands outside a checkout."""

import email
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = {"torch", "numpy", "pillow", "safetensors", "pyyaml", "tqdm", "filelock"}
TINY = (
    "data.size=64 data.batch_size=2 data.num_workers=0 model.ngf=2 model.n_blocks=1 autoencoder.batch_size=2"
)
TINY += " autoencoder.max_steps=2 metrics=lite0 metrics.replicates=5 methods=[mean]"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as pip builds it, from a copy: a build leaves its folder behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = ("latent_inpaint", "conf", "masks", "setup.cfg", "setup.py", "pyproject.toml")
    for name in (*names, "MANIFEST.in", "README.md", "LICENSE"):
        target = source / name
        target.parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", str(ROOT / name), str(target)], check=True)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(source)], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A new environment with the wheel alone; what it needs comes from this one's site-packages."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    paths = [path for path in sys.path if path.endswith("site-packages")]
    (site / "others.pth").write_text("\n".join(paths) + "\n")
    return folder / "bin"


def run(environment, *command, cwd):
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(environment / command[0]), *command[1:]], capture_output=True, text=True, cwd=cwd, env=clean
    )


def test_the_wheel_carries_configuration_masks_and_the_box(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("conf", "masks"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert {f"latent_inpaint/{path.relative_to(ROOT)}" for path in files} <= names
    assert "latent_inpaint/inference/box/model.safetensors" in names
    assert {"latent_inpaint/evaluation/templates/report.html.j2", "latent_inpaint/py.typed"} <= names
    assert not any(name.startswith(("tests/", "bin/", "benchmarks/", "reproduction/")) for name in names)


def test_the_base_needs_six_packages(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith("dist-info/METADATA")]
    message = email.message_from_bytes(archive.read(metadata))
    needed = message.get_all("Requires-Dist") or []
    base = [line for line in needed if "extra ==" not in line]
    assert {line.split(">")[0].strip().lower() for line in base} == BASE
    extras = {"train", "evaluate", "serve", "export", "hub", "diffusers", "launchers", "all", "dev"}
    assert extras <= set(message.get_all("Provides-Extra") or [])
    assert message["Name"].replace("_", "-") == "latent-inpaint" and message["Version"] == "0.2.0"


def test_commands_outside_a_checkout(environment, tmp_path):
    where = run(
        environment, "python", "-c", "import latent_inpaint; print(latent_inpaint.__file__)", cwd=tmp_path
    )
    assert str(environment.parent) in where.stdout, where.stdout + where.stderr
    assert run(environment, "latent-inpaint", "--version", cwd=tmp_path).stdout == "latent-inpaint 0.2.0\n"
    steps = ["experiment=latent_control", "data=sample", "trainer.max_steps=2", "run_name=run"]
    done = run(environment, "latent-inpaint", "train", *steps, *TINY.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    model = tmp_path / "outputs" / "latent_control" / "run"
    assert (model / "metrics.json").is_file()
    assert '"command": "latent-inpaint train' in (model / "metrics.json").read_text()
    frozen = ["data=sample", "data.size=256", "masks=thick_frozen", "methods=[mean]", "metrics=lite0"]
    arguments = [f"checkpoint={model}", *frozen, "metrics.replicates=5", "data.subset=2"]
    done = run(environment, "latent-inpaint", "evaluate", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert run(environment, "latent-inpaint", "summarize", "outputs", cwd=tmp_path).returncode == 0
