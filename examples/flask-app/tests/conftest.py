"""A fake connection for most tests; a schema of its own in a real database for the others."""

import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg.rows import dict_row

import app as notes
from logs import JsonFormatter

PASSWORD = "pw-4Q:/@x-secret"  # as RDS makes them: characters that a URL would need to escape
SECRET_KEY = "flask-key-9f8e7d"


class FakeDatabase:
    """Answers as PostgreSQL would to the statements that the app sends, and remembers them."""

    def __init__(self) -> None:
        self.error: Exception | None = None  # of whoever opens a connection
        self.fails: Exception | None = None  # of every statement
        self.statements: list[str] = []
        self.versions: list[int] = []
        self.notes: list[dict[str, Any]] = []
        self.opened: list[FakeConnection] = []

    def connect(self) -> Any:
        if self.error:
            raise self.error
        self.opened.append(FakeConnection(self))
        return self.opened[-1]

    @property
    def open(self) -> int:
        return sum(not conn.closed for conn in self.opened)


class FakeConnection:
    def __init__(self, database: FakeDatabase) -> None:
        self.database = database
        self.rows: list[dict[str, Any]] = []
        self.closed = False
        self.broken = False  # the server went away, and nobody has noticed yet

    def __enter__(self) -> "FakeConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.database.statements.append("BEGIN")
        yield
        self.database.statements.append("COMMIT")

    def execute(self, query: str, params: Any = None) -> "FakeConnection":
        if self.broken:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        db, self.rows = self.database, []
        if db.fails:
            raise db.fails
        db.statements.append(" ".join(query.split()))
        if query.startswith("INSERT INTO schema_migrations"):
            db.versions.append(params[0])
        elif query.startswith("SELECT version"):
            self.rows = [{"version": version} for version in db.versions]
        elif query.startswith("INSERT INTO notes"):
            note = {"id": len(db.notes) + 1, **params, "created_at": datetime.now(UTC)}
            db.notes.append(note)
            self.rows = [note]
        elif "FROM notes" in query:
            self.rows = db.notes[::-1][:100]
        return self

    def fetchone(self) -> dict[str, Any] | None:
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[dict[str, Any]]:
        return self.rows


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What ECS fills."""
    values = {
        "DATABASE_HOST": "db.internal",
        "DATABASE_PORT": "5433",
        "DATABASE_NAME": "notes",
        "DATABASE_USER": "notes_user",
        "DATABASE_PASSWORD": PASSWORD,
        "FLASK_SECRET_KEY": SECRET_KEY,
    }
    for name in ("DATABASE_SSLMODE", "WEB_THREADS", "APP_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(notes, "PATIENCE", 0.0)  # what refuses, refuses at once
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def client(environment: dict[str, str], database: FakeDatabase) -> FlaskClient:
    return notes.create_app(connect=database.connect).test_client()


@pytest.fixture
def log_lines(environment: dict[str, str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines logged so far, as they would stand on stdout."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler, logger = Handler(), logging.getLogger("notes")
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in lines]
    logger.removeHandler(handler)


@pytest.fixture
def connect() -> Iterator[notes.Connect]:
    """Connections to TEST_DATABASE_URL, in an empty schema that is dropped afterwards."""
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        pytest.skip("TEST_DATABASE_URL is not set: no real PostgreSQL to test against")
    schema = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
        yield lambda: psycopg.connect(
            url, options=f"-csearch_path={schema}", autocommit=True, row_factory=dict_row
        )
        admin.execute(f"DROP SCHEMA {schema} CASCADE")
