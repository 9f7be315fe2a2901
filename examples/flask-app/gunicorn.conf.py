"""gunicorn: port 8000, every line JSON on stdout, a SIGTERM that lets requests finish."""

import os
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger


class JsonAccessLogger(Logger):
    """The one line for each request, with the keys of logs.JsonFormatter. No query, no headers."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
        headers = {name.lower(): value for name, value in getattr(resp, "headers", ())}
        path = environ.get("PATH_INFO")
        extra = {
            "request_id": headers.get("x-request-id"),
            "path": path,
            "status": int(str(resp.status).split()[0]),
            "duration_ms": round(request_time.total_seconds() * 1000, 1),
        }
        self.access_log.info("%s %s", environ.get("REQUEST_METHOD"), path, extra=extra)


bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
timeout = 30
graceful_timeout = 25  # under ECS's stopTimeout, 30 s unless told
keepalive = 75  # over the load balancer's idle timeout, 60 s unless told
worker_tmp_dir = "/tmp"  # the only place written to
control_socket_disable = True  # it would be made in $HOME

logger_class = JsonAccessLogger
accesslog = errorlog = "-"
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "logs.JsonFormatter"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "stream": "ext://sys.stdout",
        }
    },
    "root": {"level": "INFO", "handlers": ["stdout"]},
    "loggers": {
        name: {"level": "INFO", "handlers": ["stdout"], "propagate": False}
        for name in ("gunicorn.error", "gunicorn.access")
    },
}
