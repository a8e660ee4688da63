"""Files of our own: whole or not at all."""

import errno
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from latent_inpaint.files import fingerprint, read_json, replacing, sha256_of, write_json, write_text


def test_a_full_disk_keeps_the_file_that_was_there(tmp_path, monkeypatch):
    path = write_text(tmp_path / "report", "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="report: could not be written .No space left") as caught:
        write_text(path, "new")
    assert caught.value.errno == errno.ENOSPC and ".tmp" not in str(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_torch_makes_of_a_failed_write_is_named_too(tmp_path):
    class Full:
        def write(self, content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def flush(self):
            pass

    named = pytest.raises(OSError, match="values.pt: could not be written .No space left")
    with named, replacing(tmp_path / "values.pt"):
        torch.save({"a": torch.zeros(1000)}, Full())
    with pytest.raises(RuntimeError, match="another matter"), replacing(tmp_path / "values.pt"):
        raise RuntimeError("another matter")
    assert list(tmp_path.iterdir()) == []


def test_what_is_seen_beside_the_final_name_is_hidden_and_goes(tmp_path):
    with replacing(tmp_path / "deep" / "picture.png") as file:
        (seen,) = (tmp_path / "deep").iterdir()
        assert file.name == str(seen) and seen.name.startswith(".") and seen.suffix == ".png"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["picture.png"]


def test_long_names_and_many_writers_of_one_file(tmp_path):
    path = tmp_path / f"{'ä' * 120}.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_json(path, [number] * 1000), range(64)))
    value = read_json(path)
    assert len(value) == 1000 and len(set(value)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_strict_both_ways(tmp_path):
    path = write_json(tmp_path / "a.json", {"nan": float("nan"), "all": (1.5, float("inf")), "ü": None})
    assert read_json(path) == {"nan": None, "all": [1.5, None], "ü": None}
    for damaged in (b"{", b"\xff\xfe", b"[" * 100_000):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.json: not a JSON file"):
            read_json(path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json")


def test_checksums(tmp_path):
    content = bytes(range(256)) * 9000
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    assert fingerprint({"a": [1, 2]}) == hashlib.sha256(b'{"a": [1, 2]}').hexdigest()
    assert fingerprint([1, 2]) != fingerprint([2, 1])
