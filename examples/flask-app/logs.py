"""JSON log lines: one object a line, always with the same keys, never with a secret."""

import json
import logging
import os
from datetime import UTC, datetime

from flask import g, has_request_context, request

SECRET_VARIABLES = ("DATABASE_PASSWORD", "FLASK_SECRET_KEY")


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = dict.fromkeys(("request_id", "path", "status", "duration_ms"))
        if has_request_context():
            fields |= {"request_id": g.get("request_id"), "path": request.path}
        fields |= {key: record.__dict__[key] for key in fields if key in record.__dict__}
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "message": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({key: redact(value) for key, value in line.items()})


def redact(value: object) -> object:
    secrets = filter(None, (os.environ.get(name) for name in SECRET_VARIABLES))
    for secret in sorted(secrets, key=len, reverse=True) if isinstance(value, str) else ():
        value = str(value).replace(secret, "***")
    return value
