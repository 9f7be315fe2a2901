"""The same against a real PostgreSQL: skipped, and said so, without TEST_DATABASE_URL."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg.rows import dict_row

import app as notes


@pytest.fixture
def real(environment: dict[str, str], connect: notes.Connect) -> FlaskClient:
    return notes.create_app(connect=connect).test_client()


@pytest.fixture
def role(connect: notes.Connect) -> Iterator[tuple[str, notes.Connect]]:
    """A user of its own, who logs in with a password; the server must ask for one over TCP."""
    name = f"task_{uuid.uuid4().hex}"
    with connect() as admin:
        row = admin.execute("SELECT current_schema() AS schema").fetchone()
        assert row is not None
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'the old one'")
        admin.execute(f"GRANT ALL ON SCHEMA {row['schema']} TO {name}")
        info = {**admin.info.get_parameters(), "user": name, "password": "the old one"}
        info["options"] = f"-csearch_path={row['schema']}"
        yield name, lambda: psycopg.connect(**info, autocommit=True, row_factory=dict_row)
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,)
        )
        admin.execute(f"DROP OWNED BY {name}")
        admin.execute(f"DROP ROLE {name}")


def test_notes_are_stored(real: FlaskClient, connect: notes.Connect) -> None:
    assert real.get("/readyz").json == {"status": "ok"}
    sent = [{"title": "Robert'); DROP TABLE notes;--"}, {"title": "Brød 🍞", "body": "%s\n"}]
    created = [real.post("/notes", json=note).json for note in sent]
    assert real.get("/notes").json == {"notes": created[::-1]}
    with connect() as conn:
        rows = conn.execute("SELECT title, body FROM notes ORDER BY id").fetchall()
    assert rows == [{"body": "", **note} for note in sent]


def test_the_list_is_bounded(real: FlaskClient, connect: notes.Connect) -> None:
    with connect() as conn:
        conn.execute("INSERT INTO notes (title, body) SELECT g, '' FROM generate_series(1, 150) g")
    data = real.get("/notes").json
    assert data is not None
    assert [note["title"] for note in data["notes"]] == [str(n) for n in range(150, 50, -1)]


def test_tasks_that_start_together_migrate_once(connect: notes.Connect) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: notes.Database(connect, 1).migrate(0.0), range(16)))
    with connect() as conn:
        rows = conn.execute("SELECT version FROM schema_migrations ORDER BY version").fetchall()
    assert [row["version"] for row in rows] == list(range(1, len(notes.MIGRATIONS) + 1))


def test_a_rotation_of_the_password_hurts_nobody(
    environment: dict[str, str], connect: notes.Connect, role: tuple[str, notes.Connect]
) -> None:
    name, as_role = role
    client = notes.create_app(connect=as_role).test_client()
    with connect() as admin:
        admin.execute(f"ALTER ROLE {name} PASSWORD 'the new one'")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            as_role()
        for number in range(50):
            assert client.post("/notes", json={"title": str(number)}).status_code == 201
            assert client.get("/readyz").status_code == 200
        # The limit of one user: what breaks before the new tasks are there stays broken.
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,)
        )
        assert client.get("/notes").status_code == 503
        assert client.get("/readyz").status_code == 503
        admin.execute(f"ALTER ROLE {name} PASSWORD 'the old one'")
    assert [client.get("/notes").status_code for _ in range(8)] == [200] * 8


def test_migrations_wait_for_the_lock_and_give_it_back(connect: notes.Connect) -> None:
    with connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (notes.MIGRATION_LOCK,))
        with pytest.raises(psycopg.errors.LockNotAvailable):  # after lock_timeout
            notes.Database(connect, 1).migrate(0.0)
    notes.Database(connect, 1).migrate(0.0)
    with connect() as conn:
        row = conn.execute("SELECT pg_try_advisory_lock(%s) AS free", (notes.MIGRATION_LOCK,))
        assert row.fetchone() == {"free": True}


def test_a_migration_that_fails_leaves_nothing(
    connect: notes.Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*notes.MIGRATIONS, "CREATE TABLE half (id int); SELECT 1/0")
    monkeypatch.setattr(notes, "MIGRATIONS", broken)
    with pytest.raises(psycopg.errors.DivisionByZero):
        notes.Database(connect, 1).migrate(0.0)
    with connect() as conn:
        row = conn.execute("SELECT to_regclass('half') AS half, to_regclass('notes') AS notes")
        assert row.fetchone() == {"half": None, "notes": "notes"}
