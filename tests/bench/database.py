"""A throwaway PostgreSQL server for the benchmark, where the machine has one."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _binaries() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    found = next((each for each in places if (each / "initdb").exists()), None)
    return found or (Path(on_path).parent if on_path else None)


@contextmanager
def postgres(folder: Path) -> Iterator[str | None]:
    """The server's address without a database name, None where there is no PostgreSQL. It keeps fsync on."""
    binaries = _binaries()
    if binaries is None:
        yield None
        return
    home = folder / "pg"
    home.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:
        folder.chmod(0o755)
        shutil.chown(home, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(home / "data")
    made = [*as_user, str(binaries / "initdb"), "--no-sync", "-A", "trust", "-U", "postgres", "-D", data]
    subprocess.run(made, check=True, capture_output=True, cwd=home)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={home}"
    control = [*as_user, str(binaries / "pg_ctl"), "-D", data]
    subprocess.run(
        [*control, "-w", "-o", options, "-l", str(home / "log"), "start"],
        check=True,
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}"
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"],
            check=False,
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
