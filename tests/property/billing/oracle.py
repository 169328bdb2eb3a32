"""Slow second opinion on the price of a call: exact fractions of the major unit, increment by increment.

Written from FIN-57…61 alone, without looking at how the kernel does it: no grouping of increments,
no common denominators, no precomputed pieces; rows are chosen anew for every increment.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from zoneinfo import ZoneInfo


def best_row(rows, number, instant, zone):
    prefixes = [row.prefix for row in rows if number.startswith(row.prefix)]
    if not prefixes:
        return None
    longest = max(prefixes, key=len)
    same = [row for row in rows if row.prefix == longest]
    wall = instant.astimezone(ZoneInfo(zone))
    in_band = [row for row in same if row.band is not None and inside(row.band, wall)]
    if in_band:
        return min(in_band, key=lambda row: (-row.weight, row.row_id))
    plain = [row for row in same if row.band is None]
    return min(plain, key=lambda row: (-row.weight, row.row_id)) if plain else None


def last_in_force(rows, number, answered_at, zone, since, second, known):
    """Where a moment of the talk has no row, the last one that was in force goes on: `known` at `since`, unless there
    was another one in between."""
    found = (best_row(rows, number, answered_at + timedelta(seconds=back), zone) for back in range(second, since, -1))
    return next((row for row in found if row is not None), known)


def inside(band, wall):
    day_start = wall.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    begins = day_start + timedelta(minutes=band.start_minute)
    ends = day_start + timedelta(minutes=band.end_minute)
    naive = wall.replace(tzinfo=None)
    if band.first_on is not None and naive.date() < band.first_on:
        return False
    if band.last_on is not None and naive.date() > band.last_on:
        return False
    return naive.weekday() in band.weekdays and begins <= naive < ends


def price_at(row, talk_second):
    chosen = row.price
    for step in row.steps:
        if step.from_second <= talk_second:
            chosen = step.price
    return Fraction(chosen, 1_000_000)


def exact_total(rows, number, answered_at: datetime, seconds, zone, package=0):
    """(total in major units, package seconds used) or None without a rate."""
    opening = best_row(rows, number, answered_at, zone)
    if opening is None:
        return None
    if seconds == 0:
        return Fraction(0), 0
    talk = 0
    if opening.free_seconds:
        if opening.free_mode.value == "threshold":
            if seconds <= opening.free_seconds:
                return Fraction(0), 0
        else:
            talk = opening.free_seconds
    total = Fraction(opening.connection_fee, 1_000_000)
    package_left = package if opening.package_applies else 0
    package_open, used, paid, length = True, 0, False, opening.first_increment
    row, since = opening, 0
    while talk < seconds:
        row, since = last_in_force(rows, number, answered_at, zone, since, talk, row), talk
        if talk > 0 and length is None:
            length = row.next_increment
        if package_open and package_left >= length:
            package_left -= length
            used += length
        else:
            package_open = False
            total += price_at(row, talk) * length / row.unit_seconds
            paid = True
        talk += length
        length = None
    if paid:
        total = max(total, Fraction(opening.minimum_charge, 1_000_000))
    return total, used


def posted(total: Fraction, minor_digits=2) -> Fraction:
    return Fraction(floor(total * 10**minor_digits + Fraction(1, 2)), 10**minor_digits)
