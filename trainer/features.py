"""The features of a trip. They are part of the exported graph: a client sends the five raw columns."""

import math

import tensorflow as tf

# Kilometres per degree at New York's latitude (40.75 N); the earth's curvature is negligible.
KM_PER_LON, KM_PER_LAT = 84.39, 111.05
MIDTOWN = (-73.98, 40.75)
GRID = math.radians(29.0)  # Manhattan's avenues point 29 degrees east of north
MAX_KM = 100.0  # from Midtown; a position farther away, such as (0, 0), is a GPS failure
AIRPORTS = ((-73.785, 40.645), (-73.872, 40.774), (-74.178, 40.692))  # JFK, LaGuardia, Newark
AIRPORT_KM = 1.5  # from an airport's centre to its terminals
MAX_PASSENGERS = 6.0


def raw_features(trips: tf.Tensor) -> tf.Tensor:
    """Return the lab's five columns unchanged. Float32 [n, 5] in and out."""
    return trips


def engineered_features(trips: tf.Tensor) -> tf.Tensor:
    """Return lengths, directions, positions: float32 [n, 21], in km, from trips, float32 [n, 5] (degrees, passengers).

    If an end has no valid position, the features that depend on it are 0, and one more feature marks it.
    """
    along1, across1 = _kilometres(trips[:, 0], trips[:, 1])
    along2, across2 = _kilometres(trips[:, 2], trips[:, 3])
    valid1, valid2 = _is_valid(along1, across1), _is_valid(along2, across2)
    along1, across1 = valid1 * along1, valid1 * across1
    along2, across2 = valid2 * along2, valid2 * across2
    along = valid1 * valid2 * (along2 - along1)
    across = valid1 * valid2 * (across2 - across1)
    straight = tf.sqrt(tf.square(along) + tf.square(across))
    columns = [
        straight,
        tf.abs(along) + tf.abs(across),  # distance along the streets
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
        1.0 - valid1,
        1.0 - valid2,
        tf.clip_by_value(trips[:, 4], 0.0, MAX_PASSENGERS),
    ]
    for lon, lat in AIRPORTS:
        airport_along, airport_across = _kilometres(tf.constant(lon), tf.constant(lat))
        for valid, end_along, end_across in ((valid1, along1, across1), (valid2, along2, across2)):
            square_km = tf.square(end_along - airport_along) + tf.square(end_across - airport_across)
            columns.append(valid * tf.exp(-square_km / (2.0 * AIRPORT_KM**2)))
    return tf.stack(columns, axis=1)


def _kilometres(lon: tf.Tensor, lat: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Degrees to km from Midtown: along the avenues (uptown is positive) and across them (the East River's side)."""
    east = (lon - MIDTOWN[0]) * KM_PER_LON
    north = (lat - MIDTOWN[1]) * KM_PER_LAT
    return (
        east * math.sin(GRID) + north * math.cos(GRID),
        east * math.cos(GRID) - north * math.sin(GRID),
    )


def _is_valid(along: tf.Tensor, across: tf.Tensor) -> tf.Tensor:
    """1.0 for a position within MAX_KM of Midtown, else 0.0."""
    return tf.cast(tf.square(along) + tf.square(across) < MAX_KM**2, tf.float32)
