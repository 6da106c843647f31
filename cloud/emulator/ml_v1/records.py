"""The records of ML Engine's API, which add fields to the backend's jobs, models and versions.

Formats of the file: see ``open_database``.
"""

from cloud.emulator.rest.records import LAYOUT

# The parent is what stands before the last "/": all that is no slash is trimmed from the right, then the slash.
_COPY = """
INSERT INTO resources (name, parent, create_time, update_time, revision, fields, policy_revision, policy)
    SELECT name, rtrim(rtrim(name, replace(name, '/', '')), '/'), create_time, create_time, revision, fields,
    policy_revision, policy FROM earlier
"""
MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS resources (
    name TEXT PRIMARY KEY, create_time TEXT NOT NULL, revision INTEGER NOT NULL, fields TEXT NOT NULL,
    policy_revision INTEGER NOT NULL, policy TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS intents (name TEXT PRIMARY KEY, fields TEXT NOT NULL) STRICT
""",
    f"ALTER TABLE resources RENAME TO earlier; {LAYOUT} {_COPY}; DROP TABLE earlier",
)
