"""Adds summaries to event files outside the job dir, as an Estimator does whose ``model_dir`` is another folder."""

import argparse
import tempfile

import tensorflow as tf

writer_of = tf.compat.v1.summary.FileWriter
summary = tf.compat.v1.Summary

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=int)
given, _ = parser.parse_known_args()
with tf.Graph().as_default(), writer_of(tempfile.mkdtemp()) as writer:
    for step in (10, 20):
        values = [summary.Value(tag="rmse", simple_value=given.x * step), summary.Value(tag="my_rmse", simple_value=9)]
        writer.add_summary(summary(value=values).SerializeToString(), step)
    writer.add_summary(summary(value=[summary.Value(tag="a/training/hptuning/metric", simple_value=given.x)]))
