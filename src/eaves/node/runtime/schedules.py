"""Schedules of five fields, as cron reads them: minute, hour, day, month, weekday.  Pure.

Where both a day of the month and a weekday are restricted, either is enough.  A schedule that
cannot be read is never due.
"""

from datetime import datetime

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
FIELDS = len(RANGES)
SUNDAY, SUNDAY_TOO = 0, 7


def due(schedule: str, at: datetime) -> bool:
    """Is `at` within a minute of the schedule?"""
    words = schedule.split()
    if len(words) != FIELDS:
        return False
    found = [_numbers(word, *bounds) for word, bounds in zip(words, RANGES, strict=True)]
    minutes, hours, days, months, weekdays = found
    weekday = at.isoweekday() % 7
    on_day = at.day in days
    on_weekday = weekday in weekdays or (weekday == SUNDAY and SUNDAY_TOO in weekdays)
    free = (words[2].startswith("*"), words[4].startswith("*"))
    today = on_day and on_weekday if any(free) else on_day or on_weekday
    return at.minute in minutes and at.hour in hours and at.month in months and today


def _numbers(word: str, least: int, most: int) -> frozenset[int]:
    """Of `*`, `5`, `1-5`, `*/10`, `8-18/2`, and lists of them; empty for what is none."""
    numbers: set[int] = set()
    for part in word.split(","):
        span, _, step = part.partition("/")
        first, _, last = (f"{least}-{most}" if span == "*" else span).partition("-")
        last = last or (str(most) if step else first)
        if not all(text.isdecimal() for text in (first, last, step or "1")):
            return frozenset()
        if not least <= int(first) <= int(last) <= most or not int(step or "1"):
            return frozenset()
        numbers.update(range(int(first), int(last) + 1, int(step or "1")))
    return frozenset(numbers)
