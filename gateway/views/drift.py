"""View of drift: the newest report of each symbol and timeframe, and its newest features."""

from __future__ import annotations

from schemas.drift import DriftReport, FeatureDrift

Series = tuple[str, int]  # symbol and timeframe


class DriftView:
    """The newest of each; features stay encoded, because there are a hundred of each series."""

    def __init__(self) -> None:
        self.reports: dict[Series, DriftReport] = {}
        self._features: dict[Series, bytes] = {}

    def put(self, report: DriftReport) -> None:
        """Take a report."""
        self.reports[report.symbol, report.timeframe_ms] = report

    def put_features(self, drift: FeatureDrift, raw: bytes) -> None:
        """Take a look at features."""
        self._features[drift.symbol, drift.timeframe_ms] = raw

    def features(self, report: DriftReport) -> FeatureDrift | None:
        """Return the newest look at the features of a report's model; None before the first."""
        raw = self._features.get((report.symbol, report.timeframe_ms))
        drift = None if raw is None else FeatureDrift.decode(raw)
        same = drift is not None and drift.model_version == report.model_version
        return drift if same else None

    def newest(
        self, symbol: str | None = None, timeframe_ms: int | None = None
    ) -> list[DriftReport]:
        """Return the newest reports, by symbol and timeframe; None: of any."""
        return [
            report
            for series, report in sorted(self.reports.items())
            if symbol in (None, series[0]) and timeframe_ms in (None, series[1])
        ]
