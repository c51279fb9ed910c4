"""Handlers in processes of their own: what they return, raise, hang on and die of."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.announcing.announcements import Announcements
from gateway.announcing.pipe import Pipe
from gateway.clock import SystemClock
from gateway.db.database import Database
from gateway.delivery.decisions.policy import AttemptResult, Outcome
from gateway.delivery.models import DestinationKind
from gateway.delivery.sending.handler_child import HandlerCall
from gateway.delivery.sending.handler_pool import HandlerPool
from gateway.delivery.worker.worker import Worker
from gateway.outgoing.resolver import StaticResolver
from gateway.security.sealing import Keyring
from gateway.security.ssrf import AddressPolicy
from gateway.telemetry.metrics import Metrics
from tests.services.no_grants import NoGrants

from .conftest import Queue

APPLICATION = """
import os, signal, threading, time
from pathlib import Path
from gateway.handlers import PermanentFailure, on

@on("github")
def returns(event):
    Path(event.json["path"]).write_text(f"{event.id} {event.type} {event.source} {event.tenant} {event.attempt} "
        f"{event.header('X-A')} {event.received_at.year} {len(event.body)}")

@on("github")
def raises(event):
    raise LookupError("no such customer \\ud800 \\x00")

@on("github")
def gives_up(event):
    raise PermanentFailure("never heard of it")

@on("github")
def exits(event):
    os._exit(3)

@on("github")
def exits_quietly(event):
    os._exit(0)

@on("github")
def exits_beside_a_process_of_its_own(event):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    Path(event.json["path"]).write_text(str(child))
    os._exit(4)

@on("github")
def lets_go_of_its_files(event):
    os.closerange(3, 1000)

@on("github")
def tells_its_process(event):
    Path(event.json["path"]).write_text(str(os.getpid()))

@on("github")
def leaves(event):
    raise SystemExit(1)

@on("github")
def is_killed(event):
    os.kill(os.getpid(), signal.SIGKILL)

@on("github")
def hangs(event):
    Path(event.json["path"]).write_text(str(os.getpid()))
    threading.Event().wait()

def unregistered(event):
    raise AssertionError("must not be called")

class Unprintable(Exception):
    def __init__(self, a, b): pass
    def __str__(self): raise ValueError

@on("github")
def raises_oddly(event):
    raise Unprintable(1, 2)
