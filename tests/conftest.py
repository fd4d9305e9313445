"""What tests of every kind share: where the recorded data is, and a real PostgreSQL where the machine has one."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import databases
from tests.wire import WIRE, breaches

settings.register_profile("portico", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("portico")

ROOT = Path(__file__).parent.parent
WIRE.listen()


@pytest.fixture(autouse=True)
def vendors_contracts() -> Iterator[None]:
    """No test's exchange with a simulated tool breaks a vendor's contract."""
    yield
    assert breaches(WIRE.take()) == []


def _postgres_binaries() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    return next(
        (each for each in places if (each / "initdb").exists()), Path(on_path).parent if on_path else None
    )


def missing(what: str) -> None:
    """Skips a test for what the machine lacks; where everything is required it fails instead."""
    if os.environ.get("PORTICO_REQUIRE_ALL"):
        pytest.fail(f"{what} is required here")
    pytest.skip(f"{what} is not on this machine")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a throwaway PostgreSQL server, without a database name at its end."""
    binaries = _postgres_binaries()
    if binaries is None:
        missing("PostgreSQL")
    assert binaries is not None
    folder = Path("/tmp") / f"portico-pg-{os.getpid()}"  # noqa: S108  a socket path must be short
    folder.mkdir(mode=0o755)
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    created = ["--no-sync", "--encoding=UTF8", "--no-locale", "--auth=trust", "--username=postgres"]
    subprocess.run(  # noqa: S603
        [*as_user, str(binaries / "initdb"), *created, "-D", str(data)],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(data)]
    subprocess.run(  # noqa: S603
        [*control, "-w", "-o", options, "-l", str(folder / "log"), "start"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)  # noqa: S603
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The address of a throwaway MariaDB server, without a database name at its end."""
    install, server = shutil.which("mariadb-install-db"), shutil.which("mariadbd", path="/usr/sbin:/usr/bin")
    if install is None or server is None:
        missing("MariaDB")
    assert install is not None
    assert server is not None
    folder = Path("/tmp") / f"portico-maria-{os.getpid()}"  # noqa: S108  a socket path must be short
    folder.mkdir(mode=0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = ["--no-defaults", f"--datadir={folder / 'data'}"]
    common += ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(  # noqa: S603
        [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    options = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}"]
    options += ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([server, *common, *options], stdout=log, stderr=log, cwd=folder)  # noqa: S603
    until = time.monotonic() + 60
    while not (folder / "socket").exists() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    if not (folder / "socket").exists():
        pytest.fail((folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:])
    yield f"mariadb+pymysql://root@127.0.0.1:{port}"
    running.terminate()
    running.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store, once per database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'portico.db'}"
    return databases.create(request.getfixturevalue("postgres"))


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database of the kind that the test names (indirectly); empty for a file of the test's own."""
    if request.param == "sqlite":
        yield ""
        return
    with databases.empty(request.getfixturevalue(request.param)) as address:
        yield address
