"""The connections: opened at the start, kept for good, opened anew within a bound when broken."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from conftest import FakeDatabase
from flask.testing import FlaskClient

import app as notes

REFUSED = psycopg.OperationalError("password authentication failed")


def test_open_connections_outlive_the_password(client: FlaskClient, database: FakeDatabase) -> None:
    database.error = REFUSED  # whoever opens one now is refused
    for number in range(50):
        assert client.post("/notes", json={"title": str(number)}).status_code == 201
        assert client.get("/readyz").status_code == 200
    assert database.open == 4


def test_one_that_broke_is_opened_again(client: FlaskClient, database: FakeDatabase) -> None:
    database.opened[-1].broken = True
    answers = [client.get("/notes").status_code for _ in range(8)]
    assert answers == [200] * 8
    assert database.open == 4 and len(database.opened) == 6  # the migrations had the first


def test_all_come_back_after_an_outage(client: FlaskClient, database: FakeDatabase) -> None:
    for connection in database.opened:
        connection.broken = True
    database.error = psycopg.OperationalError("down")
    assert [client.get("/notes").status_code for _ in range(9)] == [503] * 9
    assert client.get("/readyz").status_code == 503 and database.open == 0
    database.error = None
    assert [client.get("/notes").status_code for _ in range(9)] == [200] * 9
    assert database.open == 4


def test_a_refused_request_waits_within_a_bound(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that was started between the two halves of a rotation."""
    database = FakeDatabase()
    answers: Iterator[Exception | None] = iter(
        [REFUSED] * 4
    )  # the start, /readyz, two for a request

    def connect() -> object:
        if (error := next(answers, None)) is not None:
            raise error
        return database.connect()

    client = notes.create_app(connect=connect).test_client()  # type: ignore[arg-type]
    monkeypatch.setattr(notes, "PATIENCE", 2.0)
    monkeypatch.setattr(notes, "PAUSE", 0.01)
    assert client.get("/readyz").status_code == 503  # it does not wait
    assert client.get("/notes").status_code == 200  # it does
    answers = iter([REFUSED] * 1_000_000)
    database.opened[-1].broken = True
    monkeypatch.setattr(notes, "PATIENCE", 0.2)
    began = time.monotonic()
    assert 503 in [client.get("/notes").status_code for _ in range(4)]
    assert 0.1 < time.monotonic() - began < 1.0
