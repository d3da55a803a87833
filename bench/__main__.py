"""`python -m bench [NAME…] [--quick] [--json PATH]`: measure, and print ratios."""

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.figures import Report
from bench.site import open_site
from devstack.errors import StackError
from devstack.foreground import until_told_to_stop

#: Due events last: they leave 300 000 runs in the background, which the others would measure too.
NAMES = ("local_steps", "create_order", "recovery", "events", "scheduler")


def main() -> int:
    """Run the benchmarks that were asked for; 0, or 2 when the servers would not run."""
    options = _options()
    # Piped, a table is as wide as it needs to be.
    console = Console(width=None if sys.stdout.isatty() else 200)
    reports = []
    try:
        with until_told_to_stop(), open_site(quick=options.quick) as site:
            about = _about()
            console.print(", ".join(f"{name} {value}" for name, value in about.items()))
            for name in options.names or NAMES:
                for report in _benchmark(name)(site):
                    report.show(console)
                    reports.append(report)
    except StackError as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(_raw(about, reports), indent=1))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES)
    )
    parser.add_argument("--quick", action="store_true", help="seconds; the figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the raw numbers there")
    return parser.parse_args()


def _benchmark(name: str) -> Any:
    """Imported late: what they import needs Django, and that needs the servers' addresses."""
    from bench.create_order import create_order
    from bench.events import events
    from bench.local_steps import local_steps
    from bench.recovery import recovery
    from bench.scheduler import scheduler

    benchmarks = (local_steps, create_order, recovery, events, scheduler)
    return dict(zip(NAMES, benchmarks, strict=True))[name]


def _about() -> dict[str, str]:
    from django.db import connection

    connection.ensure_connection()
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "PostgreSQL": str(connection.pg_version // 10000),  # type: ignore[attr-defined]
        **{name: version(name) for name in ("Django", "celery")},
    }


def _raw(about: dict[str, str], reports: list[Report]) -> dict[str, Any]:
    return {"about": about, "reports": [report.raw() for report in reports]}


if __name__ == "__main__":
    sys.exit(main())
