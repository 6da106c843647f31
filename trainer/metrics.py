"""Reports the metric that a tuning job judges its trials by, in the form of cloudml-hypertune.

Google's images have that package; a few lines do without it anywhere: one JSON object a line, in the file that the
service names.
"""

import json
import os
import time


def report_metric(name: str, value: float, step: int) -> None:
    """Report a value, if the training service asks for metrics (CLOUD_ML_HP_METRIC_FILE)."""
    path = os.environ.get("CLOUD_ML_HP_METRIC_FILE")
    if not path:
        return
    record = {
        "checkpoint_path": "",
        "timestamp": time.time(),
        "trial": os.environ.get("CLOUD_ML_TRIAL_ID", "0"),
        name: str(float(value)),
        "global_step": str(int(step)),
    }
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record, sort_keys=True) + "\n")
