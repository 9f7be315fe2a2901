"""npm packages hold no symbolic links: this one lists its own for a script to make."""

import json
import os
import sys
from pathlib import Path

root = Path(sys.argv[1])
for link in json.loads((root / "pg-symlinks.json").read_text()):
    # Both are written from the package's root, as in native/lib/libpq.so.
    target, source = (root.parent / Path("pgsql", *Path(link[key]).parts[1:]) for key in ("target", "source"))
    target.unlink(missing_ok=True)
    target.symlink_to(os.path.relpath(source, target.parent))
for program in (root / "bin").iterdir():
    program.chmod(0o755)
