"""Training, prediction, shapes, copies, pickles and what is refused."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

from convexcnn import ConvexCNNClassifier, ConvexCNNError, ConvexCNNRegressor, Model, _library


@pytest.fixture(scope="module")
def digits():
    images, classes = load_digits(return_X_y=True)
    return images / 16, classes


def gated(**parameters):
    return ConvexCNNClassifier(
        activation="gated", cells="sample:16", pooling="average:2x2", lambda_ratio=0.003, gap=1e-2, **parameters
    )


def test_classifier_of_images(digits):
    X, y = digits
    model = gated(image_shape=(8, 8)).fit(X[:500], y[:500])
    assert model.score(X[500:], y[500:]) > 0.9
    assert model.objective_ - model.lower_bound_ <= 1e-2 * model.objective_
    assert model.certificate_["scope"] == "the 16 cells given"
    assert model.certificate_["claim"].startswith("Proven")
    assert model.n_neurons_ == model.result_["neuronCount"] > 0
    P = model.predict_proba(X)
    assert np.allclose(P.sum(axis=1), 1) and np.array_equal(P.argmax(axis=1), model.predict(X))
    # The loss that the library reports is that of these probabilities.
    loss = -np.log(P[np.arange(500), y[:500]]).mean()
    assert loss == pytest.approx(model.result_["loss"], rel=1e-9)


def test_shapes_of_images_agree(digits):
    X, y = digits
    rows = gated(image_shape=(8, 8)).fit(X[:200], y[:200])
    images = gated().fit(X[:200].reshape(-1, 8, 8), y[:200])
    channels = gated().fit(X[:200].reshape(-1, 1, 8, 8), y[:200])
    expected = rows.decision_function(X)
    assert np.array_equal(expected, images.decision_function(X.reshape(-1, 8, 8)))
    assert np.array_equal(expected, channels.decision_function(X))
    with pytest.raises(ValueError, match="samples of shape"):
        images.predict(X.reshape(-1, 4, 16))
    with pytest.raises(ValueError, match="image_shape: expected 64 pixels"):
        gated(image_shape=(7, 8)).fit(X[:50], y[:50])


def test_regressor_of_signals_is_the_global_optimum():
    random = np.random.default_rng(0)
    X = random.standard_normal((40, 6))
    y = np.maximum(X[:, :-1] * 2 - X[:, 1:], 0).mean(axis=1)
    model = ConvexCNNRegressor(filter="2", lambda_ratio=1e-4, gap=1e-4).fit(X, y)
    assert model.certificate_["bound"] == "exact" and model.certificate_["scope"] == "all cells"
    assert model.score(X, y) > 0.99
    residual = ((model.predict(X) - y) ** 2).mean() / 2
    assert residual == pytest.approx(model.result_["loss"], rel=1e-9)
    both = ConvexCNNRegressor(filter="2", max_seconds=5).fit(X, np.stack([y, -y], axis=1))
    assert both.predict(X).shape == (40, 2)


def test_classes_of_any_type_and_both_binary_losses():
    random = np.random.default_rng(1)
    X = random.standard_normal((60, 4))
    y = np.where(X @ [1, 1, 1, 1] > 0, "up", "down")
    for loss in ("logistic", "softmax"):
        model = ConvexCNNClassifier(filter="2", loss=loss, lambda_ratio=0.01).fit(X, y)
        assert list(model.classes_) == ["down", "up"]
        assert model.score(X, y) > 0.9
        assert np.array_equal(model.predict(X) == "up", model.predict_proba(X)[:, 1] > 0.5)
    squared = ConvexCNNClassifier(filter="2", loss="squared").fit(X, y)
    assert squared.score(X, y) > 0.9
    assert not hasattr(squared, "predict_proba")


def test_copies_pickles_and_files_predict_the_same(digits, tmp_path):
    X, y = digits
    model = gated(image_shape=(8, 8)).fit(X[:200], y[:200])
    expected = model.decision_function(X)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.decision_function(X), expected)
    model.model_.save(tmp_path / "m.safetensors")
    images = np.ascontiguousarray(X).reshape(-1, 1, 8, 8)
    assert np.array_equal(Model.load(tmp_path / "m.safetensors").predict(images, threads=2), expected)
    with pytest.raises(ConvexCNNError, match="nowhere") as failure:
        Model.load(tmp_path / "nowhere.safetensors")
    assert failure.value.code == 74


def test_arrays_reach_the_library_without_copies(digits, monkeypatch):
    X, y = digits
    X = np.ascontiguousarray(X[:100])
    seen = []
    address = _library._doubles
    monkeypatch.setattr(_library, "_doubles", lambda array: seen.append(array) or address(array))
    model = gated(image_shape=(8, 8)).fit(X, y[:100])
    model.predict(X)
    gated().fit(X.reshape(-1, 8, 8), y[:100]).predict(X.reshape(-1, 8, 8))
    batches = [array for array in seen if array.ndim == 4]
    assert len(batches) == 4
    assert all(array.ctypes.data == X.ctypes.data for array in batches)
    with pytest.raises(TypeError, match="C-contiguous float64"):
        address(X.astype(np.float32))


def test_same_bits_for_any_number_of_threads(digits):
    X, y = digits
    one, two = (gated(image_shape=(8, 8), threads=threads).fit(X[:300], y[:300]) for threads in (1, 2))
    assert one.objective_ == two.objective_
    assert np.array_equal(one.decision_function(X), two.decision_function(X))


def test_cross_validation_and_clones(digits):
    X, y = digits
    model = gated(image_shape=(8, 8))
    assert clone(model).get_params() == model.get_params()
    assert cross_val_score(model, X[:300], y[:300], cv=3).mean() > 0.8


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"padding": "same"}, "padding: expected one of valid, zero, circular"),
        ({"strength": 0.1, "lambda_ratio": 0.1}, "lambdaRatio: expected no value together with lambda"),
        ({"filter": "3x3"}, "samples are signals"),
        ({"filter": "9"}, "9"),
        ({"gap": 2.0}, "gap: expected a number above 0 and below 1"),
        ({"activation": "tanh"}, "activation: expected relu"),
        ({"stride": 1.5}, "1.5"),
        ({"stride": "2"}, "options.stride"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    X, y = np.random.default_rng(2).standard_normal((20, 4)), np.arange(20) % 2
    with pytest.raises(ConvexCNNError, match=message):
        ConvexCNNClassifier(**parameters).fit(X, y)


def test_parameters_have_effects():
    random = np.random.default_rng(3)
    X = random.standard_normal((30, 5)) + 1
    y = random.standard_normal(30)
    base = dict(filter="2", lambda_ratio=0.05, gap=1e-4)

    def objective(**parameters):
        return ConvexCNNRegressor(**(base | parameters)).fit(X, y).objective_

    plain = objective()
    changes = [
        {"stride": 2}, {"padding": "zero"}, {"pooling": "none"}, {"bias": True}, {"output_bias": True},
        {"activation": "linear"}, {"activation": "gated", "cells": "sample:4", "gates": "gaussian"}, {"strength": 0.3, "lambda_ratio": None},
        {"lambda_ratio": 0.2}, {"filter_rank": 1}, {"standardize": "pixel"}, {"filter": "1"},
    ]  # fmt: skip
    for change in changes:
        assert abs(objective(**change) - plain) > 2e-4 * plain, change
    # Another solver finds the same optimum.
    assert objective(solver="frank-wolfe") == pytest.approx(plain, rel=2e-4)
