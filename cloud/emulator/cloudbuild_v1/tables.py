"""Cloud Build's regions, and the numbers of its enums. Pure data.

https://cloud.google.com/build/docs/locations,
https://github.com/googleapis/googleapis/blob/master/google/devtools/cloudbuild/v1/cloudbuild.proto
"""

from cloud.emulator.rest.schemas import EnumNumbers

GLOBAL = "global"
_STATUS = {
    0: "STATUS_UNKNOWN",
    10: "PENDING",
    1: "QUEUED",
    2: "WORKING",
    3: "SUCCESS",
    4: "FAILURE",
    5: "INTERNAL_ERROR",
    6: "TIMEOUT",
    7: "CANCELLED",
    9: "EXPIRED",
}
ENUM_NUMBERS: EnumNumbers = {
    "Build.status": _STATUS,
    "BuildStep.status": _STATUS,
    "BuildOptions.logging": {
        0: "LOGGING_UNSPECIFIED",
        1: "LEGACY",
        2: "GCS_ONLY",
        3: "STACKDRIVER_ONLY",
        5: "CLOUD_LOGGING_ONLY",
        4: "NONE",
    },
    "BuildOptions.machineType": {
        0: "UNSPECIFIED",
        1: "N1_HIGHCPU_8",
        2: "N1_HIGHCPU_32",
        5: "E2_HIGHCPU_8",
        6: "E2_HIGHCPU_32",
        7: "E2_MEDIUM",
        11: "E2_STANDARD_2",
    },
    "BuildOptions.requestedVerifyOption": {0: "NOT_VERIFIED", 1: "VERIFIED", 3: "BEST_EFFORT"},
    "BuildApproval.state": {
        0: "STATE_UNSPECIFIED",
        1: "PENDING",
        2: "APPROVED",
        3: "REJECTED",
        5: "CANCELLED",
    },
}
"""Of the enums whose names the discovery document does not list in the order of their numbers."""
REGIONS = frozenset(
    {
        GLOBAL,
        *(f"africa-south{number}" for number in (1,)),
        *(f"asia-east{number}" for number in (1, 2)),
        *(f"asia-northeast{number}" for number in (1, 2, 3)),
        *(f"asia-south{number}" for number in (1, 2)),
        *(f"asia-southeast{number}" for number in (1, 2)),
        *(f"australia-southeast{number}" for number in (1, 2)),
        *("europe-central2", "europe-north1", "europe-southwest1"),
        *(f"europe-west{number}" for number in (1, 2, 3, 4, 6, 8, 9, 10, 12)),
        *(f"me-central{number}" for number in (1, 2)),
        "me-west1",
        *(f"northamerica-northeast{number}" for number in (1, 2)),
        *(f"southamerica-{end}" for end in ("east1", "west1")),
        *("us-central1", "us-south1"),
        *(f"us-east{number}" for number in (1, 4, 5)),
        *(f"us-west{number}" for number in (1, 2, 3, 4)),
    }
)
