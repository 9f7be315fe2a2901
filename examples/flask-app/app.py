"""Notes: a small Flask service that keeps its notes in PostgreSQL."""

import logging
import os
import queue
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from flask import Flask, Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from psycopg.rows import DictRow, dict_row
from werkzeug.exceptions import HTTPException

log = logging.getLogger("notes")
Connection = psycopg.Connection[DictRow]
Connect = Callable[[], Connection]

REQUEST_ID = re.compile(r"[A-Za-z0-9._=-]{1,128}")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
PATIENCE = 5.0  # seconds that a request waits for a database that refuses; /readyz does not wait
PAUSE = 0.25  # seconds between two attempts
MAX_CHARACTERS = {"title": 200, "body": 10_000}
MIGRATION_LOCK = 7_305_112_604  # any fixed number, the same in every task
MIGRATIONS: tuple[LiteralString, ...] = (  # append only: a position is a version
    """CREATE TABLE notes (
         id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
         title text NOT NULL,
         body text NOT NULL,
         created_at timestamptz NOT NULL DEFAULT now())""",
)


@dataclass(frozen=True)
class Config:
    host: str
    name: str
    user: str
    password: str = field(repr=False)
    secret_key: str = field(repr=False)
    port: int = 5432
    sslmode: str = "require"
    threads: int = 4

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Config":
        """Errors name the variables, never their values."""
        names = [f"DATABASE_{name}" for name in ("HOST", "NAME", "USER", "PASSWORD")]
        names.append("FLASK_SECRET_KEY")
        if missing := [name for name in names if not env.get(name)]:
            raise ValueError(f"not set: {', '.join(missing)}")
        port = env.get("DATABASE_PORT") or "5432"
        if not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
            raise ValueError("DATABASE_PORT is not a port number")
        sslmode = env.get("DATABASE_SSLMODE") or "require"
        if sslmode not in SSL_MODES:
            raise ValueError(f"DATABASE_SSLMODE is not one of {', '.join(SSL_MODES)}")
        host, name, user, password, secret_key = (env[name] for name in names)
        threads = int(env.get("WEB_THREADS") or "4")  # gunicorn.conf.py reads the same
        return cls(host, name, user, password, secret_key, int(port), sslmode, threads)

    def connect(self) -> Connection:
        return psycopg.connect(
            host=self.host, port=self.port, dbname=self.name, user=self.user,
            password=self.password, sslmode=self.sslmode, application_name="notes",
            connect_timeout=3, tcp_user_timeout=5000, autocommit=True, row_factory=dict_row,
            keepalives_idle=30, keepalives_interval=10, keepalives_count=3,
        )  # fmt: skip


class Database:
    """As many connections as threads, opened at the start and kept for good.

    PostgreSQL asks for the password when a connection is opened and leaves open ones alone. ECS
    gives a task its password once, at its start. So when the password is rotated, a task serves
    on as long as it opens nothing: no connection is closed for its age or for being idle.
    """

    def __init__(self, connect: Connect, size: int) -> None:
        self._connect = connect
        self._migrated = False
        # First in, first out: all are used in turn, and one that broke does not stay unnoticed.
        self._slots: queue.Queue[Connection | None] = queue.Queue()
        for _ in range(size):
            self._slots.put(None)

    @contextmanager
    def connection(self, patience: float) -> Iterator[Connection]:
        """One that works. What is refused is tried again for `patience` seconds."""
        give_up = time.monotonic() + patience
        if not self._migrated:
            self.start(patience)
        slot = self._slots.get()
        try:
            slot = self._working(slot) or self._open(give_up)
            yield slot
        finally:
            self._slots.put(None if slot is None or slot.closed else slot)

    def start(self, patience: float) -> None:
        """Bring the schema up to date and open the connections."""
        give_up = time.monotonic() + patience
        self.migrate(give_up)
        for _ in range(self._slots.qsize()):
            slot = self._slots.get()
            try:
                slot = slot or self._open(give_up)
            finally:
                self._slots.put(slot)

    @staticmethod
    def _working(slot: Connection | None) -> Connection | None:
        try:
            if slot is not None:
                slot.execute("SELECT 1")
            return slot
        except psycopg.Error as error:  # a failover, a restart; the request itself was not sent
            log.warning("lost a connection: %s", type(error).__name__)
            if slot is not None:
                slot.close()
            return None

    def _open(self, give_up: float) -> Connection:
        while True:
            try:
                return self._connect()
            except psycopg.OperationalError:
                if time.monotonic() + PAUSE > give_up:
                    raise
                time.sleep(PAUSE)

    def migrate(self, give_up: float) -> None:
        """Apply what is missing; the lock lets one worker of one task do it at a time."""
        with self._open(give_up) as conn:
            conn.execute("SET lock_timeout = '5s'")
            conn.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
            conn.execute("CREATE TABLE IF NOT EXISTS schema_migrations (version int PRIMARY KEY)")
            rows = conn.execute("SELECT version FROM schema_migrations").fetchall()
            done = {row["version"] for row in rows}
            for version, statement in enumerate(MIGRATIONS, start=1):
                if version not in done:
                    with conn.transaction():
                        conn.execute(statement)
                        conn.execute("INSERT INTO schema_migrations VALUES (%s)", (version,))
                    log.info("applied migration %d", version)
        self._migrated = True  # and the lock went with its connection, failed or not


