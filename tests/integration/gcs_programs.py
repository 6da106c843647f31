"""Programs that use buckets as folders in /gcs."""

FILES = """
import errno, os, shutil, subprocess

here = "/gcs/my-bucket/x"
os.makedirs(f"{here}/y")
with open(f"{here}/a", "w") as file:
    file.write("hello")
    file.flush()
    assert os.stat(f"{here}/a").st_size == 5
with open(f"{here}/a", "a") as file:
    file.write(" more")
with open(f"{here}/a", "r+") as file:
    file.seek(1)
    file.write("E")
assert open(f"{here}/a").read() == "hEllo more"
os.truncate(f"{here}/a", 5)
os.rename(f"{here}/a", f"{here}/y/b")
assert (os.listdir(here), os.listdir(f"{here}/y"), open(f"{here}/y/b").read()) == (["y"], ["b"], "hEllo")
data = os.urandom(5_000_000)
with open(f"{here}/big", "wb") as file:
    file.write(data)
assert open(f"{here}/big", "rb").read() == data
with open(f"{here}/removed", "w") as file:
    os.remove(f"{here}/removed")
    file.write("x")
shell = "cd /gcs/my-bucket/x; echo 1 > s; echo 2 >> s; cp s t; mv t u; cat u; chmod 600 u; touch v; rm v"
assert subprocess.check_output(shell, shell=True, text=True) == "1\\n2\\n"
shutil.copytree(f"{here}/y", "/gcs/my-bucket/copy")
assert sorted(os.listdir("/gcs/my-bucket")) == ["copy", "given", "x"]
assert open("/gcs/my-bucket/given/deep/file").read() == "given"
shutil.rmtree("/gcs/my-bucket/given")
assert not os.path.exists("/gcs/my-bucket/given")


def number(work):
    try:
        work()
    except OSError as error:
        return errno.errorcode[error.errno]


print(number(lambda: open("/gcs/none/x", "w")), number(lambda: os.listdir("/gcs/none")))
print(number(lambda: os.makedirs("/gcs/closed/x")), number(lambda: open("/gcs/closed/x")))
print(number(lambda: open(f"{here}/nothing")), number(lambda: open(f"{here}/y", "w")), number(lambda: os.rmdir(here)))
print(number(lambda: os.rename(here, "/gcs/my-bucket/z")), number(lambda: os.listdir("/gcs")))
print(number(lambda: os.mkdir("/gcs/new-bucket")), number(lambda: os.open("/dev/fuse", os.O_RDWR)))
"""

TENSORFLOW = """
import os, sys
import numpy
import tensorflow as tf

base = os.environ["AIP_MODEL_DIR"].replace("gs://", "/gcs/")
model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
model.compile("sgd", "mse")
ones = numpy.ones((8, 1), "float32")
callbacks = [
    tf.keras.callbacks.TensorBoard("/gcs/my-bucket/logs"),
    tf.keras.callbacks.ModelCheckpoint("/gcs/my-bucket/checkpoints/{epoch}.keras"),
]
model.fit(ones, ones, epochs=2, verbose=0, callbacks=callbacks)
model.export(base, verbose=False)
model.save("/gcs/my-bucket/m.keras")
model.save("/gcs/my-bucket/m.h5")
tf.keras.models.load_model("/gcs/my-bucket/m.keras")
manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=model), "/gcs/my-bucket/manager", 2)
for _ in range(3):
    manager.save()
with tf.io.TFRecordWriter("/gcs/my-bucket/records") as writer:
    for _ in range(10):
        writer.write(b"x" * 100)
assert sum(1 for _ in tf.data.TFRecordDataset("/gcs/my-bucket/records")) == 10
numpy.save("/gcs/my-bucket/ones.npy", ones)
assert numpy.load("/gcs/my-bucket/ones.npy", mmap_mode="r").sum() == 8
tf.io.gfile.makedirs("/gcs/my-bucket/g/h")
tf.io.gfile.copy("/gcs/my-bucket/m.keras", "/gcs/my-bucket/g/h/m.keras")
assert tf.io.gfile.glob("/gcs/my-bucket/g/*/*") == ["/gcs/my-bucket/g/h/m.keras"]
tf.io.gfile.rmtree("/gcs/my-bucket/g")
print(sorted(tf.io.gfile.listdir("gs://my-bucket/manager")), tf.io.gfile.listdir("gs://my-bucket/checkpoints"))
"""
