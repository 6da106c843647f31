"""The records of Cloud Build's API: ``locations/global/builds/ID``, each with Google's ``Build`` as it is shown.

Formats of the file: see ``open_database``.
"""

from cloud.emulator.rest.records import LAYOUT

MIGRATIONS = (LAYOUT,)
UNDER_WAY = "underWay"
"""Field of a record that is true until its build has ended."""
BUILD = "build"
"""Field of a record with the message."""
