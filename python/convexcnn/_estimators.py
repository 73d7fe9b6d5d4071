"""The estimators."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ._library import Model

# Parameters that the library knows by another name.
_NAMES = {
    "output_bias": "outputBias",
    "strength": "lambda",
    "lambda_ratio": "lambdaRatio",
    "filter_rank": "filterRank",
    "max_cells": "maximumCells",
    "max_seconds": "maximumSeconds",
}
_SAME = (
    "filter stride padding pooling bias activation loss cells gates standardize solver step budget gap threads"
).split()


class _ConvexCNN(BaseEstimator):
    """What classifier and regressor share; parameters are the flags of `ccnn train`.

    Parameters
    ----------
    image_shape : (height, width) or (channels, height, width), optional
        Shape of the rows of a two-dimensional X. None takes rows for signals of one channel. Arrays
        [n, height, width] and [n, channels, height, width] say it themselves.
    filter : str, optional
        "3x3" for images, "5" for signals; None takes these, or the largest that fits.
    strength : float, optional
        lambda of the objective; None takes `lambda_ratio` times lambdaMax (0.01 where that is None too).
    gap : float
        Target relative gap.
    max_seconds : float or None
        Wall-clock limit of training. Without one the proof alone may take 300 seconds.
    random_state : int, RandomState or None
        Seed of everything random.
    stride, padding, pooling, bias, output_bias, activation, loss, lambda_ratio, cells, gates, filter_rank, \
