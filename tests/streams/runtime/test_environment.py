"""Where settings come from: one name each, the documents' names as aliases, secrets from files."""

from __future__ import annotations

import re

import pytest

from gateway.settings import GatewaySettings
from streams.runtime.documented_names import ALIASES, REPLACED
from streams.runtime.environment import (
    ENV_FILE,
    PREFIX,
    SECRETS,
    SECRETS_DIR,
    STARTUP_NAMES,
    EnvironmentRefused,
    child_environment,
    read_environment,
    setting_names,
    setting_sources,
)
from streams.runtime.shown_settings import MASK, SHOWN, shown_value
from workers.settings import Settings

DOCUMENTED = re.findall(
    r"\S+",
    """
    STRATEGY_SERVICE_HOST STRATEGY_SERVICE_PORT STRATEGY_SERVICE_DEBUG STRATEGY_SERVICE_LOG_LEVEL
    STRATEGY_SERVICE_S3_CONFIG_BUCKET STRATEGY_SERVICE_RESULTS_BUCKET STRATEGY_SERVICE_STRATEGY_PATH
    STRATEGY_SERVICE_MLFLOW_TRACKING_URI STRATEGY_SERVICE_MLFLOW_USERNAME
    STRATEGY_SERVICE_MLFLOW_PASSWORD STRATEGY_SERVICE_MLFLOW_VERIFY_SSL
    STRATEGY_SERVICE_COGNITO_USER_POOL_ID STRATEGY_SERVICE_COGNITO_CLIENT_ID
    STRATEGY_SERVICE_COGNITO_REGION
    MLFLOW_TRACKING_URI MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD
    MLFLOW_USERNAME MLFLOW_PASSWORD MLFLOW_VERIFY_SSL
    BACKEND_EXECUTOR_MODE BACKEND_BACKTEST_QUEUE_URL
    DATA_COLLECTION_EXCHANGES DATA_COLLECTION_ARCTIC_S3_BUCKET
    ARCTIC_S3_BUCKET ARCTIC_LIBRARY_NAME ARCTIC_S3_ENDPOINT
    DATA_SERVICE_URL REGIME_DETECTION_URL META_CONTROLLER_URL RISK_MANAGER_URL
    MOCK_DATA_SERVICE MOCK_REGIME_DETECTION MOCK_META_CONTROLLER MOCK_RISK_MANAGER
    APP_MODE UNIVERSE MODEL_DIR BINANCE_API_KEY BINANCE_API_SECRET LOG_LEVEL
    """,
)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_name_is_an_alias_or_is_refused_with_what_replaces_it(name, tmp_path):
    if name in REPLACED:
        with pytest.raises(EnvironmentRefused, match=f"{name} is set, and replaced: .+ Unset it"):
            read_environment({name: "x"}, tmp_path)
    else:
        wanted = {f"{PREFIX}{ALIASES[name].setting}", f"{PREFIX}LOG_LEVEL"}
        assert read_environment({name: "true"}, tmp_path).keys() <= wanted
        assert len(read_environment({name: "true"}, tmp_path)) == 1


@pytest.mark.parametrize("setting", sorted({alias.setting for alias in ALIASES.values()}))
def test_every_alias_names_a_setting_that_exists(setting):
    fields = {*Settings.model_fields, *GatewaySettings.model_fields, "debug"}

    assert setting.lower() in fields


def test_every_secret_field_may_come_from_a_file():
    secret = {
        name.upper()
        for model in (Settings, GatewaySettings)
        for name, field in model.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }

    assert secret | {"KAFKA_CLIENT"} == SECRETS


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"STRATEGY_SERVICE_RESULTS_BUCKET": "desk"}, {"RESULTS_URL": "s3://desk"}),
        ({"ARCTIC_S3_BUCKET": "s3://desk/bars"}, {"ARCHIVE_URL": "s3://desk/bars"}),
        ({"DATA_COLLECTION_EXCHANGES": "binance"}, {"EXCHANGE": "binanceusdm"}),
        ({"STRATEGY_SERVICE_DEBUG": "true"}, {"LOG_LEVEL": "DEBUG"}),
        ({"STRATEGY_SERVICE_DEBUG": "false"}, {}),
        ({"STRATEGY_SERVICE_DEBUG": "1", "LOG_LEVEL": "ERROR"}, {"LOG_LEVEL": "ERROR"}),
        ({"MLFLOW_PASSWORD": "", "MLFLOW_TRACKING_PASSWORD": "p"}, {"MLFLOW_PASSWORD": "p"}),
    ],
)
def test_a_documented_value_becomes_ours(variables, expected, tmp_path):
    ours = {f"{PREFIX}{name}": value for name, value in expected.items()}

    assert read_environment(variables, tmp_path) == ours


