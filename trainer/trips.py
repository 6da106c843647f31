"""Synthetic New York taxi trips: origins and destinations, routes by streets and bridges, fares by the meter.

Positions are kilometres from Midtown, along Manhattan's avenues (towards 29 degrees east of north) and across them (to
the right, along the streets). Every function works on whole arrays, one element per trip.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KM_PER_LON, KM_PER_LAT = 84.39, 111.05  # at 40.75 N
CENTRE_LON, CENTRE_LAT = -73.98, 40.75
GRID = math.radians(29.0)
BLOCK_KM, AVENUE_KM = 0.0804, 0.24  # between streets, between avenues
KM_PER_MILE = 1.609344

# Where trips begin and end: name, share, lon, lat, spread in km along and across the avenues.
PLACES = (
    ("Midtown", 0.335, -73.9815, 40.7560, 0.90, 0.60),
    ("Chelsea, Village", 0.200, -73.9980, 40.7370, 0.80, 0.60),
    ("Downtown", 0.090, -74.0080, 40.7120, 0.60, 0.35),
    ("East Side", 0.145, -73.9600, 40.7740, 1.00, 0.35),
    ("West Side", 0.105, -73.9780, 40.7850, 1.00, 0.30),
    ("Harlem", 0.025, -73.9480, 40.8110, 1.00, 0.60),
    ("Brooklyn", 0.040, -73.9780, 40.6850, 2.20, 2.20),
    ("Queens", 0.020, -73.9200, 40.7500, 1.60, 1.60),
    ("JFK", 0.0150, -73.7850, 40.6450, 0.50, 0.50),
    ("LGA", 0.0225, -73.8720, 40.7735, 0.35, 0.35),
    ("EWR", 0.0025, -74.1780, 40.6920, 0.40, 0.40),
)
MANHATTAN = 6  # the first six are on the island
JFK, LGA, EWR = 8, 9, 10

# Ways off the island: the end in Manhattan, the other end, whether there is a toll, whether it leads to New Jersey.
CROSSINGS = (
    ("Brooklyn Bridge", (-74.0030, 40.7100), (-73.9900, 40.7000), False, False),
    ("Williamsburg Bridge", (-73.9830, 40.7170), (-73.9600, 40.7110), False, False),
    ("Queensboro Bridge", (-73.9630, 40.7600), (-73.9400, 40.7510), False, False),
    ("Queens Midtown Tunnel", (-73.9730, 40.7460), (-73.9500, 40.7410), True, False),
    ("RFK Bridge", (-73.9330, 40.8010), (-73.9170, 40.7790), True, False),
    ("Lincoln Tunnel", (-73.9950, 40.7570), (-74.0240, 40.7650), True, True),
    ("Holland Tunnel", (-74.0090, 40.7240), (-74.0400, 40.7280), True, True),
)

GPS_MISSING = 0.002  # no GPS position: both ends are (0, 0)
GPS_STUCK = 0.008  # the drop-off repeats the pick-up


@dataclass(frozen=True)
class Trips:
    """Columns of equal length. Positions in degrees, fares (with tolls, as in the lab's data) in dollars."""

    fare_amount: Floats
    pickuplon: Floats
    pickuplat: Floats
    dropofflon: Floats
    dropofflat: Floats
    passengers: NDArray[np.int64]


def draw(random: np.random.Generator, count: int) -> Trips:
    """Draw `count` trips; the same state of `random` gives the same ones."""
    weights = np.array([place[1] for place in PLACES])
    weights /= weights.sum()
    start = random.choice(len(PLACES), count, p=weights)
    end = random.choice(len(PLACES), count, p=weights)
    along1, across1 = _scatter(random, start)
    along2, across2 = _scatter(random, end)

    km, tolls = route(start, end, along1, across1, along2, across2)
    km *= random.lognormal(0.03, 0.07, count)  # one-way streets, detours
    minutes = _minutes(random, km, island=(start < MANHATTAN) & (end < MANHATTAN))
    year = random.uniform(2009.0, 2015.5, count)
    fare = meter(km, minutes, year, start, end) + tolls * toll(year)

    lon1, lat1 = degrees(*_gps(random, along1, across1))
    lon2, lat2 = degrees(*_gps(random, along2, across2))
    fate = random.random(count)
    stuck = fate < GPS_STUCK
    lon2, lat2 = np.where(stuck, lon1, lon2), np.where(stuck, lat1, lat2)
    missing = fate > 1 - GPS_MISSING
    lon1, lat1, lon2, lat2 = (np.where(missing, 0.0, column) for column in (lon1, lat1, lon2, lat2))
    passengers = random.choice(np.arange(1, 7), count, p=[0.685, 0.146, 0.046, 0.023, 0.074, 0.026])
    return Trips(fare, lon1, lat1, lon2, lat2, passengers)


def kilometres(lon: Floats | float, lat: Floats | float) -> tuple[Floats, Floats]:
    """Degrees to km along and across."""
    east, north = (np.asarray(lon) - CENTRE_LON) * KM_PER_LON, (np.asarray(lat) - CENTRE_LAT) * KM_PER_LAT
    return east * math.sin(GRID) + north * math.cos(GRID), east * math.cos(GRID) - north * math.sin(GRID)


def degrees(along: Floats, across: Floats) -> tuple[Floats, Floats]:
    """Km along and across to degrees, rounded to 6 decimals as the lab's files are."""
    east = along * math.sin(GRID) + across * math.cos(GRID)
    north = along * math.cos(GRID) - across * math.sin(GRID)
    return np.round(CENTRE_LON + east / KM_PER_LON, 6), np.round(CENTRE_LAT + north / KM_PER_LAT, 6)


def _scatter(random: np.random.Generator, place: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Random positions around places; on the island, on a street or an avenue."""
    _, _, lon, lat, spread_along, spread_across = (np.array(column) for column in zip(*PLACES, strict=True))
    centre_along, centre_across = kilometres(lon, lat)
    along = centre_along[place] + spread_along[place] * random.standard_normal(len(place))
    across = centre_across[place] + spread_across[place] * random.standard_normal(len(place))
    island = place < MANHATTAN
    on_street = random.random(len(place)) < 0.5
    along = np.where(island & on_street, np.round(along / BLOCK_KM) * BLOCK_KM, along)
    across = np.where(island & ~on_street, np.round(across / AVENUE_KM) * AVENUE_KM, across)
    return along, across


def _gps(random: np.random.Generator, along: Floats, across: Floats) -> tuple[Floats, Floats]:
    """Add GPS errors of some 15 m, as between tall buildings."""
    return along + 0.015 * random.standard_normal(len(along)), across + 0.015 * random.standard_normal(len(across))


def route(
    start: NDArray[np.int64], end: NDArray[np.int64], along1: Floats, across1: Floats, along2: Floats, across2: Floats
) -> tuple[Floats, Floats]:
    """Return km driven between places (indices into PLACES) and tolls paid (a count).

    On the island, routes follow the grid; elsewhere roads are more direct. Trips on or off the island take the crossing
    with the shortest way.
    """
    island1, island2 = start < MANHATTAN, end < MANHATTAN
    jersey = (start == EWR) | (end == EWR)
    blocks = np.abs(along2 - along1) + np.abs(across2 - across1)
    direct = 1.3 * np.hypot(along2 - along1, across2 - across1)
    km = np.where(island1 & island2, blocks, direct)
    tolls = np.zeros(len(km))

    # Seen from the island: the end on it, and the end off it.
    on_along, on_across = np.where(island1, along1, along2), np.where(island1, across1, across2)
    off_along, off_across = np.where(island1, along2, along1), np.where(island1, across2, across1)
    best = np.full(len(km), np.inf)
    paid = np.zeros(len(km))
    for _, near, far, takes_toll, leads_to_jersey in CROSSINGS:
        (near_along, near_across), (far_along, far_across) = kilometres(*near), kilometres(*far)
        way = np.abs(on_along - near_along) + np.abs(on_across - near_across)
        way = way + np.hypot(far_along - near_along, far_across - near_across)
        way = way + 1.3 * np.hypot(off_along - far_along, off_across - far_across)
        cost = np.where(jersey == leads_to_jersey, way + (1.5 if takes_toll and not leads_to_jersey else 0.0), np.inf)
        shorter = cost < best
        best = np.where(shorter, cost, best)
        paid = np.where(shorter, float(takes_toll), paid)
        km = np.where(shorter & (island1 != island2), way, km)
    return km, np.where(island1 != island2, paid, tolls)


def _minutes(random: np.random.Generator, km: Floats, island: NDArray[np.bool_]) -> Floats:
    """Minutes standing or in slow traffic, which the meter charges, by the hour of the day."""
    hour = random.choice(24, len(km), p=_HOURS)
    crawl = np.where(island, 0.85, 0.35) * _TRAFFIC[hour] * np.minimum(km, 12.0)
    return crawl * random.lognormal(-0.12, 0.5, len(km)) + random.exponential(0.6, len(km))


_RIDES = np.array([39, 29, 22, 16, 12, 10, 21, 37, 46, 47, 45, 47, 49, 49, 50, 48, 41, 50, 60, 63, 59, 58, 57, 49.0])
_HOURS = _RIDES / _RIDES.sum()
_TRAFFIC = np.array([6, 5, 5, 4, 3, 3, 5, 8, 11, 12, 12, 12, 13, 13, 13, 13, 12, 13, 13, 11, 9, 8, 8, 7]) / 10.0


def meter(km: Floats, minutes: Floats, year: Floats, start: NDArray[np.int64], end: NDArray[np.int64]) -> Floats:
    """Return the fare in dollars by the Taxi and Limousine Commission's tariff of its year (2012.68: 4 September 2012).

    2.50 for the flag drop, which covers the first unit, then 0.40 (since the change 0.50) for each unit: a fifth of a
    mile, or a minute standing. Between Manhattan and JFK 45 (52) flat; to Newark 15 (17.50) on top of the meter.
    Night, rush-hour and tax surcharges have columns of their own in the commission's records, and are not part of
    fare_amount, there or here.
    """
    raised = year >= 2012.68
    units = np.floor(km / KM_PER_MILE * 5.0 + minutes)
    fare = 2.5 + np.where(raised, 0.5, 0.4) * np.maximum(units - 1.0, 0.0)
    jfk = ((start == JFK) & (end < MANHATTAN)) | ((end == JFK) & (start < MANHATTAN))
    fare = np.where(jfk, np.where(raised, 52.0, 45.0), fare)
    newark = np.where(raised, 17.5, 15.0)
    return np.round(fare + np.where((end == EWR) & (start != EWR), newark, 0.0), 2)


def toll(year: Floats) -> Floats:
    """Return the dollars for one toll crossing, as charged to a taxi's transponder."""
    return np.select([year < 2010.0, year < 2011.0, year < 2013.2, year < 2015.2], [4.15, 4.57, 4.80, 5.33], 5.54)
