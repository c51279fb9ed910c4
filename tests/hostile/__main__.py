"""`scripts/hostile --minutes N`: all attacks, again and again, with another seed each round."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.hostile.attacks import ATTACKS
from tests.hostile.target import target


def main() -> int:
    """0 when the gateway kept all its bounds, else 1."""
    parser = argparse.ArgumentParser(prog="scripts/hostile", description="Attack a gateway for so long.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round has the next one")
    parser.add_argument("--attack", action="append", choices=ATTACKS, help="repeatable (default: all)")
    arguments = parser.parse_args()
    ends_at = time.monotonic() + 60 * arguments.minutes
    failed = rounds = 0
    with TemporaryDirectory(prefix="gateway-hostile-") as directory, target(Path(directory)) as attacked:
        print(f"hostile: the web process has {attacked.quiet_megabytes:.0f} MB", flush=True)
        while rounds == 0 or time.monotonic() < ends_at:
            seed = arguments.seed + rounds
            slowest = 0.0
            for name in arguments.attack or ATTACKS:
                faults, honest = attacked.suffer(ATTACKS[name], Random(seed))
                slowest = max(slowest, honest.p99_ms())
                for fault in faults:
                    failed += 1
                    print(f"hostile: {name}, seed {seed}: {fault}", flush=True)
            rounds += 1
            print(
                f"hostile: round {rounds}, seed {seed}: {attacked.megabytes():.0f} MB, "
                f"p99 of honest events {slowest:.1f} ms at worst, {failed} faults so far",
                flush=True,
            )
        settled = attacked.settled_megabytes()
        print(f"hostile: {rounds} rounds, {failed} faults, {attacked.quiet_megabytes:.0f} → {settled:.0f} MB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