def validate_note(data: object) -> tuple[dict[str, str], dict[str, str]]:
    """Return the note and the errors by field; without errors the note is good to store."""
    if not isinstance(data, dict):
        return {}, {"json": "must be an object, sent as application/json"}
    note = {name: data.get(name, "") for name in MAX_CHARACTERS}
    errors = {}
    for name, value in note.items():
        if not isinstance(value, str):
            errors[name] = "must be a string"
        elif len(value) > MAX_CHARACTERS[name]:
            errors[name] = f"must have at most {MAX_CHARACTERS[name]} characters"
        elif re.search("[\0\ud800-\udfff]", value):  # PostgreSQL cannot store these
            errors[name] = "must not have NUL or surrogate characters"
        elif name == "title" and not value.strip():
            errors[name] = "must not be empty"
    return note, errors


def to_json(row: DictRow) -> dict[str, Any]:
    return {**row, "created_at": row["created_at"].isoformat()}


def create_app(config: Config | None = None, connect: Connect | None = None) -> Flask:
    config = config or Config.from_env()
    database = Database(connect or config.connect, config.threads)
    version = os.environ.get("APP_VERSION") or "dev"  # which image this is
    app = Flask("notes", static_folder=None)
    app.config.update(SECRET_KEY=config.secret_key, MAX_CONTENT_LENGTH=64 * 1024)
    try:
        database.start(patience=0.0)
    except psycopg.Error as error:  # stay up: /readyz tells, and each request tries again
        log.error("the database is put off: %s: %s", type(error).__name__, error)

    @app.before_request
    def take_request_id() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

    @app.after_request
    def echo_request_id(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        return response

    @app.errorhandler(Exception)
    def failed(error: Exception) -> ResponseReturnValue:
        if isinstance(error, HTTPException):
            headers = [pair for pair in error.get_headers() if pair[0] != "Content-Type"]
            return jsonify(error=error.name), error.code or 500, headers  # such as Allow
        if isinstance(error, psycopg.OperationalError):
            log.error("database: %s: %s", type(error).__name__, error)
            return jsonify(error="Service Unavailable"), 503
        log.error("unexpected error", exc_info=error)
        return jsonify(error="Internal Server Error"), 500

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return jsonify(status="ok", version=version)

    @app.get("/readyz")
    def readyz() -> ResponseReturnValue:
        try:
            with database.connection(patience=0.0):
                pass  # it answered a moment ago
        except psycopg.Error as error:  # the detail is for the log, not for the public
            log.error("not ready: %s: %s", type(error).__name__, error)
            return jsonify(status="unavailable", reason=f"database: {type(error).__name__}"), 503
        return jsonify(status="ok")

    @app.get("/notes")
    def list_notes() -> ResponseReturnValue:
        query = "SELECT id, title, body, created_at FROM notes ORDER BY id DESC LIMIT 100"
        with database.connection(PATIENCE) as conn:
            return jsonify(notes=[to_json(row) for row in conn.execute(query).fetchall()])

    @app.post("/notes")
    def create_note() -> ResponseReturnValue:
        try:
            data = request.get_json(silent=True)
        except RecursionError:  # nested far too deeply
            data = None
        note, errors = validate_note(data)
        if errors:
            return jsonify(error="validation failed", fields=errors), 400
        query = """INSERT INTO notes (title, body) VALUES (%(title)s, %(body)s)
                   RETURNING id, title, body, created_at"""
        with database.connection(PATIENCE) as conn:
            row = conn.execute(query, note).fetchone()
        assert row is not None  # RETURNING gives the row it inserted
        return jsonify(to_json(row)), 201

    return app
