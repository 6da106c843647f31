"""Artifact Registry's locations, and the numbers of its enums. Pure data.

https://cloud.google.com/artifact-registry/docs/repositories/repo-locations,
https://github.com/googleapis/googleapis/blob/master/google/devtools/artifactregistry/v1/repository.proto
"""

from collections.abc import Mapping

from cloud.emulator.rest.schemas import EnumNumbers

LOCATIONS: Mapping[str, str] = {
    "africa-south1": "Johannesburg",
    "asia": "Asia multi-region",
    "asia-east1": "Taiwan",
    "asia-east2": "Hong Kong",
    "asia-northeast1": "Tokyo",
    "asia-northeast2": "Osaka",
    "asia-northeast3": "Seoul",
    "asia-south1": "Mumbai",
    "asia-south2": "Delhi",
    "asia-southeast1": "Singapore",
    "asia-southeast2": "Jakarta",
    "australia-southeast1": "Sydney",
    "australia-southeast2": "Melbourne",
    "europe": "Europe multi-region",
    "europe-central2": "Warsaw",
    "europe-north1": "Finland",
    "europe-southwest1": "Madrid",
    "europe-west1": "Belgium",
    "europe-west2": "London",
    "europe-west3": "Frankfurt",
    "europe-west4": "Netherlands",
    "europe-west6": "Zürich",
    "europe-west8": "Milan",
    "europe-west9": "Paris",
    "europe-west10": "Berlin",
    "europe-west12": "Turin",
    "me-central1": "Doha",
    "me-central2": "Dammam",
    "me-west1": "Tel Aviv",
    "northamerica-northeast1": "Montréal",
    "northamerica-northeast2": "Toronto",
    "southamerica-east1": "São Paulo",
    "southamerica-west1": "Santiago",
    "us": "United States multi-region",
    "us-central1": "Iowa",
    "us-east1": "South Carolina",
    "us-east4": "Northern Virginia",
    "us-east5": "Columbus",
    "us-south1": "Dallas",
    "us-west1": "Oregon",
    "us-west2": "Los Angeles",
    "us-west3": "Salt Lake City",
    "us-west4": "Las Vegas",
}
"""With the names that they are shown by."""
ENUM_NUMBERS: EnumNumbers = {
    "Repository.format": {
        0: "FORMAT_UNSPECIFIED",
        1: "DOCKER",
        2: "MAVEN",
        3: "NPM",
        5: "APT",
        6: "YUM",
        8: "PYTHON",
        9: "KFP",
        10: "GO",
        11: "GENERIC",
        12: "RUBY",
    },
    "ProjectSettings.legacyRedirectionState": {
        0: "REDIRECTION_STATE_UNSPECIFIED",
        1: "REDIRECTION_FROM_GCR_IO_DISABLED",
        2: "REDIRECTION_FROM_GCR_IO_ENABLED",
        3: "REDIRECTION_FROM_GCR_IO_FINALIZED",
        5: "REDIRECTION_FROM_GCR_IO_ENABLED_AND_COPYING",
        6: "REDIRECTION_FROM_GCR_IO_PARTIAL_AND_COPYING",
    },
}
"""Of the enums whose names the discovery document does not list in the order of their numbers."""