def test_one_setting_with_two_values_is_refused_with_both(tmp_path):
    with pytest.raises(EnvironmentRefused) as refused:
        read_environment({"UNIVERSE": "BTC-USD", "REGIMEFLOW_UNIVERSE": "ETH-USD"}, tmp_path)

    assert str(refused.value) == (
        "UNIVERSE='BTC-USD' and REGIMEFLOW_UNIVERSE='ETH-USD' give one setting two values; "
        "keep one of them"
    )
    assert read_environment({"UNIVERSE": "A", "REGIMEFLOW_UNIVERSE": "A"}, tmp_path) == {
        "REGIMEFLOW_UNIVERSE": "A"
    }


def test_two_values_of_a_secret_are_refused_by_their_names_alone(tmp_path):
    with pytest.raises(EnvironmentRefused) as refused:
        read_environment({"MLFLOW_PASSWORD": "hush", "MLFLOW_TRACKING_PASSWORD": "mum"}, tmp_path)

    assert "MLFLOW_PASSWORD and MLFLOW_TRACKING_PASSWORD" in str(refused.value)
    assert not re.search("hush|mum", str(refused.value))


def test_the_environment_goes_before_files_of_secrets_and_these_before_dotenv(tmp_path):
    (tmp_path / ".env").write_text(
        "REGIMEFLOW_SEED=1\nUNIVERSE='BTC-USD'\nBINANCE_API_KEY=a # note\nMLFLOW_PASSWORD=a\n"
    )
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "binance_api_key").write_text("b\n")
    (secrets / "mlflow_password").write_text("b\n")
    (secrets / "of_somebody_else").write_text("x")
    variables = {SECRETS_DIR: str(secrets), "BINANCE_API_KEY": "c", "REGIMEFLOW_SEED": "3"}

    read = read_environment(variables, tmp_path)

    assert read.pop(SECRETS_DIR) == str(secrets)
    assert read == {
        "REGIMEFLOW_SEED": "3",
        "REGIMEFLOW_UNIVERSE": "BTC-USD",
        "REGIMEFLOW_BINANCE_API_KEY": "c",
        "REGIMEFLOW_MLFLOW_PASSWORD": "b",
    }


def test_each_setting_is_told_with_its_source_and_its_name_there(tmp_path):
    (tmp_path / ".env").write_text("UNIVERSE=BTC-USD\nSTRATEGY_SERVICE_DEBUG=yes\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "binance_api_key").write_text("b\n")
    password = tmp_path / "password"
    password.write_text("hush")
    variables = {
        SECRETS_DIR: str(secrets),
        "MLFLOW_PASSWORD_FILE": str(password),
        "REGIMEFLOW_SEED": "3",
    }

    sources = setting_sources(variables, tmp_path)

    assert {name.removeprefix(PREFIX): (s.kind, s.shown) for name, s in sources.items()} == {
        "UNIVERSE": (".env", "UNIVERSE"),
        "LOG_LEVEL": (".env", "STRATEGY_SERVICE_DEBUG"),
        "BINANCE_API_KEY": ("secret file", "binance_api_key"),
        "MLFLOW_PASSWORD": ("secret file", "MLFLOW_PASSWORD_FILE"),
        "SEED": ("variable", "REGIMEFLOW_SEED"),
        "SECRETS_DIR": ("variable", SECRETS_DIR),
    }


def test_no_setting_is_shown_that_is_not_known_to_be_no_secret():
    settings = {name.removeprefix(PREFIX) for name in setting_names(Settings) | STARTUP_NAMES}
    settings |= {name.removeprefix(PREFIX) for name in setting_names(GatewaySettings)}
    masked = {name for name in settings if shown_value(name, "canary") == MASK}

    files = {f"{name}_FILE" for name in SECRETS}
    assert masked == SECRETS | files | {"MLFLOW_USERNAME", "SOURCES"}
    assert settings - masked == SHOWN
    secret_fields = {
        name.upper()
        for model in (Settings, GatewaySettings)
        for name, field in model.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    assert secret_fields <= masked
    assert shown_value("SECRET_OF_TOMORROW", "canary") == MASK


@pytest.mark.parametrize("address", ["https://u:p@host/x", "s3://bucket?X-Amz-Signature=1"])
def test_an_address_that_holds_a_secret_is_masked(address):
    assert shown_value("RESULTS_URL", address) == MASK


def test_a_secret_comes_from_the_file_that_a_variable_names(tmp_path):
    path = tmp_path / "key"
    path.write_text("hush\n")

    for name in ("REGIMEFLOW_BINANCE_API_KEY_FILE", "BINANCE_API_KEY_FILE"):
        assert read_environment({name: str(path)}, tmp_path) == {
            "REGIMEFLOW_BINANCE_API_KEY": "hush"
        }


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"\xff\xfe", "no UTF-8"), (b"x" * 70_000, "more than 65536 bytes")],
)
def test_a_file_of_a_secret_that_cannot_be_read_is_refused(content, reason, tmp_path):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(EnvironmentRefused, match=f"MLFLOW_PASSWORD_FILE: .*{reason}"):
        read_environment({"MLFLOW_PASSWORD_FILE": str(path)}, tmp_path)


