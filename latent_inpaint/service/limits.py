"""How much the service takes, holds and waits for; and errors with the HTTP status that fits them."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """All of them are known before anything is read.

    Attributes:
        upload_mib: largest body of a request, in MiB.
        held_mib: bodies and results that are held at one time, in MiB.
        pixels: of a picture.
        queue: jobs that wait; one more is answered 429.
        workers: jobs that run at one time.
        seconds: that a job may run.
        body_seconds: that a request's body may take to arrive.
        kept_seconds: that a result waits to be fetched.
        samples: fills of one request.
        memory_budget: bytes of a network's activations, such as `1.5GiB`; None is 80 % of what is free.
    """

    upload_mib: int = 100
    held_mib: int = 1024
    pixels: int = 2**26
    queue: int = 8
    workers: int = 1
    seconds: float = 600
    body_seconds: float = 60
    kept_seconds: float = 600
    samples: int = 8
    memory_budget: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and not value > 0:
                raise ValueError(f"{field.name} must be above 0, got {value}")


class Refused(Exception):
    """A request that is not served.

    Args:
        status: of HTTP.
        message: why, in words for who asked.
        retry_after: seconds after which to ask again.
    """

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
