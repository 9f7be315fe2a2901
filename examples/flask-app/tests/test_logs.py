"""The log lines: their keys, and that no secret gets into them."""

import json
import logging
from datetime import datetime
from typing import Any

from conftest import PASSWORD, SECRET_KEY, FakeDatabase
from flask.testing import FlaskClient

from logs import JsonFormatter

KEYS = {"time", "level", "message", "request_id", "path", "status", "duration_ms"}


def test_keys_outside_a_request(client: FlaskClient, log_lines: Any) -> None:
    logging.getLogger("notes").info('two\nlines and a "quote"')
    (line,) = log_lines()
    assert set(line) == KEYS
    assert (line["level"], line["message"]) == ("INFO", 'two\nlines and a "quote"')
    assert line["request_id"] is line["path"] is line["status"] is line["duration_ms"] is None
    assert datetime.fromisoformat(line["time"]).utcoffset() is not None


def test_one_record_is_one_line() -> None:
    record = logging.makeLogRecord({"msg": "two\r\nlines\u2028and more"})
    assert len(JsonFormatter().format(record).splitlines()) == 1


def test_values_of_the_access_log() -> None:
    given = {"request_id": "r1", "path": "/notes", "status": 201, "duration_ms": 1.5}
    line = json.loads(JsonFormatter().format(logging.makeLogRecord({"msg": "POST", **given})))
    assert {key: line[key] for key in given} == given


def test_an_unexpected_error_carries_the_request_and_no_secret(
    client: FlaskClient, database: FakeDatabase, log_lines: Any
) -> None:
    database.fails = RuntimeError(f"password={PASSWORD} key={SECRET_KEY}")
    response = client.get("/notes?token=hidden", headers={"X-Request-Id": "r2"})
    assert (response.status_code, response.json) == (500, {"error": "Internal Server Error"})
    line = log_lines()[-1]
    assert set(line) == KEYS | {"exception"}
    assert (line["request_id"], line["path"], line["level"]) == ("r2", "/notes", "ERROR")
    assert "RuntimeError: password=*** key=***" in line["exception"]
    for text in (json.dumps(log_lines()), response.text):
        assert PASSWORD not in text and SECRET_KEY not in text and "hidden" not in text
