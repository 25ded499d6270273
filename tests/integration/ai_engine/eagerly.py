"""Trainings of a few steps, without the graphs that TensorFlow traces: tracing takes longer.

Whatever a trainer does is traced in one test at least; the others need not pay for it again.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def eagerly() -> Iterator[None]:
    """Let TensorFlow run each operation as it comes."""
    import tensorflow as tf  # noqa: PLC0415 - takes seconds

    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            # tf.data's own functions stay traced, and it says so.
            warnings.filterwarnings("ignore", message="Even though the `tf.config")
            yield
    finally:
        tf.config.run_functions_eagerly(False)
