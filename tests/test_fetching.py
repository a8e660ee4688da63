"""Files from a server that breaks off, lies, redirects, or is not there."""

import hashlib
import subprocess
import sys
import threading

import numpy as np
import pytest
from loopback import serving

from latent_inpaint.fetching import FetchError, Published, fetch

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def shop(monkeypatch):
    for name in ("LATENT_INPAINT_OFFLINE", "HF_HUB_OFFLINE", "LATENT_INPAINT_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    with serving(CONTENT) as shop:
        yield shop


def published(shop, path="/file", **facts):
    return Published(
        "net.pt", (f"{shop.address}{path}",), **{"size": len(CONTENT), "sha256": SHA256, **facts}
    )


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_file_is_fetched_once_and_kept(shop, tmp_path):
    path = fetch(published(shop), tmp_path / "new")
    assert path.read_bytes() == CONTENT and fetch(published(shop), tmp_path / "new") == path
    assert len(shop.asked) == 1 and left(tmp_path / "new") == ["net.pt"]


def test_a_broken_download_goes_on_where_it_broke(shop, tmp_path):
    shop.cuts = [100_000, 50_000]
    assert fetch(published(shop), tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in shop.asked] == [None, "bytes=100000-", "bytes=150000-"]


def test_so_does_one_that_another_process_left(shop, tmp_path):
    (tmp_path / ".net.pt.part").write_bytes(CONTENT[:1000])
    assert fetch(published(shop), tmp_path).read_bytes() == CONTENT
    assert shop.asked == [("/file", "bytes=1000-")]


@pytest.mark.parametrize("rest", [b"another file" * 1000, CONTENT + b"more"])
def test_what_is_left_of_another_file_is_dropped(shop, tmp_path, rest):
    (tmp_path / ".net.pt.part").write_bytes(rest)
    assert fetch(published(shop, size=None), tmp_path).read_bytes() == CONTENT


def test_a_whole_part_is_only_checked(shop, tmp_path):
    (tmp_path / ".net.pt.part").write_bytes(CONTENT)
    assert fetch(published(shop), tmp_path).read_bytes() == CONTENT


def test_a_server_without_parts_sends_all_again(shop, tmp_path):
    shop.ranges, shop.cuts = False, [100_000]
    assert fetch(published(shop), tmp_path).read_bytes() == CONTENT


def test_without_a_checksum_nothing_is_patched_together(shop, tmp_path):
    (tmp_path / ".net.pt.part").write_bytes(b"of another version")
    assert fetch(published(shop, sha256=None, size=None), tmp_path).read_bytes() == CONTENT
    assert shop.asked == [("/file", None)]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"sha256": "0" * 64}, f"expected sha256 {'0' * 64}, got {SHA256}"),
        ({"sha256": None, "md5": "1" * 32}, f"expected md5 {'1' * 32}, got"),
        ({"size": 12}, "expected 12 bytes, the server has 300000"),
    ],
)
def test_another_file_is_refused_and_nothing_kept(shop, tmp_path, facts, message):
    with pytest.raises(FetchError, match=message):
        fetch(published(shop, **facts), tmp_path)
    assert left(tmp_path) == []


def test_the_next_address_is_asked_and_the_mirror_first(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENT_INPAINT_MIRROR", f"{shop.address}/mirror/")
    shop.cuts = [0]  # the mirror gives nothing
    assert fetch(published(shop), tmp_path).read_bytes() == CONTENT
    assert [path for path, _ in shop.asked] == ["/mirror/net.pt", "/file"]


def test_redirects_are_followed_but_to_no_file_of_this_machine(shop, tmp_path):
    shop.location = f"{shop.address}/file"
    assert fetch(published(shop, "/moved"), tmp_path / "a").read_bytes() == CONTENT
    (tmp_path / "secret").write_bytes(CONTENT)
    shop.location = (tmp_path / "secret").as_uri()
    with pytest.raises(FetchError, match="cannot be downloaded"):
        fetch(published(shop, "/moved"), tmp_path / "b")


def test_a_server_that_refuses_or_is_not_there_is_named_in_one_line(shop, tmp_path):
    shop.status = 404
    nowhere = Published("net.pt", (f"{shop.address}/file", "http://127.0.0.1:9/net.pt"), sha256=SHA256)
    with pytest.raises(FetchError) as caught:
        fetch(nowhere, tmp_path)
    message = str(caught.value)
    assert "Not Found" in message and "127.0.0.1:9/net.pt: " in message and str(tmp_path) in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["LATENT_INPAINT_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_asks_nobody(shop, tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(
        FetchError, match=f"{name} forbids to download it; get {shop.address}/file and put it"
    ):
        fetch(published(shop), tmp_path / "new")
    assert shop.asked == [] and not (tmp_path / "new").exists()
    (tmp_path / "net.pt").write_bytes(b"brought by hand")
    assert fetch(published(shop), tmp_path).read_bytes() == b"brought by hand"


def test_of_two_processes_one_downloads(shop, tmp_path):
    shop.delay = threading.Event()
    code = (
        "from pathlib import Path; from latent_inpaint.fetching import *; import sys;"
        f"fetch(Published('net.pt', ({shop.address!r} + '/file',), sha256={SHA256!r}), Path(sys.argv[1]))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    timer = threading.Timer(2, shop.delay.set)  # both are waiting by then
    timer.start()
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(shop.asked) == 1 and (tmp_path / "net.pt").read_bytes() == CONTENT
