"""Run a module in a Python process whose Keras runs on OpenVINO.

Keras fixes its backend when it is first imported, and this process may have chosen another one,
or none; TensorFlow is needed in neither.
"""

import os
import subprocess
import sys
import tempfile

from ai_engine.errors import AiEngineError, BackendError

TIME_LIMIT = 300.0
"""Seconds that such a process may take; on two cores a conversion takes about five."""


def run_on_openvino_keras(module: str, *arguments: str) -> None:
    """Run ``python -m module arguments``.

    Raises
    ------
    BackendError
        If it fails or takes too long; the message is its own error, or names the module and its
        last line of output.
    """
    with tempfile.TemporaryDirectory(prefix="keras-home-") as home:
        # Keras writes its settings to KERAS_HOME; the user's own must not decide the layout.
        environment = os.environ | {"KERAS_BACKEND": "openvino", "KERAS_HOME": home}
        command = [sys.executable, "-m", module, *arguments]
        try:
            subprocess.run(  # noqa: S603 - our own modules, paths and names only
                command,
                env=environment,
                check=True,
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
            )
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or ["no message"])[-1]
            kind, _, words = last.partition(": ")
            if words and kind.startswith(AiEngineError.__module__):  # says itself what is wrong
                raise BackendError(words) from error
            raise BackendError(f"{module} failed: {last}") from error
        except subprocess.TimeoutExpired as error:
            raise BackendError(
                f"{module} took over {TIME_LIMIT:.0f} s; try again when the machine is less busy"
            ) from error
