"""The shared library by ctypes. ctypes releases the GIL during every call."""

import ctypes
import json
import os
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

_DOUBLES = ctypes.POINTER(ctypes.c_double)
_INTEGERS = ctypes.POINTER(ctypes.c_int64)
_MESSAGE_CAPACITY = 4096
_INTERRUPTED = 130


def _load():
    name = "libConvexCNNC.dylib" if sys.platform == "darwin" else "libConvexCNNC.so"
    library = ctypes.CDLL(str(Path(__file__).parent / name))
    i64, i32, text = ctypes.c_int64, ctypes.c_int32, ctypes.c_char_p
    signatures = {
        "train": (i32, [_DOUBLES, _INTEGERS, i32, _INTEGERS, _DOUBLES, i64, text, i64, _INTEGERS, text, i64]),
        "model_predict": (i32, [i64, _DOUBLES, _INTEGERS, i64, _DOUBLES, i64, text, i64]),
        "model_output_count": (i64, [i64]),
        "model_result": (i64, [i64, text, i64]),
        "model_write": (i32, [i64, text, text, i64]),
        "model_read": (i32, [text, _INTEGERS, text, i64]),
        "model_free": (None, [i64]),
        "flag_new": (i64, []),
        "flag_raise": (None, [i64]),
        "flag_free": (None, [i64]),
        "version": (i64, [text, i64]),
    }
    for function, (result, arguments) in signatures.items():
        call = getattr(library, f"convexcnn_{function}")
        call.restype, call.argtypes = result, arguments
    return library


_LIBRARY = _load()


class ConvexCNNError(ValueError):
    """Options, data or files that the library refuses; `code` is the exit code of `ccnn`."""

    def __init__(self, message, code=1):
        super().__init__(message)
        self.code = code


def version():
    """The version of the library."""
    text = ctypes.create_string_buffer(64)
    _LIBRARY.convexcnn_version(text, len(text))
    return text.value.decode()


def _check(code, message):
    if code:
        raise ConvexCNNError(message.value.decode(errors="replace"), code)


def _doubles(array):
    """The address of an array; arrays of another layout would need a copy and are refused."""
    if array.dtype != np.float64 or not array.flags.c_contiguous:
        raise TypeError(f"expected C-contiguous float64, found {array.dtype} with strides {array.strides}")
    return array.ctypes.data_as(_DOUBLES)


def _shape(images):
    return (ctypes.c_int64 * 4)(*images.shape)


class Model:
    """A trained network. Copies and pickles are those of its model file."""

    def __init__(self, handle):
        self._handle = handle

    @classmethod
    def train(cls, images, is_signal, options, classes=None, targets=None, output_count=1):
        """Trains on images [n, channels, height, width] and returns the model and its result.

        Training runs in a thread of its own while this one waits for Control-C, which ends it.
        """
        handle, message = ctypes.c_int64(), ctypes.create_string_buffer(_MESSAGE_CAPACITY)
        labels = None if classes is None else classes.ctypes.data_as(_INTEGERS)
        flag, code, ended = _LIBRARY.convexcnn_flag_new(), [], threading.Event()
        arguments = (
            _doubles(images), _shape(images), int(is_signal), labels,
            None if targets is None else _doubles(targets), output_count,
            json.dumps(options).encode(), flag, ctypes.byref(handle), message, len(message),
        )  # fmt: skip

        def work():
            try:
                code.append(_LIBRARY.convexcnn_train(*arguments))
            finally:
                ended.set()

        worker = threading.Thread(target=work)
        try:
            worker.start()
            # Some versions of Python take a thread for ended when Control-C comes during its join.
            while not ended.wait(0.05):
                pass
        finally:
            # After an exception, Control-C above all, training ends before the caller goes on.
            _LIBRARY.convexcnn_flag_raise(flag)
            if worker.ident is not None:
                ended.wait()
            _LIBRARY.convexcnn_flag_free(flag)
            if code == [0]:
                model = cls(handle.value)
        if code[0] == _INTERRUPTED:
            raise KeyboardInterrupt
        _check(code[0], message)
        return model, json.loads(model._result())

    @property
    def output_count(self):
        """Number of outputs of the network."""
        return _LIBRARY.convexcnn_model_output_count(self._handle)

    def _result(self):
        size = _LIBRARY.convexcnn_model_result(self._handle, None, 0)
        text = ctypes.create_string_buffer(size + 1)
        _LIBRARY.convexcnn_model_result(self._handle, text, len(text))
        return text.value

    def predict(self, images, threads=1):
        """The outputs [n, output_count] on images [n, channels, height, width]."""
        outputs = np.empty((images.shape[0], self.output_count))
        message = ctypes.create_string_buffer(_MESSAGE_CAPACITY)
        code = _LIBRARY.convexcnn_model_predict(
            self._handle, _doubles(images), _shape(images), threads, _doubles(outputs),
            outputs.shape[1], message, len(message),
        )  # fmt: skip
        _check(code, message)
        return outputs

    def save(self, path):
        """Writes a model file, which all commands of `ccnn` read."""
        message = ctypes.create_string_buffer(_MESSAGE_CAPACITY)
        _check(_LIBRARY.convexcnn_model_write(self._handle, os.fsencode(path), message, len(message)), message)

    @classmethod
    def load(cls, path):
        """Reads a model file that `save` or `ccnn train --output` wrote."""
        handle, message = ctypes.c_int64(), ctypes.create_string_buffer(_MESSAGE_CAPACITY)
        _check(
            _LIBRARY.convexcnn_model_read(os.fsencode(path), ctypes.byref(handle), message, len(message)),
            message,
        )
        return cls(handle.value)

    def __reduce__(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.safetensors")
            self.save(path)
            return _from_bytes, (path.read_bytes(),)

    def __del__(self):
        if _LIBRARY is not None:
            _LIBRARY.convexcnn_model_free(self._handle)


def _from_bytes(data):
    """The model of the bytes of a model file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.safetensors")
        path.write_bytes(data)
        return Model.load(path)
