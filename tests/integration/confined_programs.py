"""Programs for confined jobs, each with what real trainers do on the machine that they run on."""

LOCAL = """
import glob, math, multiprocessing, os, pathlib, sqlite3, subprocess, sys, tempfile, urllib.request, zipfile

# Their own files: renamed between folders, in shells, databases and temporary folders.
home = pathlib.Path.home()
(home / "a/b").mkdir(parents=True)
(home / "a/b/file").write_text("x")
os.replace(home / "a/b/file", home / "moved")
assert subprocess.check_output("cat ~/moved && touch $TMPDIR/t && echo y > /tmp/z", shell=True, text=True) == "x"
with tempfile.NamedTemporaryFile() as file, sqlite3.connect(home / "x.db") as database:
    database.execute("create table t (c)")
print("files")

# A package from a wheel, by pip itself; the base Python has one where the runtime has none.
bundled, = glob.glob(os.path.join(sys.base_prefix, "lib/python3*/ensurepip/_bundled/pip-*.whl"))
with zipfile.ZipFile(bundled) as archive:
    archive.extractall(home / "pip")
wheel = "tiny-1.0-py3-none-any.whl"
METADATA = "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\nRequires-Dist: numpy\\n"
with zipfile.ZipFile(wheel, "w") as archive:
    archive.writestr("tiny.py", "def main(): print('installed')")
    archive.writestr("tiny-1.0.dist-info/METADATA", METADATA)
    archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    archive.writestr("tiny-1.0.dist-info/entry_points.txt", "[console_scripts]\\ntiny = tiny:main\\n")
    archive.writestr("tiny-1.0.dist-info/RECORD", "")
pip = [sys.executable, str(home / "pip/pip"), "install", "--no-index", wheel]
print(subprocess.check_output(pip, text=True))
import tiny
tiny.main()
assert subprocess.check_output(["tiny"], text=True) == "installed\\n"
assert subprocess.check_output([sys.executable, "-c", "import tiny, numpy; tiny.main()"], text=True) == "installed\\n"

with multiprocessing.get_context("spawn").Pool(2) as pool:
    assert pool.map(math.sqrt, [1, 4]) == [1, 2]
print("processes")

for _ in range(3):
    try:
        urllib.request.urlopen("https://example.com/")
    except OSError:
        print("offline")
"""

TENSORFLOW = """
import os, subprocess, sys
import tensorflow as tf

folder = sys.argv[1]
service = tf.data.experimental.service
dispatcher = service.DispatchServer()
worker = service.WorkerServer(service.WorkerConfig(dispatcher_address=dispatcher.target.split("://")[1]))
distribute = service.distribute(processing_mode="parallel_epochs", service=dispatcher.target)
assert sum(number.numpy() for number in tf.data.Dataset.range(10).apply(distribute)) == 45
print("tf.data service", flush=True)

model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
callbacks = [
    tf.keras.callbacks.TensorBoard(f"{folder}/logs", profile_batch=(1, 2)),
    tf.keras.callbacks.ModelCheckpoint("checkpoints/at-{epoch}.weights.h5", save_weights_only=True),
    tf.keras.callbacks.BackupAndRestore("backup"),
]
data = tf.data.Dataset.from_tensor_slices(([[1.0]] * 8, [[2.0]] * 8)).batch(2).cache("cached")
model.fit(data, epochs=2, verbose=0, callbacks=callbacks)
tf.train.Checkpoint(model=model).save(f"{folder}/checkpoint/c")
model.export(f"{folder}/export", verbose=False)
print("exported", sorted(name.strip("/") for name in tf.io.gfile.listdir(folder)))

# What a TensorBoard of the job would start for this folder.
reader = [os.environ["TENSORBOARD_DATA_SERVER_BINARY"], f"--logdir={folder}"]
print("data server:", subprocess.run(reader, stderr=subprocess.PIPE, text=True).stderr)
"""

DISTRIBUTED = """
import json, os
import tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    total = tf.Variable(0.0)

@tf.function
def step():
    value = strategy.run(lambda: tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group + 1, tf.float32))
    return strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)

print("of both", step().numpy(), flush=True)
"""

LOGGING = """
import logging
import google.cloud.logging

for grpc in (True, False):
    client = google.cloud.logging.Client(_use_grpc=grpc)
    client.setup_logging()
    logging.warning("by a handler", extra={"labels": {"grpc": str(grpc)}})
    client.logger("my-log").log_struct({"message": "by a logger", "loss": 0.5}, severity="NOTICE")
    client.close()
    logging.getLogger().handlers.clear()
"""

DENIED = """
import json, os, urllib.request

account = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default"
answer = urllib.request.urlopen(urllib.request.Request(f"{account}/token", headers={"Metadata-Flavor": "Google"}))
token = json.load(answer)["access_token"]


def list_objects(bucket):
    url = f"https://storage.googleapis.com/storage/v1/b/{bucket}/o"
    urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"}))


for _ in range(3):
    try:
        list_objects("none")
    except urllib.error.HTTPError:
        pass
list_objects("closed")
"""

OVER_GRPC = """
import json
import os
from urllib.request import Request, urlopen

import grpc

account = f"http://{os.environ['GCE_METADATA_HOST']}/computeMetadata/v1/instance/service-accounts/default"
token = json.load(urlopen(Request(f"{account}/token", headers={"Metadata-Flavor": "Google"})))["access_token"]
channel = grpc.secure_channel("us-central1-aiplatform.googleapis.com:443", grpc.ssl_channel_credentials())
parent = f"projects/{os.environ['GOOGLE_CLOUD_PROJECT']}/locations/us-central1".encode()
call = channel.unary_unary("/google.cloud.aiplatform.v1.ModelService/ListModels")
try:
    call(b"\\n" + bytes([len(parent)]) + parent, metadata=[("authorization", f"Bearer {token}")], timeout=60)
except grpc.RpcError as error:
    print("refused", error.code().name)
"""
