"""How long an edit takes to show its effect in the tools, by a simulated clock: the default schedule at the default pace.

The tools are read side by side, each at its `requests_per_second`; then what was judged is written to the
tools. A fifth of the projects have a plan in Planner, which is asked for each of them; the others are asked as a whole.
"""

import random

from config import phrases
from config.connections import Planner
from config.settings import Schedule

EDITS = 20_000
PER_PLAN = 3
PER_CONNECTION = 3
WRITES = 3
"""Tools that show an effect, a request each."""
LATENCY = 0.3
JUDGING = 3.0


def run_seconds(projects: int) -> float:
    """How long a run takes: the slowest tool, the judgement, and a write of one project to each tool that shows it."""
    pace, workers = (
        float(Planner.model_fields[name].default) for name in ("requests_per_second", "max_workers")
    )
    asked = PER_CONNECTION + PER_PLAN * projects // 5
    return asked * max(1 / pace, LATENCY / workers) + JUDGING + WRITES * LATENCY


def p95_minutes(projects: int, every: int | None = None) -> float:
    """The time within which 95 of 100 edits have their effect. An edit is seen by the first run that begins after it."""
    minutes = every or phrases.parse(Schedule().sync).minutes or 0
    run = run_seconds(projects)
    step = max(60.0 * minutes, run)
    chance = random.Random(11)
    waits = sorted((step - chance.uniform(0, step)) + run for _ in range(EDITS))
    return round(waits[int(0.95 * EDITS)] / 60, 1)
