"""The endpoints and the configuration, against the fake connection."""

from typing import Any

import psycopg
import pytest
from conftest import PASSWORD, SECRET_KEY, FakeDatabase
from flask.testing import FlaskClient

import app as notes


def test_healthz_needs_no_database(client: FlaskClient, database: FakeDatabase) -> None:
    database.error = psycopg.OperationalError("down")
    response = client.get("/healthz")
    assert (response.status_code, response.json) == (200, {"status": "ok", "version": "dev"})


def test_healthz_says_which_image_runs(
    environment: dict[str, str], database: FakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_VERSION", "2.0")
    client = notes.create_app(connect=database.connect).test_client()
    assert client.get("/healthz").json == {"status": "ok", "version": "2.0"}


def test_readyz(client: FlaskClient, database: FakeDatabase) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert database.statements[-1] == "SELECT 1"


def test_readyz_tells_the_reason_without_the_detail(
    environment: dict[str, str], database: FakeDatabase, log_lines: Any
) -> None:
    database.error = psycopg.OperationalError("down")
    client = notes.create_app(connect=database.connect).test_client()
    database.error = psycopg.errors.ConnectionTimeout("host db.internal timed out")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json == {"status": "unavailable", "reason": "database: ConnectionTimeout"}
    assert log_lines()[-1]["message"] == "not ready: ConnectionTimeout: host db.internal timed out"


def test_starts_without_a_database_and_migrates_when_it_comes(
    environment: dict[str, str], database: FakeDatabase
) -> None:
    database.error = psycopg.OperationalError("down")
    client = notes.create_app(connect=database.connect).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    database.error = None
    assert client.get("/readyz").status_code == 200
    assert database.versions == list(range(1, len(notes.MIGRATIONS) + 1))


def test_migrations_run_once_and_under_the_lock(
    client: FlaskClient, database: FakeDatabase
) -> None:
    lock = database.statements.index("SELECT pg_advisory_lock(%s)")
    assert lock < database.statements.index("SELECT version FROM schema_migrations")
    assert lock < database.statements.index("BEGIN")
    before = database.statements.count("BEGIN")
    notes.create_app(connect=database.connect)  # the next task starts
    assert database.statements.count("BEGIN") == before == len(notes.MIGRATIONS)


def test_create_and_list(client: FlaskClient, database: FakeDatabase) -> None:
    assert client.get("/notes").json == {"notes": []}
    first = client.post("/notes", json={"title": "Milk", "body": "2 l"})
    second = client.post("/notes", json={"title": "Brød 🍞"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json is not None and second.json is not None
    assert set(first.json) == {"id", "title", "body", "created_at"}
    assert (second.json["title"], second.json["body"]) == ("Brød 🍞", "")
    assert client.get("/notes").json == {"notes": [second.json, first.json]}
    assert database.open == notes.Config.from_env().threads == 4  # and no more were needed


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "title"),
        ({"title": "  "}, "title"),
        ({"title": 7}, "title"),
        ({"title": None}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\0b"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": "ok", "body": ["no"]}, "body"),
        ({"title": "ok", "body": "x" * 10_001}, "body"),
        (["title"], "json"),
        ("title", "json"),
        (None, "json"),
    ],
)
def test_invalid_notes(client: FlaskClient, database: FakeDatabase, sent: Any, field: str) -> None:
    response = client.post("/notes", json=sent)
    assert response.status_code == 400
    assert response.json is not None and response.json["error"] == "validation failed"
    assert list(response.json["fields"]) == [field]
    assert database.notes == []


@pytest.mark.parametrize("data", [b"", b"{", b'{"title": "\xff"}', b"[" * 60_000, b"9" * 5000])
def test_bodies_that_are_not_json(client: FlaskClient, data: bytes) -> None:
    response = client.post("/notes", data=data, content_type="application/json")
    assert response.status_code == 400
    assert response.json is not None and "json" in response.json["fields"]


def test_a_form_is_not_json(client: FlaskClient) -> None:
    assert client.post("/notes", data={"title": "Milk"}).status_code == 400


def test_errors_are_json(client: FlaskClient) -> None:
    large = client.post("/notes", data=b"x" * 70_000, content_type="application/json")
    assert (large.status_code, large.json) == (413, {"error": "Request Entity Too Large"})
    missing = client.get("/nothing")
    assert (missing.status_code, missing.json) == (404, {"error": "Not Found"})
    wrong = client.delete("/notes")
    assert (wrong.status_code, wrong.json) == (405, {"error": "Method Not Allowed"})
    assert {"GET", "POST"} <= set(wrong.headers["Allow"].split(", "))
    assert all(r.headers["X-Request-Id"] for r in (large, missing, wrong))


@pytest.mark.parametrize("method", ["get", "post"])
def test_notes_without_a_database(client: FlaskClient, database: FakeDatabase, method: str) -> None:
    database.error = psycopg.OperationalError("could not connect to db.internal")
    for connection in database.opened:
        connection.broken = True
    response = getattr(client, method)("/notes", json={"title": "Milk"})
    assert (response.status_code, response.json) == (503, {"error": "Service Unavailable"})


@pytest.mark.parametrize("given", ["abc-123", "Root=1-67891233-abcdef012345678912345678"])
def test_request_id_is_echoed(client: FlaskClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"}', "é"])
def test_request_id_is_generated(client: FlaskClient, given: str) -> None:
    ids = {
        client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]
        for _ in range(2)
    }
    assert len(ids) == 2 and given not in ids


def test_configuration(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}
    monkeypatch.setattr(psycopg, "connect", lambda **kwargs: sent.update(kwargs))
    config = notes.Config.from_env()
    config.connect()
    assert (sent["host"], sent["port"], sent["dbname"]) == ("db.internal", 5433, "notes")
    assert (sent["user"], sent["password"]) == ("notes_user", PASSWORD)
    assert sent["sslmode"] == "require"
    assert PASSWORD not in repr(config) and SECRET_KEY not in repr(config)
    full = notes.Config.from_env({**environment, "DATABASE_SSLMODE": "verify-full"})
    assert full.sslmode == "verify-full"
    assert notes.Config.from_env({**environment, "DATABASE_PORT": ""}).port == 5432


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DATABASE_HOST": "", "FLASK_SECRET_KEY": ""}, "DATABASE_HOST, FLASK_SECRET_KEY"),
        ({"DATABASE_PASSWORD": ""}, "DATABASE_PASSWORD"),
        ({"DATABASE_PORT": "54 32"}, "DATABASE_PORT"),
        ({"DATABASE_PORT": "65536"}, "DATABASE_PORT"),
        ({"DATABASE_SSLMODE": "on"}, "DATABASE_SSLMODE"),
    ],
)
def test_bad_configuration(
    environment: dict[str, str], change: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        notes.Config.from_env({**environment, **change})
    assert PASSWORD not in str(caught.value) and SECRET_KEY not in str(caught.value)
