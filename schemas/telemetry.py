"""Names of metrics and headers, once for all processes."""

from __future__ import annotations

HEADER_TRACE_ID = "trace_id"
HEADER_SCHEMA = "schema"
HEADER_GIT_COMMIT = "git_commit"

# Every processor and worker, from the runtime.
RECORDS_IN = "regimeflow_records_in_total"
RECORDS_OUT = "regimeflow_records_out_total"
RECORDS_REJECTED = "regimeflow_records_rejected_total"
RECORD_AGE_SECONDS = "regimeflow_record_age_seconds"
LATENCY_SECONDS = "regimeflow_latency_seconds"
CONSUMER_LAG = "regimeflow_consumer_lag_records"
RESTORE_SECONDS = "regimeflow_restore_seconds"
TRANSACTIONS = "regimeflow_transactions_total"

# The gateway; the first four are the inference service's documented names.
PREDICTIONS_TOTAL = "predictions_total"
PREDICTION_LATENCY_SECONDS = "prediction_latency_seconds"
ACTIVE_REQUESTS = "active_requests"
REQUEST_SECONDS = "regimeflow_request_seconds"
MODEL_LOAD_TIME_SECONDS = "model_load_time_seconds"
PREDICTION_STAGE_SECONDS = "regimeflow_prediction_stage_seconds"
FEATURE_AGE_SECONDS = "regimeflow_prediction_feature_age_seconds"
ACTIONS_TOTAL = "regimeflow_actions_total"
ANSWERS_TOTAL = "regimeflow_answers_total"
WEBSOCKET_CLIENTS = "regimeflow_websocket_clients"
WEBSOCKET_DROPPED = "regimeflow_websocket_dropped_total"
VIEW_AGE_SECONDS = "regimeflow_view_age_seconds"
SYMBOL_STATE = "regimeflow_symbol_state"
PROCESS_STATE = "regimeflow_process_state"
