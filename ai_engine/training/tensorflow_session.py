"""Keras on TensorFlow for the time of one run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ai_engine.training.recipe import Recipe


@contextmanager
def tensorflow_session(*, seed: int, precision: str, threads: int | None = None) -> Iterator[None]:
    """Load Keras on TensorFlow; seed it, and compute in ``precision`` until the end of the block.

    The precision is Keras' global policy: left behind, it would change every network that the
    process builds later.

    Parameters
    ----------
    seed
        Of Python, NumPy and TensorFlow.
    precision
        Name of a Keras dtype policy: ``float32``, ``mixed_bfloat16``, ``mixed_float16``.
    threads
        Threads that TensorFlow uses; None leaves it to TensorFlow (all cores).
    """
    _prepare_environment()
    import keras  # noqa: PLC0415 - its backend must be chosen first
    import tensorflow as tf  # noqa: PLC0415 - slow, and not for the serving path

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy(precision)
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


@contextmanager
def recipe_session(recipe: Recipe, *, threads: int | None = None) -> Iterator[None]:
    """Keras as a recipe wants it: its seed, and the precision that its task is computed in."""
    if "half_precision" not in recipe.spec.reads:
        precision = "float32"
    elif recipe.spec.steps_by_hand:
        precision = "mixed_bfloat16" if recipe.half_precision else "float32"
    else:
        precision = half_precision(on_cpu=recipe.half_precision)
    with tensorflow_session(seed=recipe.seed, precision=precision, threads=threads):
        yield


def half_precision(*, on_cpu: bool) -> str:
    """Name the policy that computes in half precision: float16 on a GPU, bfloat16 on a CPU.

    Not all that a network does is faster in bfloat16: without ``on_cpu`` a CPU stays at float32.
    """
    _prepare_environment()
    import tensorflow as tf  # noqa: PLC0415 - slow, and not for the serving path

    if tf.config.list_physical_devices("GPU"):
        return "mixed_float16"
    return "mixed_bfloat16" if on_cpu else "float32"


def _prepare_environment() -> None:
    """Say what Keras and TensorFlow read when they are imported."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
