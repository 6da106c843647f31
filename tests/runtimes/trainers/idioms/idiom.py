"""What all idioms share."""

import tensorflow as tf

IDIOMS = []


def idiom(function):
    IDIOMS.append(function)
    return function


def evaluate(tensor):
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer(), tf.tables_initializer()])
        return session.run(tensor)


def sentence(statement):
    try:
        exec(statement)
    except (AttributeError, ImportError) as error:
        return f"{type(error).__name__}: {error}"
    return "it worked"
