"""TensorFlow Serving's REST predict API: how it reads requests and writes answers. Pure; independent of TensorFlow.

Rules and texts: ``tensorflow_serving/util/json_tensor.cc`` (JSON and tensors),
``model_servers/http_rest_api_handler.cc`` (signatures) and ``servables/tensorflow/predict_util.cc`` (inputs) in
https://github.com/tensorflow/serving, and RapidJSON 1.1.0, with which it reads and writes JSON.

One difference is on purpose: a number that does not fit an int8, uint8 or int16 is refused. TensorFlow Serving cuts it.
"""
