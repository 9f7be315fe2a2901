"""Listens before anything else is loaded, then becomes gunicorn.

A container counts as running from its first moment. Who connects while the application starts
waits in the queue of this socket instead of being refused.
"""

import os
import socket
import sys

PORT = 8000
listener = socket.create_server(("0.0.0.0", PORT), backlog=2048)
listener.set_inheritable(True)
gunicorn = os.path.join(os.path.dirname(sys.executable), "gunicorn")
os.execv(gunicorn, [gunicorn, "--bind", f"fd://{listener.fileno()}", "app:create_app()"])  # noqa: S606
