"""Figures of a running fleet, for a person at a terminal."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from eaves.fleet.summary import Summary


def shown(figures: Summary) -> Group:
    head = Text.assemble(
        (f"{figures.online} of {figures.devices} devices online", "bold"),
        f" ({figures.profile}), {figures.seconds:.0f} s, {figures.requests_per_s:.0f} requests/s, ",
        (f"{figures.errors} errors", "bold red" if figures.errors else "green"),
        f"; p50 {figures.p50_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms;"
        f" simulator: {100 * figures.generator_cpu_share:.0f} % of a core,"
        f" {figures.rss_mb:.0f} MB",
    )
    parts: list[Text | Table] = [head, _endpoints(figures)]
    if figures.waiting:
        parts.append(Text(f"long polls open: {figures.waiting}"))
    if figures.app_states:
        states = ", ".join(f"{number} {state}" for state, number in figures.app_states.items())
        parts.append(Text(f"apps: {states}"))
    acknowledged = ", ".join(f"{number} {what}" for what, number in figures.acknowledged.items())
    parts.append(Text(f"acknowledged: {acknowledged or 'nothing yet'}"))
    for fault, number in figures.expected_refusals.items():
        parts.append(Text(f"refused as they must be, {fault}: {number}", style="yellow"))
    for cause, number in figures.errors_by_cause.items():
        parts.append(Text(f"error, {number} times: {cause}", style="red"))
    return Group(*parts)


def _endpoints(figures: Summary) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("ENDPOINT")
    for heading in ("REQUESTS", "PER S", "P50 MS", "P99 MS"):
        table.add_column(heading, justify="right")
    table.add_column("ANSWERS")
    for name, one in figures.endpoints.items():
        held = name == "wait"
        table.add_row(
            name,
            str(one.requests),
            f"{one.per_s:.1f}",
            "held" if held else f"{one.p50_ms:.1f}",
            "held" if held else f"{one.p99_ms:.1f}",
            ", ".join(f"{status}: {number}" for status, number in one.statuses.items()),
        )
    return table