"""


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HandlerPool]:
    (tmp_path / "shop_handlers.py").write_text(APPLICATION)
    (tmp_path / "broken_handlers.py").write_text("import nothing_of_that_name")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = HandlerPool(["shop_handlers", "broken_handlers"], clock=SystemClock(), processes=2)
    yield made
    made.close()


def a_call(name: str, body: bytes = b"{}", module: str = "shop_handlers") -> HandlerCall:
    return HandlerCall(
        f"{module}:{name}",
        "evt_1",
        "push",
        "github",
        "github",
        "acme",
        1_800_000_000_000_000,
        2,
        b'[["x-a", "b"]]',
        body,
    )


def called(pool: HandlerPool, name: str, *, timeout_seconds: float = 20.0, **options: object) -> AttemptResult:
    return asyncio.run(pool.run(a_call(name, **options), timeout_seconds=timeout_seconds))  # type: ignore[arg-type]


def test_a_handler_gets_its_event(pool: HandlerPool, tmp_path: Path) -> None:
    body = json.dumps({"path": str(tmp_path / "out"), "fill": "x" * 3_000_000}).encode()
    assert called(pool, "returns", body=body).outcome is Outcome.DELIVERED
    assert (tmp_path / "out").read_text() == f"evt_1 push github acme 2 b 2027 {len(body)}"


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("raises", Outcome.HANDLER_FAILED, "LookupError: no such customer"),
        ("raises_oddly", Outcome.HANDLER_FAILED, "Unprintable"),
        ("leaves", Outcome.HANDLER_FAILED, "SystemExit"),
        ("gives_up", Outcome.HANDLER_PERMANENT_FAILURE, "PermanentFailure: never heard of it (shop_handlers.py:"),
        ("exits", Outcome.HANDLER_CRASHED, "code 3"),
        ("exits_quietly", Outcome.HANDLER_CRASHED, "code 0"),
        ("lets_go_of_its_files", Outcome.HANDLER_CRASHED, "code 1"),
        ("is_killed", Outcome.HANDLER_CRASHED, "code -9"),
        ("unregistered", Outcome.HANDLER_FAILED, "not known to this worker"),
        ("missing", Outcome.HANDLER_FAILED, "cannot import broken_handlers: ModuleNotFoundError"),
    ],
)
def test_every_way_to_fail(pool: HandlerPool, name: str, outcome: Outcome, words: str) -> None:
    result = called(pool, name)
    assert result.outcome is outcome
    assert words in (result.error or "")
    (result.error or "").encode("utf-8")
    assert "\x00" not in (result.error or "")


def test_one_that_hangs_is_cut_off_and_holds_up_nobody(pool: HandlerPool, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    body = json.dumps({"path": str(pid_file)}).encode()

    async def go() -> tuple[AttemptResult, AttemptResult]:
        hanging = asyncio.create_task(pool.run(a_call("hangs", body), timeout_seconds=3.0))
        other = await pool.run(a_call("gives_up"), timeout_seconds=20.0)
        return await hanging, other

    hung, other = asyncio.run(go())
    assert (hung.outcome, other.outcome) == (Outcome.HANDLER_TIMEOUT, Outcome.HANDLER_PERMANENT_FAILURE)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert called(pool, "gives_up").outcome is Outcome.HANDLER_PERMANENT_FAILURE


def test_of_many_only_those_that_crash_or_hang_are_said_to(pool: HandlerPool) -> None:
    """Two calls at a time, each beside one that takes its process down or is cut off."""
    expected = {
        "gives_up": Outcome.HANDLER_PERMANENT_FAILURE,
        "exits": Outcome.HANDLER_CRASHED,
        "is_killed": Outcome.HANDLER_CRASHED,
        "hangs": Outcome.HANDLER_TIMEOUT,
    }
    body = json.dumps({"path": os.devnull}).encode()

    async def in_a_row(names: Sequence[str]) -> None:
        for name in names:
            result = await pool.run(a_call(name, body), timeout_seconds=0.2 if name == "hangs" else 20.0)
            assert result.outcome is expected[name], (name, result)

    async def go() -> None:
        mixed = [name for name in expected for _ in range(2)]
        await asyncio.gather(in_a_row(["gives_up"] * 20), in_a_row(mixed))

    asyncio.run(go())


def test_a_process_that_died_while_idle_costs_no_call(pool: HandlerPool, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    body = json.dumps({"path": str(pid_file)}).encode()
    assert called(pool, "tells_its_process", body=body).outcome is Outcome.DELIVERED
    first = pid_file.read_text()
    os.kill(int(first), signal.SIGKILL)
    assert called(pool, "tells_its_process", body=body).outcome is Outcome.DELIVERED
    assert pid_file.read_text() != first


def test_a_process_that_the_handler_left_behind_holds_up_nobody(pool: HandlerPool, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    body = json.dumps({"path": str(pid_file)}).encode()
    result = called(pool, "exits_beside_a_process_of_its_own", body=body, timeout_seconds=50.0)
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert (result.outcome, result.error) == (Outcome.HANDLER_CRASHED, "its process ended with code 4")


def test_a_module_that_takes_its_process_down_is_told_and_tried_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deadly_handlers.py").write_text(
        f"import os\nopen({str(tmp_path / 'starts')!r}, 'a').write('.')\nos._exit(5)"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with closing(HandlerPool(["deadly_handlers"], clock=SystemClock(), processes=1)) as pool:
        result = called(pool, "any", module="deadly_handlers")
    assert (result.outcome, result.error) == (
        Outcome.HANDLER_CRASHED,
        "its process ended with code 5 before it was called",
    )
    assert (tmp_path / "starts").read_text() == "."


def test_where_no_process_can_be_started_that_is_told(pool: HandlerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    result = called(pool, "gives_up")
    assert result.outcome is Outcome.HANDLER_CRASHED
    assert "no process could be started" in (result.error or "")


def test_one_handler_never_takes_all_places() -> None:
    pool = HandlerPool([], clock=SystemClock(), processes=4)
    for _ in range(3):
        pool.take("a")
    assert (pool.free("a"), pool.free("b")) == (0, 1)
    pool.give_back("a")
    assert (pool.free("a"), pool.free("b")) == (1, 2)
    assert HandlerPool([], clock=SystemClock(), processes=1).free("a") == 1


def test_deliveries_to_handlers(pool: HandlerPool, database: Database, tmp_path: Path) -> None:
    queue = Queue(database, SystemClock())
    body = json.dumps({"path": str(tmp_path / "out")}).encode()
    ids = {}
    for name in ("returns", "gives_up", "exits"):
        handler = f"shop_handlers:{name}"
        target = queue.destination(
            handler, url=None, kind=DestinationKind.HANDLER, handler=handler, timeout_seconds=20.0, schedule_seconds=()
        )
        (ids[name],) = queue.add(target, body=body)
    worker = Worker(
        database=database,
        routing=queue.routing,
        handlers=pool,
        clock=queue.clock,
        random=random.random,
        resolver=StaticResolver({}),
        policy=AddressPolicy(allow_private=True),
        metrics=Metrics(),
        announcements=Announcements(Pipe(None)),
        secret_headers=frozenset(),
        keyring=Keyring([bytes(32)]),
        grants=NoGrants(),
    )

    async def go() -> None:
        task = asyncio.create_task(worker.run())
        async with asyncio.timeout(40):
            while {"pending", "leased"} & set(await asyncio.to_thread(queue.states)):
                pass
        worker.stop()
        await task

    asyncio.run(go())
    ended = {name: SimpleNamespace(**queue.row(id_)._mapping) for name, id_ in ids.items()}
    assert {name: row.state for name, row in ended.items()} == {
        "returns": "delivered",
        "gives_up": "dead",
        "exits": "dead",
    }
    assert ended["gives_up"].reason == "handler_permanent_failure"
    assert "default 1" in (tmp_path / "out").read_text()


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "shop_handlers.py").write_text(APPLICATION)
    pid_file = tmp_path / "pid"
    script = f"""
