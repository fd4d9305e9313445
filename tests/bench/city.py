"""The simulated city's tools with their pace lifted, in a process of their own: `python -m tests.bench.city FOLDER`.

Prints the environment that its configuration needs, and serves until its input ends.
"""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox.city import build, day
from sandbox.tools import start


def main() -> None:
    folder = Path(sys.argv[1])
    with start(build("city", day(datetime.now(UTC))), folder) as sandbox:
        text = re.sub(r"requests_per_second: \d+", "requests_per_second: 1000", sandbox.configuration())
        (folder / "portico.yaml").write_text(text, encoding="utf-8")
        print(json.dumps(sandbox.environment), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
