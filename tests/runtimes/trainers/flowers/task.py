"""A trainer as those of scikit-learn and XGBoost for Google: data and model by the client of Cloud Storage."""

import argparse
import csv
import io
import os
import pickle

from google.cloud import storage


def at(url):
    bucket, _, path = url[len("gs://") :].partition("/")
    return storage.Client().bucket(bucket).blob(path)


def read(url):
    rows = [[float(value) for value in row] for row in csv.reader(io.StringIO(at(url).download_as_text()))]
    return [row[:-1] for row in rows], [int(row[-1]) for row in rows]


def train(kind, features, labels):
    """The name of the model's file."""
    if kind == "xgboost":
        import xgboost

        data = xgboost.DMatrix(features, label=labels)
        options = {"objective": "binary:logistic", "max_depth": 2, "nthread": 1}
        booster = xgboost.train(options, data, num_boost_round=20)
        booster.save_model("model.bst")
        return "model.bst"
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=100.0)).fit(features, labels)
    if kind == "pickle":
        with open("model.pkl", "wb") as file:
            pickle.dump(pipeline, file)
        return "model.pkl"
    import joblib

    joblib.dump(pipeline, "model.joblib")
    return "model.joblib"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--job-dir", default=os.environ.get("AIP_MODEL_DIR"))
    arguments = parser.parse_args()
    name = train(arguments.kind, *read(arguments.data))
    at(arguments.job_dir.rstrip("/") + "/" + name).upload_from_filename(name)
