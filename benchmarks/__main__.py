"""`python -m benchmarks [NAME…]`: run benchmarks one after another and print one table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from benchmarks import (
    clients,
    configuration,
    delivering,
    delivery,
    engines,
    fairness,
    history,
    ingest,
    key_rotation,
    latency,
    management_api,
    memory,
    oauth,
    oauth_login,
    oauth_proxy,
    promptness,
    sync,
    sync_push,
    verify,
)
from benchmarks.databases import KINDS
from benchmarks.options import Options
from benchmarks.processes import BenchmarkFailed, end_on_sigterm
from benchmarks.report import Row, table

INGEST_MODES: dict[str, Callable[[Options], Sequence[Row]]] = {
    "maximum": ingest.measure,
    "delivering": delivering.measure,
    "half-rate": promptness.half_rate,
    "attacked": promptness.attacked,
    "busy-pages": promptness.busy_pages,
    "single": promptness.single,
}
BENCHES: dict[str, Callable[[Options], Sequence[Row]]] = {
    "ingest": lambda options: [row for mode in options.modes for row in INGEST_MODES[mode](options)],
    "delivery": delivery.measure,
    "latency": latency.measure,
    "history": history.measure,
    "memory": memory.measure,
    "verify": verify.measure,
    "configuration": configuration.measure,
    "fairness": fairness.measure,
    "api": management_api.measure,
    "clients": clients.measure,
    "engines": engines.measure,
    "secrets": key_rotation.measure,
    "sync": sync.measure,
    "sync-memory": sync.measure_memory,
    "sync-push": sync_push.measure_push,
    "oauth": lambda options: [*oauth.measure(options), *oauth_login.measure(options), *oauth_proxy.measure(options)],
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything was measured, whether or not it reached its target; 1 when a figure would have been wrong."""
    parsed = _parser().parse_args(arguments)
    defaults = Options()
    options = Options(
        databases=KINDS if parsed.database == "both" else (parsed.database,),
        runs=parsed.runs,
        seconds=parsed.seconds,
        connections=parsed.connections,
        workers=parsed.workers,
        modes=tuple(parsed.mode or defaults.modes),
        deliveries=parsed.deliveries,
        rows=parsed.rows,
        history_body_bytes=parsed.history_body_bytes,
        events=parsed.events,
        backlog=parsed.backlog,
        brokers=defaults.brokers if parsed.broker == "both" else (parsed.broker,),
        parts=tuple(parsed.part or defaults.parts),
    )
    end_on_sigterm()
    rows: list[Row] = []
    try:
        for name in parsed.names or BENCHES:
            rows += BENCHES[name](options)
    except BenchmarkFailed as fault:
        print(f"bench: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if rows:
            print(json.dumps([row.document() for row in rows], indent=2) if parsed.json else table(rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = Options()
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the gateway against references.")
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--database", choices=(*KINDS, "both"), default="both")
    parser.add_argument("--runs", type=_bounded(1, 50), default=defaults.runs, help="medians of so many (default 5)")
    parser.add_argument("--seconds", type=_bounded(1, 120), default=defaults.seconds, help="length of a run")
    parser.add_argument("--connections", type=_bounded(1, 512), default=defaults.connections)
    parser.add_argument("--workers", type=_bounded(1, 64), help="web workers (default: those of gunicorn.conf.py)")
    parser.add_argument(
        "--mode", action="append", choices=INGEST_MODES, help="ingest: repeatable (default: maximum and delivering)"
    )
    parser.add_argument(
        "--deliveries", type=_bounded(1, 1_000_000), default=defaults.deliveries, help="delivery: how many"
    )
    parser.add_argument(
        "--rows", type=_bounded(1000, 10_000_000), default=defaults.rows, help="history, api: how many events"
    )
    parser.add_argument(
        "--history-body-bytes", type=_bounded(0, 65536), default=defaults.history_body_bytes, help="history: their size"
    )
    parser.add_argument("--events", type=_bounded(1, 10_000_000), default=defaults.events, help="memory: how many")
    parser.add_argument(
        "--backlog", type=_bounded(100, 1_000_000), default=defaults.backlog, help="fairness: deliveries that are due"
    )
    parser.add_argument("--broker", choices=(*engines.BROKERS, "both"), default="both", help="engines: on which")
    parser.add_argument("--part", action="append", choices=engines.PARTS, help="engines: repeatable (default: all)")
    parser.add_argument("--json", action="store_true", help="every sample, for programs")
    return parser


def _bounded(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"must be from {low} to {high}")
        return number

    return parse


if __name__ == "__main__":
    sys.exit(main())
