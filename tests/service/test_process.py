"""The command in a process of its own: what it prints, refuses, leaves behind, and how it ends."""

import json
import os
import signal
import socket
import threading
import time
import urllib.request

import httpx
import numpy as np
import pytest
from served import served
from serving import encoded

from latent_inpaint.commands.serve import _name

TOKEN = "a-token-of-many-letters"


def request(side=64):
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    hole = np.zeros((side, side), np.uint8)
    hole[side // 4 : side // 2, side // 4 : side // 2] = 255
    return {"image": encoded(picture), "mask": encoded(hole)}


def test_it_ends_in_order_and_leaves_nothing(tmp_path):
    with served(tmp_path) as server:
        assert httpx.post(server.address + "v1/inpaint", files=request()).status_code == 200
        waiting = []
        thread = threading.Thread(
            target=lambda: waiting.append(
                httpx.post(server.address + "v1/inpaint", files=request(1024), timeout=60).status_code
            )
        )
        thread.start()
        while json.load(urllib.request.urlopen(server.address + "v1/health"))["running"] == 0:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 143
        thread.join()
        assert waiting == [200]  # what ran was finished
        lines = server.log.read_text().splitlines()
        assert all("POST /v1/inpaint 200" in line or "GET /v1/health 200" in line for line in lines[:-1])
        assert lines[-1] == "latent-inpaint serve: interrupted"
        assert not [
            path for folder in (server.work, server.home, server.temporary) for path in folder.iterdir()
        ]


def test_other_machines_need_the_token(tmp_path):
    with served(tmp_path, "--host=0.0.0.0", LATENT_INPAINT_TOKEN=TOKEN) as server:
        address = server.address.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(address).status_code == 200 and httpx.get(address + "v1/health").status_code == 200
        assert httpx.post(address + "v1/inpaint", files=request()).status_code == 401
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert httpx.post(address + "v1/inpaint", files=request(), headers=headers).status_code == 200
        assert TOKEN not in server.log.read_text()


def test_a_client_that_goes_away_frees_its_place(tmp_path):
    with served(tmp_path, "--queue=1") as server:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.address + "v1/inpaint", files=request(2048), timeout=0.5)
        deadline = time.monotonic() + 30
        while True:
            health = httpx.get(server.address + "v1/health").json()
            if health["running"] == health["queued"] == 0:
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        host, port = server.address.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port))) as connection:  # and one that leaves while it sends
            head = f"POST /v1/inpaint HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 9999\r\n"
            connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=x\r\n\r\n--x".encode())
        while "499" not in server.log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "Traceback" not in server.log.read_text()


@pytest.mark.slow
def test_sixteen_clients_for_a_minute(tmp_path):
    """Nothing but 200 and 429; memory stays; LOAD_SECONDS=5 shortens it."""
    seconds, files = float(os.environ.get("LOAD_SECONDS", 60)), request(512)
    statuses, times, resident = [], [], []
    with served(tmp_path) as server:
        end = time.monotonic() + seconds

        def ask():
            with httpx.Client(timeout=120) as client:
                while time.monotonic() < end:
                    start = time.monotonic()
                    answer = client.post(server.address + "v1/inpaint", files=files)
                    statuses.append(answer.status_code)
                    if answer.status_code == 200:
                        times.append(time.monotonic() - start)
                    else:
                        time.sleep(min(1.0, float(answer.headers["retry-after"])))

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            text = httpx.get(server.address + "metrics").text
            resident.append(float(text.partition("\nlatent_inpaint_resident_bytes ")[2].split()[0]))
            time.sleep(0.5)
        assert "Traceback" not in server.log.read_text()
    assert set(statuses) <= {200, 429} and statuses.count(200) > seconds / 4
    third = len(resident) // 3
    grown = np.median(resident[-third:]) - np.median(resident[third : 2 * third])
    p95 = float(np.quantile(times, 0.95))
    print(
        f"\n{statuses.count(200)} filled, {statuses.count(429)} times 429, p95 {p95:.1f} s, "
        f"{resident[-1] / 2**20:.0f} MiB, grown by {grown / 2**20:.1f} MiB"
    )
    assert grown < 64 * 2**20


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("outputs/latent_control/2026-11-25_21-59-00", "latent_control 2026-11-25_21-59-00"),
        ("nets/big-lama", "big-lama"),
        ("quality", "quality"),
        ("big-lama", "big-lama"),
    ],
)
def test_networks_have_telling_names(source, name):
    assert _name(source) == name


@pytest.mark.slow
def test_kill_and_restart_lose_only_what_ran(tmp_path):
    """Killed in the middle of a job: no file is left, and the same port serves again at once."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with served(tmp_path / "first") as server:
        failed = []

        def ask():
            try:
                httpx.post(server.address + "v1/inpaint", files=request(2048), timeout=60)
            except httpx.TransportError as error:
                failed.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while httpx.get(server.address + "v1/health").json()["running"] == 0:
            time.sleep(0.01)
        server.process.kill()
        assert server.process.wait(10) == -signal.SIGKILL
        thread.join()
        assert len(failed) == 1
        left = [path for folder in (server.work, server.home, server.temporary) for path in folder.iterdir()]
        assert left == []
        port = server.address.rstrip("/").rpartition(":")[2]
    with served(tmp_path / "second", f"--port={port}") as server:
        assert httpx.post(server.address + "v1/inpaint", files=request()).status_code == 200
