"""What the network sees of a trip. Part of the exported graph: a client sends what a taxi knows, five numbers."""

import math

import tensorflow as tf

# Kilometres a degree at New York's latitude (40.75 N); over a city the earth is flat.
KM_PER_LON, KM_PER_LAT = 84.39, 111.05
MIDTOWN = (-73.98, 40.75)
GRID = math.radians(29.0)  # Manhattan's avenues point 29 degrees east of north
REACH_KM = 100.0  # no taxi is farther from Midtown; a position that is (as 0, 0) is a receiver's failure
AIRPORTS = ((-73.785, 40.645), (-73.872, 40.774), (-74.178, 40.692))  # JFK, LaGuardia, Newark
AIRPORT_KM = 1.5  # how far its terminals lie from an airport's centre
MOST_PASSENGERS = 6.0


def raw_features(trips: tf.Tensor) -> tf.Tensor:
    """Return the lab's five columns as they are. Float32 [n, 5] in and out."""
    return trips


def engineered_features(trips: tf.Tensor) -> tf.Tensor:
    """Return lengths, directions, places: float32 [n, 21], in km, from trips, float32 [n, 5] (degrees, head count).

    Where an end has no sensible position, what depends on it is 0 and a feature of its own says so.
    """
    along1, across1 = _kilometres(trips[:, 0], trips[:, 1])
    along2, across2 = _kilometres(trips[:, 2], trips[:, 3])
    placed1, placed2 = _placed(along1, across1), _placed(along2, across2)
    along1, across1 = placed1 * along1, placed1 * across1
    along2, across2 = placed2 * along2, placed2 * across2
    along = placed1 * placed2 * (along2 - along1)
    across = placed1 * placed2 * (across2 - across1)
    straight = tf.sqrt(tf.square(along) + tf.square(across))
    columns = [
        straight,
        tf.abs(along) + tf.abs(across),  # as the streets go
        tf.abs(along),
        tf.abs(across),
        along,
        across,
        along / (straight + 0.1),
        across / (straight + 0.1),
        along1,
        across1,
        along2,
        across2,
        1.0 - placed1,
        1.0 - placed2,
        tf.clip_by_value(trips[:, 4], 0.0, MOST_PASSENGERS),
    ]
    for lon, lat in AIRPORTS:
        airport_along, airport_across = _kilometres(tf.constant(lon), tf.constant(lat))
        for placed, end_along, end_across in ((placed1, along1, across1), (placed2, along2, across2)):
            square_km = tf.square(end_along - airport_along) + tf.square(end_across - airport_across)
            columns.append(placed * tf.exp(-square_km / (2.0 * AIRPORT_KM**2)))
    return tf.stack(columns, axis=1)


def _kilometres(lon: tf.Tensor, lat: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Degrees to km from Midtown: along the avenues (uptown is positive) and across them (the East River's side)."""
    east = (lon - MIDTOWN[0]) * KM_PER_LON
    north = (lat - MIDTOWN[1]) * KM_PER_LAT
    return (
        east * math.sin(GRID) + north * math.cos(GRID),
        east * math.cos(GRID) - north * math.sin(GRID),
    )


def _placed(along: tf.Tensor, across: tf.Tensor) -> tf.Tensor:
    """1.0 where a position is within reach, else 0.0."""
    return tf.cast(tf.square(along) + tf.square(across) < REACH_KM**2, tf.float32)