@pytest.mark.parametrize("name", [ENV_FILE, SECRETS_DIR])
def test_a_file_of_settings_that_is_named_and_missing_is_refused(name, tmp_path):
    with pytest.raises(EnvironmentRefused, match=f"{name}: 'nowhere' is no"):
        read_environment({name: "nowhere"}, tmp_path)


def test_dotenv_of_the_working_folder_reaches_the_settings(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("STRATEGY_SERVICE_PORT=8003\nREGIMEFLOW_SEED=11\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENV_FILE, raising=False)

    assert Settings().seed == 11
    assert GatewaySettings().port == 8003


def test_a_misspelt_name_in_dotenv_is_refused(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("REGIMEFLOW_UNIVERS=BTC-USD\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENV_FILE, raising=False)

    with pytest.raises(ValueError, match="did you mean REGIMEFLOW_UNIVERSE"):
        Settings()


def test_a_child_is_told_each_setting_by_one_name(tmp_path):
    variables = {"UNIVERSE": "BTC-USD", "STRATEGY_SERVICE_DEBUG": "1", "BINANCE_API_KEY": "k"}
    settings = {"REGIMEFLOW_UNIVERSE": "BTCUSDT", "REGIMEFLOW_LOG_LEVEL": "DEBUG"}

    environment = child_environment(variables, settings)

    assert environment == {**settings, "BINANCE_API_KEY": "k"}
    assert read_environment(environment, tmp_path) == {
        **settings,
        "REGIMEFLOW_BINANCE_API_KEY": "k",
    }


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "UNIVERSE=BTC-USD\nUNIVERSE=ETH-USD",
            "UNIVERSE='BTC-USD' and UNIVERSE='ETH-USD' give one setting two values",
        ),
        ("BINANCE_API_KEY=a\nBINANCE_API_KEY=b", "BINANCE_API_KEY and BINANCE_API_KEY give"),
        ('# first\nUNIVERSE="BTC-USD\n', "line 2 is not NAME=value"),
        ("UNIVERSE BTC-USD", "line 1 is not NAME=value"),
        ("OTHER=1\n\n\nUNIVERSE BTC-USD\n", "line 4 is not NAME=value"),
        ("OTHER='a\n\nb'\n \n\t\n  =x\n", "line 6 is not NAME=value"),
        ("REGIMEFLOW_STRATEGY=a\0b", "REGIMEFLOW_STRATEGY: its value holds a NUL character"),
        ("BINANCE_API_KEY_FILE=a\0b", "BINANCE_API_KEY_FILE: its value holds a NUL character"),
        ("STRATEGY_SERVICE_DEBUG=maybe", "STRATEGY_SERVICE_DEBUG='maybe', expected true or false"),
    ],
)
def test_a_line_of_env_is_read_or_refused_and_never_passed_over(lines, said, tmp_path):
    (tmp_path / ".env").write_text(lines)

    with pytest.raises(EnvironmentRefused, match=re.escape(said)):
        read_environment({}, tmp_path)


def test_env_may_begin_with_a_byte_order_mark_and_repeat_a_value(tmp_path):
    (tmp_path / ".env").write_text("\ufeffUNIVERSE=BTC-USD\nOTHER=1\nOTHER=2\nUNIVERSE=BTC-USD")

    assert read_environment({}, tmp_path) == {f"{PREFIX}UNIVERSE": "BTC-USD"}


def test_a_secret_that_stands_twice_is_refused_with_both_names_and_no_value(tmp_path):
    first, second = tmp_path / "BINANCE_API_KEY", tmp_path / "binance_api_key"
    first.write_text("canary-1")
    second.write_text("canary-2")

    with pytest.raises(EnvironmentRefused) as refused:
        read_environment({SECRETS_DIR: str(tmp_path)}, tmp_path)
    assert str(refused.value).startswith("BINANCE_API_KEY and binance_api_key give one setting two")
    variables = {"BINANCE_API_KEY": "canary-0", "BINANCE_API_KEY_FILE": str(first)}
    with pytest.raises(EnvironmentRefused) as refused:
        read_environment(variables, tmp_path)
    assert str(refused.value).startswith("BINANCE_API_KEY and BINANCE_API_KEY_FILE give one")


def test_a_value_that_is_no_text_and_a_name_that_no_file_has_are_refused(tmp_path):
    with pytest.raises(EnvironmentRefused, match="REGIMEFLOW_STRATEGY: its value is no UTF-8 text"):
        read_environment({"REGIMEFLOW_STRATEGY": "\udcff"}, tmp_path)
    with pytest.raises(EnvironmentRefused, match="cannot be read"):
        read_environment({ENV_FILE: "a" * 5_000}, tmp_path)
