"""Logs: one format for our records and those of libraries, with context, and without secrets."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway.config import Settings
from gateway.telemetry.logging import configure_logging, get_logger, log_context


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json"), stream)
    return stream


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_of_ours(stream: io.StringIO) -> None:
    get_logger("gateway.delivery").info("delivery failed, will retry", attempt=2)
    (record,) = records(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", record.pop("timestamp"))
    assert record == {
        "message": "delivery failed, will retry",
        "attempt": 2,
        "level": "info",
        "logger": "gateway.delivery",
    }


def test_a_record_of_a_library_looks_the_same(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp.client").warning("lost %s", "connection")
    (record,) = records(stream)
    assert set(record) == {"timestamp", "message", "level", "logger"}
    assert (record["message"], record["level"], record["logger"]) == ("lost connection", "warning", "aiohttp.client")


def test_context_is_on_every_record_inside_and_on_none_outside(stream: io.StringIO) -> None:
    with log_context(request_id="req_1"), log_context(event_id="evt_1"):
        get_logger("a").info("inside")
        logging.getLogger("b").info("inside")
        thread = threading.Thread(target=get_logger("c").info, args=("another thread",))
        thread.start()
        thread.join()
    get_logger("a").info("outside")
    ids = [(record.get("request_id"), record.get("event_id")) for record in records(stream)]
    assert ids == [("req_1", "evt_1"), ("req_1", "evt_1"), (None, None), (None, None)]


def test_secrets_do_not_come_through(stream: io.StringIO) -> None:
    get_logger("a").info("sent Bearer abcdefghijkl", secret="hidden1", headers={"Cookie": "hidden2"})
    logging.getLogger("b").info("connecting to %s", "postgresql://gateway:hidden3@db/x")
    with log_context(token="hidden4"):
        get_logger("a").info("x", key="whsec_hidden5")
    assert len(records(stream)) == 3
    assert "hidden" not in stream.getvalue()
    assert "abcdefghijkl" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_exceptions_are_shown_without_secrets(log_format: str) -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format=log_format), stream)
    try:
        raise ValueError("cannot use " + "whsec_" + "hidden")
    except ValueError:
        get_logger("a").exception("it failed")
        logging.getLogger("b").exception("it failed")
    assert stream.getvalue().count("ValueError: cannot use [redacted]") == 2
    assert stream.getvalue().count("Traceback (most recent call last)") == 2


def test_levels_below_the_setting_are_left_out() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json", log_level="warning"), stream)
    get_logger("a").info("no")
    logging.getLogger("b").info("no")
    get_logger("a").warning("yes")
    logging.getLogger("b").error("yes")
    assert [record["message"] for record in records(stream)] == ["yes", "yes"]


def test_chatty_libraries_are_quiet(stream: io.StringIO) -> None:
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    logging.getLogger("sqlalchemy.pool").warning("connection lost")
    assert [record["message"] for record in records(stream)] == ["connection lost"]


def test_warnings_become_records(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    assert "old thing" in records(stream)[0]["message"]


@pytest.mark.parametrize(
    ("log_format", "stream", "is_json"),
    [
        (None, Terminal(), False),
        (None, io.StringIO(), True),
        ("json", Terminal(), True),
        ("text", io.StringIO(), False),
    ],
)
def test_the_format_follows_the_setting_then_the_stream(
    log_format: str | None, stream: io.StringIO, is_json: bool
) -> None:
    configure_logging(Settings(log_format=log_format), stream)
    get_logger("a").info("hello", count=1)
    assert stream.getvalue().startswith("{") is is_json
    assert "hello" in stream.getvalue()


def test_text_for_a_file_has_no_colours() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="text"), stream)
    get_logger("a").warning("hello", count=1)
    assert "\x1b" not in stream.getvalue()


def test_the_last_configuration_counts(stream: io.StringIO) -> None:
    second = io.StringIO()
    configure_logging(Settings(log_format="json"), second)
    get_logger("fresh").info("once")
    assert stream.getvalue() == ""
    assert len(records(second)) == 1


def test_values_of_any_kind_can_be_logged(stream: io.StringIO) -> None:
    get_logger("a").info("x", path=object(), text="grüß \ud800 \x00", body=b"\xff\x00", number=1e400)
    assert records(stream)[0]["body"] == "[2 bytes]"


def test_half_of_a_character_fails_no_line() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="text"), stream)
    get_logger("gateway.tests").info("told", name="\udcff")
    assert "\\udcff" in stream.getvalue()
    stream.getvalue().encode("utf-8")
