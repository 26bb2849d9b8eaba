"""Which settings may be shown: the others are masked, so that a new secret is from the first."""

from __future__ import annotations

MASK = "********"
_SHOWN = """
API_KEYS APP_MODE ARCHIVE_URL CACHE COGNITO_CLIENT_ID COGNITO_REGION COGNITO_USER_POOL_ID
CORS_ORIGINS DELETION_PROTECTION ENV ENV_FILE EXCHANGE GIT_COMMIT HISTORY_BARS HOME HOST INSECURE
INSTANCE JOB_IDLE_S KAFKA_BOOTSTRAP_SERVERS LOG_LEVEL LOG_RETENTION_DAYS
METRICS_HOST METRICS_PORT MLFLOW_TRACKING_URI MLFLOW_VERIFY_SSL
MODEL_CACHE_MB MODEL_DIR OIDC_AUDIENCE OIDC_CLIENT_ID OIDC_ISSUER OIDC_JWKS_URL OIDC_REQUEST_SCOPES
OIDC_SCOPE_CLAIMS OIDC_SCOPE_PREFIX PARTITIONS PORT RATE_LIMIT REPLAY_FILES REPLAY_SPEED RESULTS_URL
NOTIFY_QUIET NOTIFY_RULES NOTIFY_TIME_ZONE NOTIFY_WINDOW_S
S3_ENDPOINT SECRETS_DIR SEED SIMULATOR_URL SPEED STRATEGY STRATEGY_PACKAGES TIMEFRAME TIMEFRAMES
TREND UNIVERSE
"""
SHOWN = frozenset(_SHOWN.split())


def shown_value(setting: str, value: str) -> str:
    """Return the value of a setting for people, masked unless it is known to be no secret.

    Args:
        setting: Name without the prefix.
        value: Of an address one with a user, a password or a query is masked too.
    """
    private = setting not in SHOWN or ("://" in value and ("@" in value or "?" in value))
    return MASK if private and value else value
