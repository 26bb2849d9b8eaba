"""The documented names of settings: aliases of ours, or refused with what replaces them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Translate = Callable[[str], str]


def as_it_is(value: str) -> str:
    """Return the value: it means here what it means in the documents."""
    return value


def _bucket_url(bucket: str) -> str:
    return bucket if "://" in bucket else f"s3://{bucket.strip('/')}"


def _venue(name: str) -> str:
    return {"binance": "binanceusdm", "binance_futures": "binanceusdm"}.get(name.lower(), name)


@dataclass(frozen=True)
class Alias:
    """A documented name of a setting.

    Attributes:
        setting: Name without the prefix.
        translate: Makes our value of the documented one.
    """

    setting: str
    translate: Translate = as_it_is


ALIASES: Mapping[str, Alias] = {
    "REGIMEFLOW_TIMEFRAME": Alias("TIMEFRAMES"),
    "APP_MODE": Alias("APP_MODE"),
    "UNIVERSE": Alias("UNIVERSE"),
    "MODEL_DIR": Alias("MODEL_DIR"),
    "LOG_LEVEL": Alias("LOG_LEVEL"),
    "BINANCE_API_KEY": Alias("BINANCE_API_KEY"),
    "BINANCE_API_SECRET": Alias("BINANCE_API_SECRET"),
    "STRATEGY_SERVICE_HOST": Alias("HOST"),
    "STRATEGY_SERVICE_PORT": Alias("PORT"),
    "STRATEGY_SERVICE_DEBUG": Alias("DEBUG"),
    "STRATEGY_SERVICE_LOG_LEVEL": Alias("LOG_LEVEL"),
    "STRATEGY_SERVICE_RESULTS_BUCKET": Alias("RESULTS_URL", _bucket_url),
    "STRATEGY_SERVICE_COGNITO_USER_POOL_ID": Alias("COGNITO_USER_POOL_ID"),
    "STRATEGY_SERVICE_COGNITO_CLIENT_ID": Alias("COGNITO_CLIENT_ID"),
    "STRATEGY_SERVICE_COGNITO_REGION": Alias("COGNITO_REGION"),
    "STRATEGY_SERVICE_MLFLOW_TRACKING_URI": Alias("MLFLOW_TRACKING_URI"),
    "STRATEGY_SERVICE_MLFLOW_USERNAME": Alias("MLFLOW_USERNAME"),
    "STRATEGY_SERVICE_MLFLOW_PASSWORD": Alias("MLFLOW_PASSWORD"),
    "STRATEGY_SERVICE_MLFLOW_VERIFY_SSL": Alias("MLFLOW_VERIFY_SSL"),
    "MLFLOW_TRACKING_URI": Alias("MLFLOW_TRACKING_URI"),
    "MLFLOW_TRACKING_USERNAME": Alias("MLFLOW_USERNAME"),
    "MLFLOW_TRACKING_PASSWORD": Alias("MLFLOW_PASSWORD"),
    "MLFLOW_USERNAME": Alias("MLFLOW_USERNAME"),
    "MLFLOW_PASSWORD": Alias("MLFLOW_PASSWORD"),
    "MLFLOW_VERIFY_SSL": Alias("MLFLOW_VERIFY_SSL"),
    "DATA_COLLECTION_EXCHANGES": Alias("EXCHANGE", _venue),
    "DATA_COLLECTION_ARCTIC_S3_BUCKET": Alias("ARCHIVE_URL", _bucket_url),
    "ARCTIC_S3_BUCKET": Alias("ARCHIVE_URL", _bucket_url),
    "ARCTIC_S3_ENDPOINT": Alias("S3_ENDPOINT"),
}

# Documented names that nothing here can obey, and what replaces each.
REPLACED: Mapping[str, str] = {
    "STRATEGY_SERVICE_S3_CONFIG_BUCKET": "strategy configs are records of a topic, not objects of "
    "a bucket; give a file where a command asks for --config",
    "STRATEGY_SERVICE_STRATEGY_PATH": "a strategy is one of workers/research/strategies, or of an "
    "installed package that REGIMEFLOW_STRATEGY_PACKAGES names",
    "BACKEND_EXECUTOR_MODE": "jobs are records of topics, and every worker of a job's kind takes "
    "part; start as many as you like",
    "BACKEND_BACKTEST_QUEUE_URL": "the queue of back-tests is the topic jobs.requests.v1 of the "
    "cluster in REGIMEFLOW_KAFKA_BOOTSTRAP_SERVERS",
    "ARCTIC_LIBRARY_NAME": "the archive has a folder for each topic, so nothing is left to name; "
    "REGIMEFLOW_ARCHIVE_URL says where they lie",
    "DATA_SERVICE_URL": "market data are the topics market.* of the cluster, not a service",
    "REGIME_DETECTION_URL": "regimes are the topic regimes.probabilities.v1, not a service",
    "META_CONTROLLER_URL": "models are blended in the inference process, not by a service",
    "RISK_MANAGER_URL": "risk checks are part of /api/v1/predict, not a service",
    **dict.fromkeys(
        (
            "MOCK_DATA_SERVICE",
            "MOCK_REGIME_DETECTION",
            "MOCK_META_CONTROLLER",
            "MOCK_RISK_MANAGER",
        ),
        "nothing is mocked: REGIMEFLOW_EXCHANGE=simulated runs the whole pipeline on a simulated "
        "exchange",
    ),
}
