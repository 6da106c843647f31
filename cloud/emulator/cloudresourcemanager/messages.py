"""Resource Manager's ``Project``. Pure."""

from datetime import datetime

from cloud.emulator.rest.scalars import timestamp
from cloud.resources import Json


def project_v1(project: str, number: int, create_time: datetime) -> dict[str, Json]:
    return {
        "projectNumber": str(number),
        "projectId": project,
        "lifecycleState": "ACTIVE",
        "name": project,
        "createTime": timestamp(create_time),
    }


def project_v3(project: str, number: int, create_time: datetime) -> dict[str, Json]:
    return {
        "name": f"projects/{number}",
        "projectId": project,
        "displayName": project,
        "state": "ACTIVE",
        "createTime": timestamp(create_time),
        "updateTime": timestamp(create_time),
    }
