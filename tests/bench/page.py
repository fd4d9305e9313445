"""The results as a page: a table against the targets, a plot, the facts of the machine."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

INTRODUCTION = """\
# How fast Portico is

`make bench` measures it, `make bench BENCH_OPTIONS=--full` with 100,000 issues. A stub answers as a Jira Cloud site of
issues of 5 KB with 40 custom fields in 50 projects. The reference does the least work possible over the same pages: eight
keep-alive threads, typed decoding of 15 fields, one writer, bulk upsert; nothing is kept raw, hashed or compared. Portico
keeps each record raw with its hash, normalized, linked and with history. A ratio is the reference's figure divided by
Portico's: 1 is the limit. Seconds depend on the machine and on what else it does; ratios of processor time hardly do.

"""
DATABASES = ("sqlite", "postgresql")
SMALL = 10_000
Row = tuple[str, str, str, str]


def _share(found: Mapping[str, Any]) -> str:
    speed = f"{found['issues'] / found['portico_s']:,.0f} issues/s"
    spent = f"{found['portico_cpu_us_per_issue']} µs of processor time an issue"
    return f"{found['speed_ratio']} (of processor time {found['cpu_ratio']}; {speed}, {spent})"


def _rows(results: Mapping[str, Any]) -> Iterator[Row]:
    for kind in DATABASES:
        yield from _first(results, kind)
        if kind in results:
            yield from _life(results[kind], kind)
        if found := results.get(f"{kind} alone"):
            goal = "≥ 100,000 / 250,000" if kind == "sqlite" else "≥ 50,000 / 80,000"
            wall, cpu = (
                " / ".join(f"{found[name][of]:,}" for name in ("new", "unchanged"))
                for of in ("rows_per_s", "rows_per_processor_s")
            )
            told = f"{wall} (per second of our processor time {cpu})"
            yield "8", f"store alone, rows/s new / unchanged, {kind}", goal, told
    if slow := results.get("slow line"):
        shown = (
            f"{slow['times_reference']} × the reference, {slow['times_faster_than_one']} × faster than one"
        )
        yield "2", "50 ms per request, 8 workers", "≤ 2 × the reference, ≥ 3 × faster than one", shown
    if refused := results.get("refused"):
        counted = (
            f"{refused['refused']} refusals in {refused['requests']} requests, {refused['records']} records"
        )
        told = f"{refused['s']} s, {counted}"
        yield "10", "every tenth request refused, Retry-After: 1", "≤ the waits + 10 %, complete", told
    yield from _judged(results)
    if city := results.get("city"):
        told = f"{city['s']} s (processor time {city['cpu_s']} s, {city['rss_mib']} MiB, {city['requests']} requests)"
        yield "5", "180 projects, 8 connections, nothing changed: a whole sync", "≤ 2.5 s", told
    if start := results.get("start-up"):
        told = f"{start['help_s']} s / {start['loaded_s']} s"
        yield "11", "start-up: --help / loaded for a run", "≤ 0.3 s / 0.8 s", told


def _first(results: Mapping[str, Any], kind: str) -> Iterator[Row]:
    small, life = results.get(f"{kind} first {SMALL}"), results.get(kind)
    if small:
        yield "1", f"first read of {SMALL:,} issues, {kind}", "≥ 0.25 of the reference", _share(small)
    if life and life["first"]["issues"] > SMALL:
        size = life["first"]["issues"]
        yield "1", f"first read of {size:,} issues, {kind}", "≥ 0.35 of the reference", _share(life["first"])
        if small:
            grown = f"{life['first']['rss_mib'] - small['rss_mib']} MiB"
            yield "3", f"growth of memory from {SMALL:,} to {size:,}, {kind}", "≤ 20 MiB to 1,000,000", grown


def _life(found: Mapping[str, Any], kind: str) -> Iterator[Row]:
    first, again, changes = (found[each] for each in ("first", "full again", "changes"))
    yield "3", f"peak memory, {kind}", "≤ 160 MiB", f"{max(first['rss_mib'], again['rss_mib'])} MiB"
    asked = ", ".join(f"{name} {number}" for name, number in found["requests"].items())
    yield "4", f"requests, {kind}", "one per page and few more", asked
    yield "5", f"pull with nothing changed, {kind}", "≤ 2.5 s", f"{found['unchanged']['portico_s']} s"
    yield "6", f"1,000 changes judged, {kind}", "≤ 1.5 s", f"{changes['portico_s']} s"
    slower = round(again["portico_s"] / first["portico_s"], 2)
    spent = round(again["portico_cpu_us_per_issue"] / first["portico_cpu_us_per_issue"], 2)
    told = f"{slower} (of processor time {spent})"
    yield "7", f"forced read with nothing changed, {kind}", "≤ 1 of the first read", told
    if (logged := found["log_mb_per_100000"]) is not None:
        yield "7", "write-ahead log of that read, per 100,000", "≤ 1 MB", f"{logged} MB"


def _judged(results: Mapping[str, Any]) -> Iterator[Row]:
    large, small, huge = (results.get(each) for each in ("large", "small", "huge"))
    shown = "{0[s]} s (processor time {0[cpu_s]} s)"
    if large:
        what = f"{large['projects']:,} projects, {large['items']:,} work items"
        yield "6", f"{what}: all judged on a new day", "-", shown.format(large["new day"])
        yield "6", f"{what}: nothing changed", "-", shown.format(large["unchanged"])
        yield "6", f"{what}: 1,000 changes in 50 projects judged", "≤ 1.5 s", shown.format(large["changes"])
        months = f"report of {large['projects']:,} projects, {large['months']} months"
        yield "12", f"{months}, JSON", "≤ 5 s", shown.format(large["json"])
        yield "12", f"{months}, HTML", "≤ 10 s", shown.format(large["html"])
    if huge and small:
        times = round(huge["changes"]["cpu_s"] / small["changes"]["cpu_s"], 2)
        yield "6", "the same with 1,000,000 work items against 10,000", "≤ 1.5 times", f"{times} times"
    for projects, found in results.get("freshness", {}).items():
        what = f"edit to effect at {projects} projects, default schedule, simulated clock"
        goal = f"95 of 100 within {5 if projects == '100' else 15} min"
        yield "13", what, goal, f"{found} min"


def _plot(results: Mapping[str, Any]) -> str:
    bars = [
        (f"{kind}, {name}", results[kind][name]["speed_ratio"])
        for kind in DATABASES
        if kind in results
        for name in ("first", "full again")
    ]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {30 * len(bars) + 30}"',
        ' font-family="sans-serif" font-size="13">',
        f'<line x1="320" x2="320" y1="5" y2="{30 * len(bars)}" stroke="#b00" stroke-dasharray="4"/>',
    ]
    for place, (name, ratio) in enumerate(bars):
        at = 30 * place + 10
        lines.append(f'<text x="172" y="{at + 13}" text-anchor="end">{name}</text>')
        lines.append(
            f'<rect x="180" y="{at}" width="{400 * min(ratio, 1.1):.0f}" height="18" fill="#27608b"/>'
        )
        lines.append(f'<text x="{188 + 400 * min(ratio, 1.1):.0f}" y="{at + 13}">{ratio}</text>')
    lines.append(
        f'<text x="180" y="{30 * len(bars) + 20}">share of the speed of the reference; dashed: the target 0.35</text></svg>'
    )
    return "\n".join(lines) + "\n"


def write(results: Mapping[str, Any], path: Path) -> None:
    """Writes the page, and the plot beside it."""
    rows = sorted(_rows(results), key=lambda row: (int(row[0]), row[1]))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    machine = results["machine"]
    facts = ", ".join(
        [
            f"{machine['processors']} processors",
            f"Python {machine['python']}",
            f"{machine['system']}, load {machine['load']:.1f} at the start",
        ]
    )
    text = f"| # | what | target | measured |\n|---|---|---|---|\n{table}\n\nMeasured {machine['at']} on {facts}.\n"
    path.write_text(f"{INTRODUCTION}{text}\n![Speed against the reference]({path.stem}.svg)\n")
    path.with_suffix(".svg").write_text(_plot(results))
