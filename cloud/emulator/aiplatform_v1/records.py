"""The records of Vertex AI's API: names, labels, specifications, deployments.

Models exist only here; a custom job is a job of the backend, an endpoint a model of the backend, and a deployed model
one of its versions.

A record is written before the backend creates its resource, so that it exists after a kill in between. A record without
its resource is not shown.

Formats of the file: see ``open_database``.
"""

MIGRATIONS = (
    """
CREATE TABLE IF NOT EXISTS resources (
    sequence INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, create_time TEXT NOT NULL,
    update_time TEXT NOT NULL, revision INTEGER NOT NULL, fields TEXT NOT NULL
) STRICT
""",
    """
ALTER TABLE resources ADD COLUMN policy_revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE resources ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';
CREATE INDEX resources_by_parent ON resources (parent, sequence);
CREATE TABLE IF NOT EXISTS intents (name TEXT PRIMARY KEY, fields TEXT NOT NULL) STRICT
""",
)