standardize, solver, step, budget, max_cells, threads
        The flags of `ccnn train` of the same names.

    Attributes
    ----------
    objective_, lower_bound_ : float
        Objective of the network on the training data, and a proven lower bound of the optimum (None without one).
    certificate_ : dict
        `claim`, `scope`, `bound`, `status`, `gap` and `relativeGap`.
    n_neurons_ : int
    lambda_ : float
        Regularization strength.
    result_ : dict
        The JSON of `ccnn train`.
    model_ : Model
        The network; `model_.save(path)` writes a file for `ccnn`.

    Notes
    -----
    A C-contiguous float64 X reaches the library by its address, in any of the shapes; other types and
    layouts are converted first. The library copies X once into its own storage.
    """

    def __init__(
        self, *, image_shape=None, filter=None, stride=1, padding="valid", pooling="average", bias=False,
        output_bias=False, activation="relu", loss=None, strength=None, lambda_ratio=None, cells=None,
        gates=None, filter_rank=None, standardize="none", solver=None, step=None, budget=None, gap=1e-3,
        max_cells=None, max_seconds=60.0, threads=None, random_state=0,
    ):  # fmt: skip
        self.image_shape = image_shape
        self.filter = filter
        self.stride = stride
        self.padding = padding
        self.pooling = pooling
        self.bias = bias
        self.output_bias = output_bias
        self.activation = activation
        self.loss = loss
        self.strength = strength
        self.lambda_ratio = lambda_ratio
        self.cells = cells
        self.gates = gates
        self.filter_rank = filter_rank
        self.standardize = standardize
        self.solver = solver
        self.step = step
        self.budget = budget
        self.gap = gap
        self.max_cells = max_cells
        self.max_seconds = max_seconds
        self.threads = threads
        self.random_state = random_state

    def _options(self):
        seed = self.random_state
        if not isinstance(seed, (int, np.integer)):
            seed = check_random_state(seed).randint(2**31 - 1)
        values = {name: getattr(self, name) for name in _SAME}
        values |= {_NAMES[name]: getattr(self, name) for name in _NAMES}
        values["seed"] = seed
        return {key: v.item() if isinstance(v, np.generic) else v for key, v in values.items()}

    def _own_shape(self, X):
        """The shape [channels, height, width] of samples in X, and whether they are signals."""
        if isinstance(X, np.ndarray) and X.ndim in (3, 4):
            return (1,) * (4 - X.ndim) + X.shape[1:], False
        if self.image_shape is None:
            return None, True
        shape = tuple(int(extent) for extent in self.image_shape)
        if len(shape) not in (2, 3):
            raise ValueError(f"image_shape: expected (height, width) or (channels, height, width), found {shape}.")
        return (1,) * (3 - len(shape)) + shape, False

    @staticmethod
    def _rows(X):
        """X with one row per sample; a view where X is contiguous."""
        if isinstance(X, np.ndarray) and X.ndim in (3, 4):
            return X.reshape(X.shape[0], int(np.prod(X.shape[1:])))
        return X

    def _fit(self, X, y, **labels):
        X, shape = X
        shape, is_signal = shape
        if shape is None:
            shape = (1, 1, X.shape[1])
        if int(np.prod(shape)) != X.shape[1]:
            raise ValueError(f"image_shape: expected {X.shape[1]} pixels, as X has features, found {shape}.")
        images = X.reshape(X.shape[0], *shape)
        self.model_, self.result_ = Model.train(images, is_signal, self._options(), **labels)
        self.sample_shape_ = shape
        result = self.result_
        self.objective_, self.lower_bound_ = result["objective"], result["lowerBound"]
        self.n_neurons_, self.lambda_ = result["neuronCount"], result["lambda"]
        keys = ("claim", "scope", "bound", "status", "gap", "relativeGap")
        self.certificate_ = {key: result[key] for key in keys}
        return self

    def _outputs(self, X):
        check_is_fitted(self)
        if isinstance(X, np.ndarray) and X.ndim in (3, 4):
            shape, _ = self._own_shape(X)
            if shape != self.sample_shape_:
                raise ValueError(f"X: expected samples of shape {self.sample_shape_}, found {shape}.")
        X = validate_data(self, self._rows(X), dtype=np.float64, order="C", reset=False)
        return self.model_.predict(X.reshape(X.shape[0], *self.sample_shape_), self.threads or 1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _has_probabilities(estimator):
    fitted = getattr(estimator, "result_", None)
    loss = fitted["model"]["loss"] if fitted else estimator.loss
    return (loss or "softmax") != "squared"


class ConvexCNNClassifier(ClassifierMixin, _ConvexCNN):
    __doc__ = "A classifier; `loss` is softmax unless told.\n\n" + _ConvexCNN.__doc__.split("\n", 1)[1]

    def fit(self, X, y):
        """Trains and certifies a network on X and the classes y."""
        shape = self._own_shape(X)
        X, y = validate_data(self, self._rows(X), y, dtype=np.float64, order="C")
        check_classification_targets(y)
        self.classes_, classes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y: expected at least two classes, found 1 class. Add samples of another class.")
        classes = np.ascontiguousarray(classes, dtype=np.int64)
        return self._fit((X, shape), y, classes=classes, output_count=len(self.classes_))

    def decision_function(self, X):
        """Outputs of the network, [n, classes]; for two classes how much the second is ahead, [n]."""
        outputs = self._outputs(X)
        if outputs.shape[1] == 1:
            return outputs[:, 0]
        return outputs[:, 1] - outputs[:, 0] if outputs.shape[1] == 2 else outputs

    def predict(self, X):
        """The class of the largest output, [n]."""
        values = self.decision_function(X)
        winners = (values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)
        return self.classes_[winners]

    @available_if(_has_probabilities)
    def predict_proba(self, X):
        """Probabilities of the classes, [n, classes], of the softmax or logistic model; squared loss has none."""
        values = self.decision_function(X)
        if values.ndim == 1:
            values = np.stack([np.zeros_like(values), values], axis=1)
        exponentials = np.exp(values - values.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)


class ConvexCNNRegressor(RegressorMixin, _ConvexCNN):
    __doc__ = "A regressor by squared loss, of one or several targets.\n\n" + _ConvexCNN.__doc__.split("\n", 1)[1]

    def fit(self, X, y):
        """Trains and certifies a network on X and the targets y, [n] or [n, targets]."""
        shape = self._own_shape(X)
        X, y = validate_data(
            self, self._rows(X), y, dtype=np.float64, order="C", multi_output=True, y_numeric=True,
            ensure_min_samples=2 if self.output_bias else 1,
        )
        targets = np.ascontiguousarray(y, dtype=np.float64)
        self._is_column = targets.ndim == 1
        count = 1 if targets.ndim == 1 else targets.shape[1]
        return self._fit((X, shape), y, targets=targets, output_count=count)

    def predict(self, X):
        """Outputs of the network, of the shape of the targets."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_column else outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
