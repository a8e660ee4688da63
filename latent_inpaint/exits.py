"""How commands end: one line for an error, and the status that tells Ctrl-C (130) from SIGTERM (143)."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT  # 130, what a shell reports of a process that Ctrl-C ended
TERMINATED = 128 + signal.SIGTERM  # 143
PIPE_CLOSED = 141  # what a shell reports of a program that writes to a closed pipe
_signals: list[int] = []


def listen() -> None:
    """Let SIGTERM put things in order as Ctrl-C does; `interrupted_status` tells which it was."""
    _signals.clear()
    signal.signal(signal.SIGTERM, _interrupt)


def interrupted_status() -> int:
    """The exit status after a KeyboardInterrupt."""
    return TERMINATED if signal.SIGTERM in _signals else INTERRUPTED


def run_command(name: str, command: Callable[[], int | None]) -> int:
    """Run a command; what went wrong becomes one line on stderr.

    Args:
        name: what the line begins with.
        command: returns the exit status, or nothing.

    Returns:
        The exit status: 0 done, 1 failed, 130 after Ctrl-C, 143 after SIGTERM, 141 if nobody reads on.
    """
    listen()
    try:
        status = int(command() or 0)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # `| head`: who read the output has what they wanted
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt as interruption:
        # CPython remembers an interrupt that left an `exec` (an import is one) and then ends `python -m`
        # by SIGINT, whatever the status: until another `exec` is done.
        exec("")
        print(f"{name}: {one_line(interruption) if interruption.args else 'interrupted'}", file=sys.stderr)
        return interrupted_status()
    except (ValueError, TypeError, OSError, MemoryError, ImportError, RuntimeError) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":  # the user wants to see where
            raise
        print(f"{name}: error: {one_line(error)}", file=sys.stderr)
        return 1


def one_line(message: object) -> str:
    """A message without its line breaks; the class of an exception that has none."""
    if isinstance(message, OSError) and message.strerror:  # without the number of the error
        message = f"{message.filename}: {message.strerror}" if message.filename else message.strerror
    return " ".join(str(message).split()) or type(message).__name__


def _interrupt(number: int, frame: FrameType | None) -> None:
    _signals.append(number)
    raise KeyboardInterrupt