import asyncio, sys
sys.path.insert(0, {str(tmp_path)!r})
from gateway.clock import SystemClock
from gateway.delivery.sending.handler_child import HandlerCall
from gateway.delivery.sending.handler_pool import HandlerPool
if __name__ == "__main__":
    pool = HandlerPool(["shop_handlers"], clock=SystemClock(), processes=1)
    body = b'{{"path": "{pid_file}"}}'
    call = HandlerCall("shop_handlers:hangs", "evt_1", None, "s", "p", "t", 1, 1, b"[]", body)
    asyncio.run(pool.run(call, timeout_seconds=60))
"""
    main = tmp_path / "main.py"
    main.write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(main)], cwd=Path(__file__).parents[3], env=os.environ | {"PYTHONPATH": "."}
    )

    def child_is_alive() -> bool:
        try:
            os.kill(int(pid_file.read_text()), 0)
        except ProcessLookupError:
            return False
        return b"\nState:\tZ" not in Path(f"/proc/{pid_file.read_text()}/status").read_bytes()

    async def go() -> None:
        async with asyncio.timeout(30):
            while not (pid_file.exists() and pid_file.read_text()):
                await asyncio.to_thread(os.sched_yield)
            process.send_signal(signal.SIGKILL)
            process.wait()
            while child_is_alive():
                await asyncio.to_thread(os.sched_yield)

    try:
        asyncio.run(go())
    finally:
        process.kill()
        process.wait()
