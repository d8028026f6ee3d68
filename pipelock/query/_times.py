"""Points in time as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

__all__ = ["read_time"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MAX_SPAN = 100 * 366 * 86_400


def read_time(text: str, now: float, zone: tzinfo | None = None) -> float:
    """Seconds since the epoch of `2h` (ago), `16:30`, `today`, `yesterday`, `2026-11-21` or `2026-11-21T16:30[:00][Z]`.

    A time of day that is still to come is yesterday's. `zone` is that of what names none; `None` the machine's own.

    Raises:
        ValueError: It is none of these.
    """
    word = text.strip().lower()
    count = word[:-1]
    if word[-1:] in _UNITS and count.isascii() and count.isdigit() and len(count) <= 10:
        span = int(count) * _UNITS[word[-1]]
        if span <= _MAX_SPAN:
            return now - span
    here = datetime.fromtimestamp(now).astimezone() if zone is None else datetime.fromtimestamp(now, zone)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    if word == "today":
        return midnight.timestamp()
    if word == "yesterday":
        return (midnight - timedelta(days=1)).timestamp()
    try:
        return _point(text.strip(), here).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(
            f'"{text[:40]}" is no time; write 2h, 30m, 7d, 16:30, today, yesterday, 2026-11-21 or 2026-11-21T16:30'
        ) from error


def _point(text: str, here: datetime) -> datetime:
    if len(text) <= 8 and ":" in text:
        clock = datetime.strptime(text, "%H:%M:%S" if text.count(":") == 2 else "%H:%M")  # noqa: DTZ007 - a clock time
        point = here.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
        return point if point <= here else point - timedelta(days=1)
    point = datetime.fromisoformat(text)
    return point if point.tzinfo is not None else point.replace(tzinfo=here.tzinfo)
