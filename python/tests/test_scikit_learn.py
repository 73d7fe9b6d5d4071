"""The checks that scikit-learn has for estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from convexcnn import ConvexCNNClassifier, ConvexCNNRegressor

ESTIMATORS = [
    ConvexCNNClassifier(activation="linear"),
    ConvexCNNClassifier(activation="gated", cells="sample:2", bias=True),
    ConvexCNNClassifier(filter="1", pooling="none"),
    ConvexCNNRegressor(activation="linear", pooling="none", output_bias=True),
    ConvexCNNRegressor(filter="1", pooling="none", output_bias=True),
    ConvexCNNRegressor(activation="linear"),
]


def not_applicable(estimator):
    """Checks that ask for what an architecture cannot do."""
    if isinstance(estimator, ConvexCNNRegressor) and estimator.pooling == "average":
        # It wants R2 > 0.5 on ten unrelated features, as if these were a signal whose filter may not know where it is.
        return {"check_regressors_train": "averages over positions cannot tell features apart"}
    return {}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=not_applicable)
def test_checks(estimator, check):
    check(estimator)
