"""Counters of the service, in Prometheus's text format."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_BOUNDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_KNOWN = ("/v1/", "/api/v1/")


class Metrics:
    """Requests by status, and how long jobs waited for and ran; counted in any thread."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.jobs: Counter[str] = Counter()
        self._seconds: Counter[float] = Counter()
        self._sum = 0.0

    def count_request(self, method: str, path: str, status: int) -> None:
        """Count a request; of addresses, only the first three parts of known ones are told apart."""
        is_known = path.startswith(_KNOWN) and status != 404
        name = "/".join(path.split("/")[: 4 if path.startswith("/api") else 3]) if is_known else "other"
        self.requests[method if method in ("GET", "POST", "DELETE") else "other", name, status] += 1

    def count_job(self, state: str, seconds: float) -> None:
        """Count a job that ended in a state after so many seconds of work."""
        self.jobs[state] += 1
        self._sum += seconds
        self._seconds[next((bound for bound in _BOUNDS if seconds <= bound), float("inf"))] += 1

    def text(self, gauges: Mapping[str, float]) -> str:
        """All as Prometheus reads it.

        Args:
            gauges: further values, by name.

        Example:
            >>> metrics = Metrics()
            >>> metrics.count_job("done", 0.2)
            >>> "latent_inpaint_jobs_total{state=\\"done\\"} 1" in metrics.text({})
            True
        """
        lines = ["# TYPE latent_inpaint_requests_total counter"]
        for (method, path, status), count in sorted(self.requests.items()):
            labels = f'method="{method}",path="{_label(path)}",status="{status}"'
            lines.append(f"latent_inpaint_requests_total{{{labels}}} {count}")
        lines.append("# TYPE latent_inpaint_jobs_total counter")
        lines += [f'latent_inpaint_jobs_total{{state="{s}"}} {n}' for s, n in sorted(self.jobs.items())]
        lines.append("# TYPE latent_inpaint_job_seconds histogram")
        total = 0
        for bound in (*_BOUNDS, float("inf")):
            total += self._seconds[bound]
            name = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'latent_inpaint_job_seconds_bucket{{le="{name}"}} {total}')
        lines += [
            f"latent_inpaint_job_seconds_sum {self._sum:.6f}",
            f"latent_inpaint_job_seconds_count {total}",
        ]
        for name, value in {**gauges, "resident_bytes": resident_bytes()}.items():
            lines += [f"# TYPE latent_inpaint_{name} gauge", f"latent_inpaint_{name} {value:g}"]
        return "\n".join(lines) + "\n"


def resident_bytes() -> int:
    """Memory of this process; where the system does not say, the most that it has been."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _label(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "/_-." else "_" for letter in text[:60])
