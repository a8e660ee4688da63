"""Processes: so many at a time, failures told, signals passed on, the same call goes on."""

import fcntl
import os
import signal
import sys
import threading
import time

import pytest

from reproduction.jobs import Job, run_jobs

# Trains three steps, one each 0.15 s, counting in a file; SIGTERM ends it between two steps.
TRAIN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
folder = pathlib.Path(sys.argv[1]); folder.mkdir(exist_ok=True)
count = folder / "steps"
(folder / "begun").write_text("")
while len(count.read_text() if count.exists() else "") < 3:
    time.sleep(0.15)
    count.open("a").write("x")
"""


def training(folder):
    return Job(folder.name, folder, lambda: [sys.executable, "-c", TRAIN, str(folder)], lambda: "somewhere")


def wait_for(path):
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_interrupted_job_goes_on_with_the_same_call(tmp_path):
    jobs = [training(tmp_path / name) for name in ("a", "b")]

    def interrupt():
        wait_for(tmp_path / "a" / "steps")
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=interrupt)
    thread.start()
    ends = run_jobs(jobs, 1, poll=0.02)
    thread.join()
    assert (ends.stopped, ends.done, ends.failed, ends.status) == (["a", "b"], [], {}, 143)
    assert 1 <= len((tmp_path / "a" / "steps").read_text()) < 3 and not (tmp_path / "b").exists()
    assert signal.getsignal(signal.SIGTERM) is before
    done = []
    ends = run_jobs(jobs, 2, lambda job: done.append(job.name), poll=0.02)
    assert sorted(ends.done) == sorted(done) == ["a", "b"] and ends.status == 0
    assert {(tmp_path / name / "steps").read_text() for name in "ab"} == {"xxx"}


def test_a_second_signal_kills(tmp_path):
    stubborn = "import signal, time, pathlib, sys; signal.signal(signal.SIGTERM, lambda *_: None);"
    stubborn += "pathlib.Path(sys.argv[1]).write_text(''); time.sleep(60); time.sleep(60)"
    begun = tmp_path / "begun"
    job = Job("a", tmp_path / "a", lambda: [sys.executable, "-c", stubborn, str(begun)])

    def interrupt():
        wait_for(begun)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    start = time.monotonic()
    ends = run_jobs([job], 1, poll=0.02)
    thread.join()
    assert (ends.stopped, ends.status) == (["a"], 130) and time.monotonic() - start < 30


def test_a_failed_job_is_told_and_the_rest_goes_on(tmp_path):
    bad = "import sys; print('much before, a bar: 7 %', end=''); sys.exit('Error: no such folder')"
    (tmp_path / "bad.log").write_text("Error: of an earlier attempt\n")
    jobs = [Job("bad", tmp_path / "bad", lambda: [sys.executable, "-c", bad]), training(tmp_path / "good")]
    ends = run_jobs(jobs, 1, poll=0.02)
    assert ends.done == ["good"] and ends.status == 1
    assert (
        ends.failed["bad"].startswith("status 1: Error: no such folder (") and "bad.log" in ends.failed["bad"]
    )


def test_a_job_waits_for_what_another_one_makes(tmp_path):
    first = training(tmp_path / "first")
    needed = tmp_path / "first" / "steps"

    def command():
        there = needed.exists() and needed.read_text() == "xxx"
        return [sys.executable, "-c", ""] if there else None

    jobs = [Job("second", tmp_path / "second", command), first]
    assert run_jobs(jobs, 2, poll=0.02).done == ["first", "second"]
    never = Job("third", tmp_path / "third", lambda: None)
    assert "waits for an autoencoder" in run_jobs([never], 2, poll=0.02).failed["third"]


def test_a_run_that_another_process_has_is_left_alone(tmp_path):
    job = training(tmp_path / "a")
    with (tmp_path / "a.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ends = run_jobs([job], 1, poll=0.02)
    assert ends.failed == {"a": "another process is at it"} and not (tmp_path / "a").exists()


def test_the_number_at_once_is_checked():
    with pytest.raises(ValueError, match="jobs: expected at least 1, got 0"):
        run_jobs([], 0)
