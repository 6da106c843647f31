"""Exports the SavedModel that a service deploys: five named inputs, dollars out, in a folder named by Unix time."""

import time

import tensorflow as tf

from trainer.model import FareModel
from trainer.rows import INPUTS


def serving_module(model: FareModel) -> tf.Module:
    """Return a module whose `serve` takes INPUTS by name, each float32 [None], to `predictions`, float32 [None, 1]."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name=name) for name in INPUTS], autograph=False)
    def serve(pickuplon, pickuplat, dropofflon, dropofflat, passengers):  # type: ignore[no-untyped-def]
        trips = tf.stack([pickuplon, pickuplat, dropofflon, dropofflat, passengers], axis=1)
        return {"predictions": model(trips)[:, tf.newaxis]}

    module = tf.Module()
    module.serve = serve
    # Keras 3 hides a model's variables from tf.Module: without these TensorFlow Serving would not restore them.
    module.values = [variable.value for variable in model.variables]
    return module


def export(model: FareModel, output_dir: str, now: float | None = None) -> str:
    """Write `<output_dir>/export/exporter/<unix seconds>` and return it.

    The name is greater than those of earlier exports. On a local disk the folder appears atomically; an object store
    has no atomic rename of folders, but `saved_model.pb` is written after the variables.
    """
    exporter = f"{output_dir.rstrip('/')}/export/exporter"
    tf.io.gfile.makedirs(exporter)
    earlier = [int(name) for entry in tf.io.gfile.listdir(exporter) if (name := entry.strip("/")).isdecimal()]
    name = max(int(time.time() if now is None else now), *(number + 1 for number in earlier), 0)
    final = f"{exporter}/{name}"
    target = final if "://" in output_dir else f"{output_dir.rstrip('/')}/export/unfinished-{name}"
    module = serving_module(model)
    tf.saved_model.save(module, target, signatures={"serving_default": module.serve})
    if target != final:
        tf.io.gfile.rename(target, final)
    return final
