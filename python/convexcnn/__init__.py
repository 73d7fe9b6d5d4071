"""Two-layer convolutional networks trained to a proven gap, as scikit-learn estimators."""

from ._estimators import ConvexCNNClassifier, ConvexCNNRegressor
from ._library import ConvexCNNError, Model, version

__all__ = ["ConvexCNNClassifier", "ConvexCNNError", "ConvexCNNRegressor", "Model"]
__version__ = version()
