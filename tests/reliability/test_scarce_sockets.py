"""A run where the system gives few sockets and files to a process."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.office import Office

FILES = 32
LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))
from sync.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_of_all_tools_needs_few_sockets(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > FILES
    with Office(tmp_path, store=f"sqlite:///{tmp_path / 'portico.db'}") as office:
        asked = ["-c", str(office.config), "--now", office.now.isoformat(), "sync", "--json"]
        done = subprocess.run(  # noqa: S603  the program itself
            [sys.executable, "-c", LIMITED, *asked],
            env={**os.environ, **office.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        assert {each["error"] for each in json.loads(done.stdout)["connections"]} == {None}
        assert office.writes()
        assert office.sync().json["plan"]["counts"]["changes"] == 0
        office.check(quiet=True)
