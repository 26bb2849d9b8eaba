// Written by deploy/generate/page_types.py from the gateway's OpenAPI document.

export interface AccessHealth {
  /** Which credentials count; off: nobody needs one */
  mode: 'off' | 'keys' | 'tokens and keys'
  /** Where requests are counted; degraded: by each replica, for Redis is away */
  limits: 'off' | 'memory' | 'redis' | 'degraded'
}

export interface Analysis {
  symbol: string
  /** Market time */
  market_ms: number | null
  agreement: TimeframeAgreement
  timeframes: TimeframeAnalysis[]
  definitions: AnalysisDefinitions
}

export interface AnalysisDefinitions {
  direction: string
  levels: string
  indicators: Record<string, IndicatorRule>
}

export interface AnswersView {
  /** Not there yet */
  waiting: number
  /** Never there, since the start: the broker took them too slowly */
  lost: number
}

export interface AssetBalance {
  asset: string
  wallet_balance: number
  unrealized_profit: number
  available: number
}

export interface AuditEntry {
  /** The Kafka key, e.g. dlq.replay */
  action: string
  event_time_ms: number
  by: string
  subject: string
  reason: string
  /** Null: it was no command of a topic */
  command_id: string | null
  trace_id: string | null
  outcome: 'accepted' | 'refused' | 'unchanged' | null
  /** Why it was decided so */
  detail: string | null
  /** The subject before, in a word */
  before: string | null
  after: string | null
  dry_run: boolean | null
  offset: number
}

export interface AuditList {
  /** Holds all of them, for ever */
  topic: string
  actions: AuditEntry[]
}

export interface BalanceView {
  venue: string
  /** By the venue's clock */
  event_time_ms: number
  /** Since then, by ours */
  age_s: number
  /** Newer snapshots are missing */
  stale: boolean
  /** US dollars, as are all amounts */
  equity: number
  wallet_balance: number
  unrealized_profit: number
  /** Not bound as margin */
  available: number
  initial_margin: number
  maintenance_margin: number
  /** maintenance_margin over equity: at 1 positions are closed; null without equity */
  margin_ratio: number | null
  assets: AssetBalance[]
  day: DayIncome
  /** Booked today, without transfers and unrealised profit */
  day_result: number
}

export interface Bar {
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  open_time_ms: number
  /** Close, exclusive: open time + timeframe */
  event_time_ms: number
  /** When it could first be known */
  available_time_ms: number
  open: number
  high: number
  low: number
  close: number
  volume: number
  quote_volume: number | null
  /** Base currency */
  taker_buy_volume: number | null
  trades: number | null
  /** Last known at the close */
  mark_price: number | null
  /** Last settled at the close */
  funding_rate: number | null
  /** Stamp of that settlement */
  funding_time_ms: number | null
  /** Hole before this bar, in bars; of an aggregated one: base bars that it lacks, and those missing between it and the one before */
  bars_missing: number
  /** > 0: a correction of an earlier bar */
  revision: number
  origin: 'stream' | 'trades' | 'backfill' | 'repair' | 'replay' | 'aggregated'
  /** Venue and client version, e.g. binanceusdm/ccxt-4.5.90 */
  source: string
  /** Of a base bar: lengths of the higher bars that are made of it */
  higher_ms: number[]
  /** Of a kline of the venue: close up to which base bars had made the bars of its length before, so that nothing is missing until then; null: they had made none */
  made_until_ms: number | null
}

export interface BarList {
  symbol: string
  timeframe: string
  /** Bar length */
  timeframe_ms: number
  bars: Bar[]
}

export interface CanaryTrace {
  trace_id: string
  symbol: string
  event_time_ms: number
  /** Topic to ms of append after the raw bar */
  stages_ms: Record<string, number | null>
  complete: boolean
}

export interface CertificateCheck {
  /** features, labels, filters, scalers, folds */
  kind: string
  /** Names that were compared */
  parts: number
  /** Times after which the log was cut off, or changed */
  cuts: number
  /** Compared bit by bit, each usable at its cut */
  values: number
  /** By part, how many values moved; empty without any */
  moved: Record<string, number>
}

export interface ChallengeDetails {
  challenge_id: string
  strategy_name: string
  timeframe: string
  /** Of the strategy */
  number: number
  status: 'active' | 'concluded' | 'expired' | 'cancelled'
  recommendation: 'PROMOTE_CHALLENGER' | 'KEEP_CHAMPION' | 'INCONCLUSIVE'
  reason: string
  basis: 'log_loss' | 'trades'
  champion: VariantView
  challenger: VariantView
  symbols: string[]
  min_trades: number
  /** Its winner is promoted without being asked */
  automatic: boolean
  config_id: string | null
  /** Wall clock, ISO 8601 */
  created: string
  /** Wall clock, ISO 8601 */
  deadline: string
  /** Market time, ISO 8601: bars and trades count from it */
  starts: string
  sequence: SequenceView
  points: PointView[]
  /** None of either where trades are posted */
  ideas: ChallengeIdeas
}

export interface ChallengeIdeas {
  champion: TradeFigures
  challenger: TradeFigures
  /** Of both, the newest first, at most 50 */
  newest: ShadowResult[]
}

export interface ChallengeList {
  strategy_name: string
  timeframe: string
  challenges: ChallengeView[]
}

export interface ChallengePolicy {
  /** Of each variant */
  min_trades: number
  /** Of all challenges of a strategy together */
  significance_level: number
  /** Wall clock; without a decision the champion is kept */
  deadline_hours: number
  /** A challenger that has won is promoted without being asked */
  automatic: boolean
}

export interface ChallengeView {
  challenge_id: string
  strategy_name: string
  timeframe: string
  /** Of the strategy */
  number: number
  status: 'active' | 'concluded' | 'expired' | 'cancelled'
  recommendation: 'PROMOTE_CHALLENGER' | 'KEEP_CHAMPION' | 'INCONCLUSIVE'
  reason: string
  basis: 'log_loss' | 'trades'
  champion: VariantView
  challenger: VariantView
  symbols: string[]
  min_trades: number
  /** Its winner is promoted without being asked */
  automatic: boolean
  config_id: string | null
  /** Wall clock, ISO 8601 */
  created: string
  /** Wall clock, ISO 8601 */
  deadline: string
  /** Market time, ISO 8601: bars and trades count from it */
  starts: string
}

export interface ChannelLevels {
  channel: 'donchian'
  bars: number
  /** Open of the first bar */
  from_ms: number | null
  /** Highest high */
  resistance: number | null
  /** Lowest low */
  support: number | null
  /** Above the close, in per cent of it */
  resistance_percent: number | null
  /** Below the close, in per cent of it */
  support_percent: number | null
}

export interface ClassProbabilities {
  sell: number
  neutral: number
  buy: number
}

export interface CommandAnswer {
  outcome: OutcomeView
  /** Null where a dry run would create it */
  config: ConfigVersion | null
}

export interface ComparedMetric {
  metric: string
  weight: 'high' | 'medium' | 'low'
  /** The challenger is kept out where it fails */
  required: boolean
  rule: 'above' | 'at_least' | 'below' | 'at_most'
  threshold: number
  champion: number | null
  challenger: number | null
  /** Of the challenger; a null value fails */
  passed: boolean
}

export interface ComparisonPolicy {
  /** Fraction; it must lie above */
  min_total_profit: number
  min_sharpe_ratio: number
  max_drawdown_pct: number
  /** Percent */
  min_win_rate: number
  min_total_trades: number
  /** Metrics with which a challenger is kept out where they fail; others inform */
  required: ('total_profit' | 'sharpe_ratio' | 'max_drawdown' | 'win_rate' | 'total_trades')[]
  /** Of the interval of the gain in log-loss */
  level: number
}

export interface ConfidenceBin {
  rows: number
  /** Mean of the rows */
  confidence: number
  /** Share of the rows whose top label came true */
  hit_rate: number
  /** 5-95 % of the hit rate by its spread between blocks of time; null: too few */
  interval: [number, number] | null
}

export interface ConfigList {
  strategy_name: string
  /** Wall clock, ISO 8601 */
  as_of: string
  /** Now, whatever the time asked for */
  revision: number
  /** The ACTIVE version's id */
  active: string | null
  configs: ConfigVersion[]
}

export interface ConfigVersion {
  strategy_name: string
  config_id: string
  config_hash: string
  config_data: Record<string, unknown>
  status: 'DRAFT' | 'ACTIVE' | 'DEPRECATED'
  version_number: number
  /** Wall clock, ISO 8601 */
  created_at: string
  /** When it became ACTIVE, the same; null: never */
  deployed_at: string | null
  superseded_by: string | null
  description: string
  /** Market time of its first bars; null: none, such as where it does not run */
  effective_from_ms: number | null
  /** Wall clock: 90 days after its deprecation; null: it is none */
  expires_at: string | null
  revision: number
}

export interface Confirmation {
  name: string
  passed: boolean | null
  detail: string
}

export interface DayFigures {
  /** What ideas came to; they do not overlap, and nobody chose among them */
  ideas: TradeFigures | null
  /** What humans did, who chose it: how that went, not what a model is worth */
  journal: TradeFigures | null
  /** Every buy or sell signal held here that has expired; they overlap */
  calls: TradeFigures | null
  /** Midnight UTC, market time */
  from_ms: number
}

export interface DayIncome {
  from_ms: number
  realized_profit: number
  commission: number
  funding: number
  /** Rebates, insurance and the like */
  other: number
  /** Put in (+) or taken out (-): no result */
  transferred: number
  /** Assets of further bookings that have no price there, so they are in no sum */
  unvalued: string[]
}

export interface DeadLetter {
  topic: string
  /** -1: never reached a topic */
  partition: number
  offset: number
  key: string | null
  /** Processor or worker that rejected it */
  consumer: string
  kind: 'undecodable' | 'rejected' | 'bug'
  cause: string
  payload_base64: string
  /** Log append time of the source record */
  event_time_ms: number
  trace_id: string
}

export interface DeadLetterCause {
  topic: string
  kind: 'undecodable' | 'rejected' | 'bug'
  cause: string
  count: number
  /** Of up to 100 of them, oldest first */
  names: string[]
  /** Of the newest, for `regimeflow topics dlq` */
  name: string
  /** Without its bytes */
  newest: DeadLetter
}

export interface DeadLetterList {
  total: number
  groups: DeadLetterCause[]
}

export interface DeadLetterView {
  count: number
  newest: DeadLetter
}

export interface DriftHealth {
  reports: number
  /** Only of models that serve now */
  harmful: number
}

export interface DriftList {
  /** Holds all of them, for ever */
  topic: string
  /** How many give a reason to retrain */
  harmful: number
  reports: DriftReportView[]
  /** Models in service that lack reports */
  unreported: DriftUnreported[]
}

export interface DriftPolicy {
  /** Off: drift is measured and shown, and asks for nothing */
  enabled: boolean
  /** Market days between false alarms of one symbol and timeframe, on average, at least */
  average_run_length_days: number
  /** Nats above the reference that are no harm */
  log_loss_tolerance: number
  /** Share of hits lost that is no harm: 5 points */
  accuracy_drop: number
  /** Confidence above the share of hits, the same */
  overconfidence_tolerance: number
  /** Matured labels before any alarm */
  min_labels: number
  /** Market days since it was registered */
  max_age_days: number
  /** A new model whose live log-loss does harm gives way to the one before */
  automatic_rollback: boolean
  /** So long a model that replaced one is new */
  probation_bars: number
}

export interface DriftReportView {
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  strategy: string
  model_version: string
  event_time_ms: number
  trained_to_ms: number
  /** Market days since it was registered */
  age_days: number
  max_age_days: number
  measures: MeasureDrift[]
  /** Of the newest look at the features */
  features_ms: number | null
  features_drifted: string[]
  /** To retrain; empty: none */
  reasons: ('log_loss' | 'miss' | 'overconfidence' | 'expected_log_loss' | 'age')[]
  /** A reason is new: people are told */
  raised: boolean
  retraining_asked: boolean
  rollback_asked: boolean
  /** Whose policy it is; null: no config was known */
  config_id: string | null
  /** Null in older records */
  policy: DriftPolicy | null
  timeframe: string
  /** Rows of that look; null before the first */
  features_rows: number | null
  /** The strongest evidence first */
  features: FeatureShift[]
}

export interface DriftUnreported {
  strategy: string
  timeframe: string
  model_version: string
  symbols: string[]
  reason: string
}

export interface Driver {
  feature: string
  value: number | null
  /** Signed share of the pooled attribution, in [-1, 1] */
  contribution: number
  /** TreeSHAP, log-odds */
  xgboost_margin: number | null
  /** Integrated gradients, log-odds */
  lstm_gradient: number | null
}

export interface EntryGrounds {
  signal_id: string
  /** The Kafka key */
  strategy: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  /** Of the signal */
  event_time_ms: number
  direction: 'buy' | 'sell' | 'neutral'
  grade: 'A+' | 'A' | 'B' | 'C'
  confidence: number
  /** The most probable one */
  regime: 'bull' | 'bear' | 'sideways'
  model_version: string
  /** Null: no config was effective */
  config_id: string | null
  /** Of the idea that it opened; null: none was named */
  idea_id: string | null
  /** Where it was wrong; null: it had none */
  invalidation_price: number | null
  /** Null: the model had no tables */
  expected_net_return: ReturnBounds | null
}

export interface EquityCurves {
  ideas: ([number, number])[]
  journal: ([number, number])[]
}

export interface EvaluationView {
  challenge_id: string
  status: 'active' | 'concluded' | 'expired' | 'cancelled'
  recommendation: 'PROMOTE_CHALLENGER' | 'KEEP_CHAMPION' | 'INCONCLUSIVE'
  reason: string
  sequence: SequenceView
  /** Of mean returns; null where undefined */
  welch_test: TestView | null
  /** Pooled by trades; null where undefined */
  win_rate_test: TestView | null
  champion: VariantView
  challenger: VariantView
  min_trades: number
  deadline: string
}

export interface EventEntry {
  /** The same after every redelivery */
  event_id: string
  kind: 'process_degraded' | 'process_failed' | 'process_restarted' | 'process_recovered' | 'feed_stale' | 'feed_fresh' | 'gap' | 'dead_letter' | 'model_changed' | 'model_drift' | 'config_active' | 'idea_decided' | 'idea_closed'
  /** Urgent ones pass quiet hours */
  severity: 'info' | 'warning' | 'urgent'
  /** Process, symbol, market, strategy or topic: the Kafka key */
  subject: string
  /** Wall clock: when the record that tells it was written */
  event_time_ms: number
  /** One sentence for people */
  text: string
  /** What to do about it; empty: nothing */
  remedy: string
  /** How many of a kind it stands for */
  count: number
  offset: number
}

export interface EventList {
  /** Holds all that are kept */
  topic: string
  events: EventEntry[]
}

export interface Explanation {
  explanation_id: string
  prediction_id: string
  signal_id: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  event_time_ms: number
  available_time_ms: number
  model_version: string
  explained_class: 'sell' | 'neutral' | 'buy'
  positive: Driver[]
  negative: Driver[]
  /** Margin of the explained class before any feature */
  base_value: number
  /** How each member was attributed */
  methods: Record<string, string>
  /** Sum of parts minus the whole, by member */
  additivity_gap: Record<string, number>
  sentence: string
  /** Null in records of older releases */
  answered_by: 'universal' | 'bull_specialist' | 'bear_specialist' | 'sideways_specialist' | 'blend' | null
  /** How much of the answer is whose; those of none left out */
  shares: Record<'universal' | 'bull_specialist' | 'bear_specialist' | 'sideways_specialist', number>
  /** Why they answered */
  why: string
}

export interface ExposureView {
  venue: string
  /** By the venue's clock */
  event_time_ms: number
  /** Since then, by ours */
  age_s: number
  /** Newer snapshots are missing */
  stale: boolean
  /** US dollars, as are all amounts */
  equity: number
  long: number
  short: number
  /** long less short */
  net: number
  /** long and short */
  gross: number
  /** gross over equity; null without equity */
  leverage: number | null
  /** The largest first */
  symbols: SymbolExposure[]
}

export interface FamilyReading {
  family: string
  balance: number | null
  indicators: IndicatorReading[]
}

export interface FeatureRank {
  /** In [0, 1]; equal values count half */
  share_below: number
  /** How many values it is compared with */
  bars: number
  /** Close of the oldest of these bars */
  from_ms: number
}

export interface FeatureShift {
  name: string
  /** Population stability index over the deciles */
  psi: number
  psi_95: number
  /** Kolmogorov-Smirnov distance at the deciles */
  ks: number
  ks_95: number
  /** Evidence of a shift: 1 is none, 20 is strong */
  e_value: number
  /** By e-BH over all features: 10 % of those named are false */
  drifted: boolean
}

export interface FollowedView {
  trades: number
  /** Mean net return of the human's trades */
  own_return: number | null
  /** The same of the ideas that they are about */
  idea_return: number | null
  /** What the human added, a fraction */
  difference: number | null
  /** 95 % at all looks together, by days */
  difference_low: number | null
  difference_high: number | null
}

export interface ForecastScore {
  forecast: 'ensemble' | 'selection' | 'xgboost' | 'lstm' | 'class_prior' | 'naive_last_label' | 'historical_volatility'
  log_loss: number | null
  brier: number | null
  accuracy: number | null
  macro_f1: number | null
  /** Mean share of each class that was called right */
  balanced_accuracy: number | null
  /** ECE of the top label, 10 bins */
  calibration_error: number | null
}

export interface FundingReading {
  /** A fraction of the notional, per settlement */
  rate: number | null
  settled_ms: number | null
}

export interface GateFigure {
  name: string
  /** Null where undefined */
  value: number | null
  /** Null: the value is only shown */
  threshold: number | null
  /** How the value must lie to its threshold */
  rule: 'above' | 'at_least' | 'below' | 'at_most' | null
  verdict: 'passed' | 'failed' | 'shown'
  /** The gate fails where this figure does */
  required: boolean
}

export interface GateReport {
  name: 'data' | 'features' | 'boosted' | 'lstm' | 'ensemble' | 'promotion'
  passed: boolean
  figures: GateFigure[]
  /** One sentence for people */
  detail: string
}

export interface GatesPolicy {
  /** A model qualifies where the p-value of no edge lies below */
  edge_level: number
  /** Reported alone */
  min_deflated_sharpe_ratio: number
  registration: RegistrationPolicy
  comparison: ComparisonPolicy
  challenge: ChallengePolicy
}

export interface GatesUsed {
  /** Null: no config was known, so the defaults */
  config_id: string | null
  gates: GatesPolicy
}

export interface Health {
  status: 'starting' | 'healthy' | 'degraded'
  model_loaded: boolean
  gpu_available: boolean
  timestamp: string
  access: AccessHealth
  /** Market time */
  clock_ms: number | null
  /** Market seconds per second */
  speed: number | null
  /** Every reason, in plain words */
  degraded: string[]
  broker_connected: boolean
  /** Whether the bars are recorded ones */
  replay: boolean
  /** What this gateway has not read yet */
  views_lag_records: number
  processes: Record<string, ProcessView>
  /** Ascending; the base comes first */
  timeframes: TimeframeHealth[]
  /** At the base timeframe */
  symbols: SymbolHealth[]
  /** What higher timeframes lack until their first model serves: no fault */
  pending: string[]
  drift: DriftHealth
  /** The last bar followed through the chain */
  canary: CanaryTrace | null
  /** Newest rates by topic and symbol */
  windows: MonitorWindow[]
  dead_letters: Record<string, DeadLetterView>
  /** What this gateway could not read; a processor's dead letters are above */
  unreadable: Record<string, UnreadableView>
  answers: AnswersView
  cache: 'memory' | 'redis' | 'degraded'
  websocket_clients: number
}

export interface Holdout {
  /** Close of its first bar */
  from_ms: number
  /** Close of its last bar */
  to_ms: number
  rows: number
  scores: ForecastScore[]
}

export interface IdeaDetail {
  idea_id: string
  action: 'decided' | 'opened' | 'closed'
  /** The Kafka key */
  strategy: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  /** Close of the bar that showed it */
  event_time_ms: number
  available_time_ms: number
  signal_id: string
  model_version: string
  /** Null: no config was effective */
  config_id: string | null
  qualified: boolean
  side: 'buy' | 'sell'
  grade: 'A+' | 'A' | 'B' | 'C'
  confidence: number
  /** The most probable one at the decision */
  regime: 'bull' | 'bear' | 'sideways'
  rank: number | null
  expected_net_return: ReturnBounds
  /** Close of the signal's bar */
  reference_price: number
  /** Where it is wrong */
  stop_price: number
  target_price: number
  /** Close of the signal's bar: it enters at the open of the next one */
  opened_ms: number
  /** Close of the last bar that it may last */
  expires_ms: number
  /** Null: not opened yet */
  entry_price: number | null
  /** From the entry to the stop, fraction of the entry; null: not opened yet, or opened beyond the stop */
  risk: number | null
  /** Null: it runs */
  closed_ms: number | null
  /** Null: it runs, or its end is unknown */
  exit_price: number | null
  /** unknown: bars were missing, so nobody can say what it came to */
  exit_reason: 'target' | 'invalidation' | 'horizon' | 'reversal' | 'unknown' | null
  /** Fraction of the entry, its way */
  gross_return: number | null
  /** Fees and slippage of both sides */
  cost: number | null
  /** Paid (+) or received (-) */
  funding: number | null
  /** gross_return - cost - funding */
  net_return: number | null
  /** net_return / risk */
  r_multiple: number | null
  /** Furthest against it, fraction of the entry */
  adverse_excursion: number | null
  /** Furthest its way, fraction of the entry */
  favourable_excursion: number | null
  timeframe: string
  /** Bars from its entry until now, or until its end */
  age_bars: number
  /** Null: it is no longer held; it is on its topic */
  signal: Signal | null
  /** Null until made, as of the signal */
  explanation: Explanation | null
  /** Closed ideas of its strategy, symbol, timeframe and side */
  similar: TradeFigures
}

export interface IdeaItem {
  idea_id: string
  action: 'decided' | 'opened' | 'closed'
  /** The Kafka key */
  strategy: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  /** Close of the bar that showed it */
  event_time_ms: number
  available_time_ms: number
  signal_id: string
  model_version: string
  /** Null: no config was effective */
  config_id: string | null
  qualified: boolean
  side: 'buy' | 'sell'
  grade: 'A+' | 'A' | 'B' | 'C'
  confidence: number
  /** The most probable one at the decision */
  regime: 'bull' | 'bear' | 'sideways'
  rank: number | null
  expected_net_return: ReturnBounds
  /** Close of the signal's bar */
  reference_price: number
  /** Where it is wrong */
  stop_price: number
  target_price: number
  /** Close of the signal's bar: it enters at the open of the next one */
  opened_ms: number
  /** Close of the last bar that it may last */
  expires_ms: number
  /** Null: not opened yet */
  entry_price: number | null
  /** From the entry to the stop, fraction of the entry; null: not opened yet, or opened beyond the stop */
  risk: number | null
  /** Null: it runs */
  closed_ms: number | null
  /** Null: it runs, or its end is unknown */
  exit_price: number | null
  /** unknown: bars were missing, so nobody can say what it came to */
  exit_reason: 'target' | 'invalidation' | 'horizon' | 'reversal' | 'unknown' | null
  /** Fraction of the entry, its way */
  gross_return: number | null
  /** Fees and slippage of both sides */
  cost: number | null
  /** Paid (+) or received (-) */
  funding: number | null
  /** gross_return - cost - funding */
  net_return: number | null
  /** net_return / risk */
  r_multiple: number | null
  /** Furthest against it, fraction of the entry */
  adverse_excursion: number | null
  /** Furthest its way, fraction of the entry */
  favourable_excursion: number | null
  timeframe: string
  /** Bars from its entry until now, or until its end */
  age_bars: number
}

export interface IdeaList {
  ideas: IdeaItem[]
  /** Ask for the next page with it; null: this is the last */
  after: string | null
}

export interface IndicatorReading {
  name: string
  value: number | null
  reading: 'bullish' | 'bearish' | 'neutral' | null
  minus: string | null
}

export interface IndicatorRule {
  rule: string
  source: string
  /** Feature that is subtracted first, if any */
  minus: string | null
}

export interface JobConfig {
  /** As the request named it */
  strategy: string
  config_id: string
  /** Fields where the request was silent, with values */
  taken: Record<string, unknown>
  experiment_name: string | null
  auto_log_params: boolean
}

export interface JobDetail {
  /** Of the code that ran the job */
  git_commit: string | null
  /** Of the request: its correlation id, and that of every log line of the job */
  trace_id: string | null
  /** With log: once MLflow shows the result, seconds later */
  mlflow_run_id: string | null
  job_id: string
  kind: 'optimize' | 'performance' | 'walk_forward' | 'hyperopt'
  symbol: string | null
  status: 'queued' | 'running' | 'cancelling' | 'done' | 'failed' | 'cancelled' | 'partial'
  /** ISO 8601, UTC */
  requested_at: string
  /** Done so far; null before a worker has taken it */
  trial: number | null
  total_trials: number | null
  /** Of the objective so far */
  best: number | null
  objective: string | null
  note: string
  /** How long it took; null before its end */
  seconds: number | null
  error: string | null
  /** The request without what it leaves empty */
  request: Record<string, unknown>
  /** Null before its end, and without a result */
  outcome: JobOutcome | null
  spec: Record<string, unknown>
  result: Record<string, unknown> | null
  /** Parts of the result that are files */
  urls: Record<string, string>
  /** Of its strategy, and what it took from it */
  config: JobConfig | null
}

export interface JobList {
  jobs: JobSummary[]
}

export interface JobOutcome {
  /** Of a search, in words */
  verdict: string | null
  /** The best of a search */
  params: Record<string, unknown> | null
  /** Of the objective: the mean over the windows */
  best_value: number | null
  /** After costs, a fraction; of a search the best */
  total_return: number | null
  /** Of a search the best, not deflated */
  sharpe_ratio: number | null
}

export interface JobSummary {
  job_id: string
  kind: 'optimize' | 'performance' | 'walk_forward' | 'hyperopt'
  symbol: string | null
  status: 'queued' | 'running' | 'cancelling' | 'done' | 'failed' | 'cancelled' | 'partial'
  /** ISO 8601, UTC */
  requested_at: string
  /** Done so far; null before a worker has taken it */
  trial: number | null
  total_trials: number | null
  /** Of the objective so far */
  best: number | null
  objective: string | null
  note: string
  /** How long it took; null before its end */
  seconds: number | null
  error: string | null
  /** The request without what it leaves empty */
  request: Record<string, unknown>
  /** Null before its end, and without a result */
  outcome: JobOutcome | null
}

export interface JournalEntry {
  /** The Kafka key */
  strategy: string
  /** The Kafka key */
  trade_id: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** 1: as it was added */
  revision: number
  /** Of the command, wall clock */
  event_time_ms: number
  trade: JournalTrade
  grounds: EntryGrounds | null
  command_id: string
  by: string
  reason: string
}

export interface JournalTrade {
  /** executed; skipped: seen and not taken; missed: not seen in time */
  action: 'executed' | 'skipped' | 'missed'
  /** buy: long, sell: short */
  side: 'buy' | 'sell'
  /** Price; of what was not executed the one that was to be had */
  entry: string | number | null
  /** Price; null: it is open */
  exit: string | number | null
  /** In the base currency */
  quantity: string | number | null
  /** All of it, in the quote currency; negative: a rebate; null: not known */
  fees: string | number | null
  /** Market time of the entry, or of the decision */
  opened_ms: number
  /** The same of the exit; null: none */
  closed_ms: number | null
  notes: string
}

export interface KeyList {
  /** Whether anybody has to show a key, or a token */
  required: boolean
  keys: KeyView[]
}

export interface KeyView {
  key_id: string
  /** Whose it is, for people */
  name: string
  scope: 'read' | 'operate' | 'admin'
  state: 'counts' | 'expired' | 'revoked'
  /** ISO 8601, UTC */
  created_at: string
  created_by: string
  /** Null: never */
  expires_at: string | null
  /** Null: it is not */
  revoked_at: string | null
  revoked_by: string
}

export interface LagFigures {
  /** By topic, of this gateway; without those at the end */
  views: Record<string, number>
  /** By consumer group */
  processes: Record<string, number>
}

export interface LedgerEntryView {
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  /** Close of the bar that showed it */
  event_time_ms: number
  kind: 'gap' | 'repaired' | 'duplicate' | 'late' | 'correction' | 'partial' | 'zero_volume' | 'volume_mismatch' | 'price_mismatch' | 'stall' | 'funding_hole' | 'funding_interval' | 'funding_late' | 'rejected'
  /** Open time of the first bar concerned */
  from_ms: number
  /** Close time of the last bar concerned */
  to_ms: number
  /** How many bars are concerned */
  bars: number
  note: string
  /** How many bars of a gap came later; null: it is no gap. A higher timeframe takes none: it is made of its base bars once */
  filled: number | null
}

export interface LedgerList {
  /** Holds all of them, for ever */
  topic: string
  /** By kind, as far back as is held */
  counts: Record<'gap' | 'repaired' | 'duplicate' | 'late' | 'correction' | 'partial' | 'zero_volume' | 'volume_mismatch' | 'price_mismatch' | 'stall' | 'funding_hole' | 'funding_interval' | 'funding_late' | 'rejected', number>
  findings: LedgerEntryView[]
}

export interface LettersAnswer {
  accepted: number
  unchanged: number
  refused: number
  /** Not decided yet; ask the url of each */
  pending: number
  /** In the order of the request */
  outcomes: OutcomeView[]
}

export interface LoadedModelView {
  name: string
  version: string
  /** ISO 8601, UTC */
  loaded_at: string
  /** cpu or cuda:N */
  device: string
  parameters: number
  /** Passed every gate */
  qualified: boolean
  /** Whether this version answers for its strategy */
  serving: boolean
  timeframe: string
  /** Who answers for it: universal, argmax or blend; null: a specialist */
  selection: string | null
}

export interface MarketContext {
  open: number
  close: number
  /** Wilder ATR over close, a fraction; null in warm-up */
  natr: number | null
  /** Volume over its 20-bar median */
  volume_to_median: number | null
  /** Trend of the next closed higher timeframe: +1, 0, -1; null until closed */
  higher_direction: number | null
  funding_rate: number | null
  funding_time_ms: number | null
  bars_missing: number
  /** Null in older records, as low */
  high: number | null
  low: number | null
}

export interface MeasureDrift {
  measure: 'log_loss' | 'miss' | 'overconfidence' | 'expected_log_loss'
  /** Only an armed detector gives alarms */
  armed: boolean
  /** Mean out of sample */
  reference: number
  /** Upper bound of the reference and the tolerance */
  limit: number
  /** Mean of the newest blocks; null: no whole block yet */
  live: number | null
  /** Highest lower bound of the live mean since any block; null: too few labels */
  lower: number | null
  /** Predictions in whole blocks since this model serves */
  labels: number
  /** The lower bound is above the limit */
  alarm: boolean
}

export interface Metrics {
  days: number
  trades: number
  total_return: number | null
  annual_return: number | null
  annual_volatility: number | null
  sharpe_ratio: number | null
  sharpe_standard_error: number | null
  sharpe_interval: [number, number] | null
  autocorrelation_adjusted_sharpe_ratio: number | null
  probabilistic_sharpe_ratio: number | null
  minimum_track_record_length: number | null
  t_statistic: number | null
  sortino_ratio: number | null
  calmar_ratio: number | null
  omega_ratio: number | null
  max_drawdown: number | null
  max_drawdown_days: number | null
  ulcer_index: number | null
  tail_ratio: number | null
  skewness: number | null
  kurtosis: number | null
  win_rate: number | null
  profit_factor: number | null
  expectancy: number | null
  expectancy_ratio: number | null
  average_hold_ms: number | null
  median_hold_ms: number | null
  cost_share: number | null
  exposure: number | null
  turnover: number | null
}

export interface ModelCertificate {
  /** Of the cuts and of the changed futures */
  seed: number
  checks: CertificateCheck[]
  /** By kind, why it was not checked */
  left_out: Record<string, string>
}

export interface ModelComparison {
  /** Its model version */
  champion: string
  rows: number
  /** First bar close; null: none */
  from_ms: number | null
  /** Last bar close; null: none */
  to_ms: number | null
  metrics: ComparedMetric[]
  /** Mean log-loss of the champion less the challenger's, nats: above 0 is better */
  difference: number | null
  /** Of that mean, by the stationary bootstrap; null: too few rows */
  difference_interval: [number, number] | null
  /** Of the interval */
  level: number
  /** Who answered for the champion; null: not compared */
  champion_rule: 'universal' | 'argmax' | 'blend' | null
  challenger_rule: 'universal' | 'argmax' | 'blend' | null
  /** The same mean of the universal models alone; it decides nothing */
  universal_difference: number | null
  verdict: 'promote' | 'keep' | 'manual_review'
  /** One sentence each */
  reasons: string[]
}

export interface ModelEquity {
  /** Start, exits and end; thinned */
  times_ms: number[]
  /** At each of them, 1 at the start */
  equity: number[]
  trades: number
}

export interface ModelList {
  models: Record<string, LoadedModelView>
  total_models: number
  serving: Record<string, ServingModel>
  training: TrainingView | null
}

export interface ModelMetrics {
  rows: number
  folds: number
  log_loss: number | null
  /** Of the train-fold class prior: the gate */
  prior_log_loss: number | null
  /** 5-95 % of prior less model log-loss, blocks of time resampled: above 0 the edge is not chance */
  log_loss_edge_interval: [number, number] | null
  /** 5-95 % of the log-loss of each fold's average forecast less the model's: above 0 it tells rows apart, and does not only lean to the class that came */
  log_loss_resolution_interval: [number, number] | null
  /** Of no edge: the larger one of the t-tests of both gains on blocks of time; null for too few blocks */
  edge_p_value: number | null
  brier: number | null
  accuracy: number | null
  macro_f1: number | null
  /** ECE of the top label, 10 bins */
  calibration_error: number | null
  calibration_error_interval: [number, number] | null
  /** Root mean square gap of the same bins less what chance adds: 0 where no more is left */
  calibration_error_debiased: number | null
  /** 5-95 %, blocks of time resampled */
  calibration_error_debiased_interval: [number, number] | null
  /** Of a calibrated top label, signs of whole blocks of time turned: a small one speaks against it */
  calibration_p_value: number | null
  /** Mean after costs over directional calls, fraction */
  net_return_per_signal: number | null
  directional_calls: number
  /** Configurations tried for this model */
  trials: number
}

export interface ModelSelection {
  rule: 'universal' | 'argmax' | 'blend'
  reason: string
  /** Under which the rules were tested */
  policy: SpecialistPolicy
  specialists: Specialist[]
  tests: SelectionTest[]
}

export interface ModelStageChanged {
  /** The Kafka key */
  strategy: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  number: number
  model_version: string
  /** Null: it was registered */
  from_stage: 'None' | 'Staging' | 'Production' | 'Archived' | null
  to_stage: 'None' | 'Staging' | 'Production' | 'Archived'
  /** Market time */
  event_time_ms: number
  /** First bar close for which it serves, or no longer does; null: neither */
  effective_from_ms: number | null
  /** Of the command, or register */
  action: string
  reason: string
  by: string
  /** Null: it followed from a registration */
  command_id: string | null
  /** Of the strategy's models of a timeframe, after it */
  revision: number
  /** Rolled back to */
  deployment_id: string | null
  /** The challenge on whose evidence it moved; null: none */
  challenge_id: string | null
  /** Thresholds with the values found; null where a command decided */
  decision: PolicyDecision | null
}

export interface ModelState {
  /** filling: its history is; waiting: to be trained, or to serve; training: its first model is */
  state: 'filling' | 'waiting' | 'training' | 'failed' | 'serving'
  /** In words; empty while what is to serve does */
  detail: string
  /** That answers; null: none does */
  model_version: string | null
  /** Whether it passed its gates; null: none answers */
  qualified: boolean | null
  /** Of the training that runs, in [0, 1] */
  done: number | null
}

export interface MonitorWindow {
  /** <topic>/<symbol>, of a higher timeframe <topic>/<symbol>/<timeframe_ms>: the Kafka key */
  subject: string
  topic: string
  symbol: string
  /** Wall clock of the window's end */
  event_time_ms: number
  window_ms: number
  records: number
  per_second: number
  /** Append time minus that of the raw bar of the same trace: delay downstream of it at any market speed; null on the raw topic itself */
  lateness_p50_ms: number | null
  lateness_max_ms: number | null
  /** Since the last record's append, wall clock */
  staleness_ms: number | null
  approximate: true
  timeframe_ms: number | null
}

export interface OutcomeView {
  command_id: string
  /** Null: not decided yet */
  status: 'accepted' | 'refused' | 'unchanged' | null
  /** done, same (nothing to do), or why it was refused: unknown, stale, conflict, invalid */
  code: 'done' | 'same' | 'unknown' | 'stale' | 'conflict' | 'invalid' | null
  detail: string
  subject: string | null
  /** What changed; of a dry run: what would */
  facts: string[]
  /** Of the subject, after it */
  revision: number | null
  dry_run: boolean
  /** Where it can be asked for later */
  url: string
}

export interface PassedView {
  ideas: number
  /** That earned more than 0 after costs */
  winners: number
  losers: number
  /** Mean; null without one */
  net_return: number | null
}

export interface Performance {
  /** Of the process; null where no /proc tells */
  uptime_s: number | null
  /** Resident; null as above */
  memory_bytes: number | null
  /** Used since the start; null as above */
  cpu_seconds: number | null
  /** By family of routes */
  requests: Record<string, RequestFigures>
  /** This one included */
  active_requests: number
  predictions: PredictionFigures
  /** Answers of /predict on the way to their topic */
  answers: Record<'recorded' | 'lost' | 'waiting', number>
  lag_records: LagFigures
  /** By topic */
  views: Record<string, ViewFigures>
  /** Records in no view, by topic, since the start */
  unreadable: Record<string, number>
  streams: StreamFigures
  cache: 'memory' | 'redis' | 'degraded'
}

export interface PerformanceGroup {
  /** What ideas came to; they do not overlap, and nobody chose among them */
  ideas: TradeFigures | null
  /** What humans did, who chose it: how that went, not what a model is worth */
  journal: TradeFigures | null
  /** Every buy or sell signal held here that has expired; they overlap */
  calls: TradeFigures | null
  /** none: trades about no signal */
  group: string
  /** Of a grade: where its signals have kept less than it promises, over all time */
  refuted_in: string[]
}

export interface PerformanceGroups {
  by: 'grade' | 'symbol' | 'timeframe' | 'regime' | 'hour' | 'model' | 'month'
  groups: PerformanceGroup[]
}

export interface PerformanceSummary {
  /** What ideas came to; they do not overlap, and nobody chose among them */
  ideas: TradeFigures | null
  /** What humans did, who chose it: how that went, not what a model is worth */
  journal: TradeFigures | null
  /** Every buy or sell signal held here that has expired; they overlap */
  calls: TradeFigures | null
  /** Market time; null before the first bar */
  as_of_ms: number | null
  /** Null before the first bar */
  today: DayFigures | null
  equity: EquityCurves
  followed: FollowedView
  skipped: PassedView
  missed: PassedView
  /** By every signal since the first */
  refuted: RefutedGrade[]
}

export interface PointView {
  /** Market time, ISO 8601 */
  time: string
  blocks: number
  gain: number | null
  low: number | null
  high: number | null
}

export interface PolicyDecision {
  /** Null: no config was known, so the defaults */
  config_id: string | null
  figures: GateFigure[]
}

export interface PositionList {
  venue: string
  /** By the venue's clock */
  event_time_ms: number
  /** Since then, by ours */
  age_s: number
  /** Newer snapshots are missing */
  stale: boolean
  /** US dollars, as are all amounts */
  equity: number
  positions: PositionView[]
}

export interface PositionView {
  /** As the venue names it, e.g. BTCUSDT */
  symbol: string
  side: 'long' | 'short'
  /** In units of the contract */
  quantity: number
  entry_price: number
  mark_price: number
  /** quantity times mark_price */
  notional: number
  unrealized_profit: number
  /** Null: the venue names none */
  liquidation_price: number | null
  /** notional over equity; null without equity */
  share: number | null
  /** Move from the mark price that would close it, a fraction; null: no price */
  liquidation_distance: number | null
}

export interface PredictAnswer {
  decision_id: string
  symbol: string
  action: 'BUY' | 'SELL' | 'HOLD'
  /** Calibrated probability of the action */
  confidence: number
  /** Contracts, rounded down to the venue's step; null for the reason in quantity_note of the risk check */
  recommended_quantity: number | null
  regime_probabilities: RegimeBody
  strategy_weights: Record<string, number>
  /** Null when risk_check is false */
  risk_validation: RiskBody | null
  explanation: Explanation | null
  explanation_status: 'not_requested' | 'ready' | 'pending'
  /** The bar is older than two bars */
  stale: boolean
  metadata: PredictMetadata
}

export interface PredictMetadata {
  model_version: string
  /** universal, a specialist or blend; null: an older release */
  answered_by: string | null
  /** Why that one answered */
  why: string | null
  /** Inside the gateway */
  latency_ms: number
  /** When it was answered, ISO 8601, UTC */
  timestamp: string
  /** Close of the bar it is about, market time */
  bar_time: string
  timeframe: string
  timeframe_ms: number
  /** Market time since that close, in bars */
  age_bars: number
  /** Null for an override */
  signal_id: string | null
  /** Null for an override */
  grade: string | null
  /** Whether the model passed its gates and nothing speaks against this answer */
  qualified: boolean
  horizon_bars: number
  reference_price: number
  probabilities: Record<string, number>
  members: Record<string, Record<string, number>>
  /** Venn-Abers bounds of that probability; null: the model has none */
  confidence_interval: [number, number] | null
  /** After costs and the funding due; null: HOLD, an override, or no table */
  expected_net_return: ReturnBounds | null
  device: string
}

export interface PredictionFigures {
  /** success, refused, error */
  outcomes: Record<string, number>
  /** BUY, SELL, HOLD */
  actions: Record<string, number>
  latency: TimingView
}

export interface PrincipalView {
  /** open: nobody has to sign in */
  kind: 'token' | 'key' | 'open'
  subject: string
  name: string
  /** The highest; each includes those before it */
  scope: 'read' | 'operate' | 'admin' | null
  /** ISO 8601, UTC; null: never */
  expires_at: string | null
}

export interface ProcessView {
  /** silent: it has said nothing for too long */
  state: string
  detail: string
  /** When it said so: done and device are as of then; ISO 8601, UTC */
  said_at: string
  /** Progress in [0, 1] of what it does */
  done: number | null
  device: string | null
  /** Committed but not consumed; null: unknown */
  lag_records: number | null
}

export interface RefutedGrade {
  symbol: string
  timeframe: string
  grade: 'A+' | 'A' | 'B' | 'C'
}

export interface RegimeAnswer {
  symbol: string
  timeframe: string
  timeframe_ms: number
  /** Null until the first bar is folded */
  regime: RegimeProbabilities | null
  /** The newest is older than two bars */
  stale: boolean
  history: RegimeProbabilities[]
}

export interface RegimeBody {
  bull: number
  bear: number
  sideways: number
  /** Shannon over ln 3, in [0, 1] */
  entropy: number
  trend_state: string
}

export interface RegimeProbabilities {
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  event_time_ms: number
  available_time_ms: number
  bull: number
  bear: number
  sideways: number
  trend_state: 'TRENDING' | 'RANGING' | 'CHOPPY' | 'UNKNOWN'
  /** Model version of the filter; null = uniform, none fitted yet */
  parameters_version: string | null
  /** Of this bar's observation given the past; model health */
  log_likelihood: number | null
  /** Bars for which trend_state has held, this one among them */
  trend_bars: number | null
  /** Shannon entropy over ln 3: 0 = one regime is certain, 1 = no information. */
  entropy: number
}

export interface RegimeReading {
  event_time_ms: number
  bull: number
  bear: number
  sideways: number
  /** Shannon over ln 3, in [0, 1]: 0 = one regime is certain */
  entropy: number
  /** Null where several are equally likely */
  likeliest: 'bull' | 'bear' | 'sideways' | null
  /** Null: no filter is fitted, all are equal */
  parameters_version: string | null
  trend_state: 'TRENDING' | 'RANGING' | 'CHOPPY' | 'UNKNOWN'
  /** How long it has been so, in bars; null: not told */
  trend_bars: number | null
}

export interface RegimeView {
  bull: number
  bear: number
  sideways: number
  entropy: number
  trend_state: 'TRENDING' | 'RANGING' | 'CHOPPY' | 'UNKNOWN'
  parameters_version: string | null
}

export interface RegistrationPolicy {
  min_sharpe_ratio: number
  min_profit_factor: number
  max_drawdown_pct: number
  min_total_trades: number
  /** Percent */
  min_win_rate: number
}

export interface ReliabilityBin {
  /** false: of neutral signals */
  directional: boolean
  /** With a knowable outcome, at least 1 */
  known: number
  mean_confidence: number
  hit_rate: number
  /** As of a row; null: of an older release */
  hit_rate_low: number | null
  hit_rate_high: number | null
}

export interface RequestFigures {
  count: number
  /** Null before the first */
  mean_ms: number | null
  p50_ms: number | null
  p95_ms: number | null
  /** At most the largest bound, 1000 */
  p99_ms: number | null
  /** Answered with a status of 400 to 499 */
  refused: number
  /** Answered with a status of 500 or more */
  error: number
}

export interface RetrainingView {
  /** Retrainings asked for within 30 days of market time */
  used: number
  /** Of so many days */
  allowed: number
  left: number
  /** Causes that wait until they may */
  waiting: string[]
  /** Whose limits these are; null: the defaults */
  config_id: string | null
  /** Market time from which the next may be asked for, ISO 8601; null: now */
  cooldown_ends: string | null
  /** Challengers kept out since the last that was promoted */
  rejected: number
  /** So many open the circuit until one is promoted */
  max_rejected: number
  /** Of the one under way; null: none is */
  training_id: string | null
  cause: string | null
  /** Market time when it was asked for */
  since: string | null
  /** Why another would be refused now; null: it would be trained */
  refused: string | null
}

export interface ReturnBounds {
  mean: number
  low: number
  high: number
}

export interface RiskBody {
  /** No check fails */
  approved: boolean
  warnings: string[]
  checks: Record<'position_limit' | 'concentration' | 'daily_loss_limit', 'pass' | 'warn' | 'fail'>
  details: RiskCheckBody[]
  /** Why no quantity is recommended; empty with one */
  quantity_note: string
}

export interface RiskCheck {
  name: 'position_limit' | 'concentration' | 'daily_loss_limit'
  outcome: 'pass' | 'warn' | 'fail'
  detail: string
}

export interface RiskCheckBody {
  name: 'position_limit' | 'concentration' | 'daily_loss_limit'
  outcome: 'pass' | 'warn' | 'fail'
  detail: string
  /** As it would be: notional, notional over equity, result of the day as a fraction of the wallet at midnight */
  value: number | null
  /** Up to where value may go, this included */
  limit: number | null
}

export interface ScoreRow {
  /** directional, A+, A, B, C or neutral */
  group: string
  /** Expired */
  signals: number
  /** With a knowable outcome */
  known: number
  hits: number
  hit_rate: number | null
  /** Known ones of a ticker that do not overlap, a mean of all */
  independent: number
  /** 95 % at all looks together, of those that do not overlap; tickers move together, so that several say no more than one */
  hit_rate_low: number | null
  hit_rate_high: number | null
  /** Least hit rate that the grade stands for; null: it promises nothing */
  promise: number | null
  /** Whether the hit rate lies below the promise */
  refuted: boolean
  mean_confidence: number | null
  /** Mean confidence minus hit rate */
  calibration_gap: number | null
  /** After costs, a fraction */
  mean_net_return: number | null
  /** Multiclass, in [0, 2] */
  mean_brier: number | null
}

export interface ScoreSpan {
  /** Bar close of the first signal counted */
  from_ms: number
  /** Expiry of the last */
  to_ms: number
}

export interface ScoredSignal {
  signal_id: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  /** Close of the bar that ended the horizon */
  event_time_ms: number
  available_time_ms: number
  signal_time_ms: number
  model_version: string
  qualified: boolean
  direction: 'buy' | 'sell' | 'neutral'
  grade: 'A+' | 'A' | 'B' | 'C'
  confidence: number
  probabilities: ClassProbabilities
  /** The label that came true; null: a hole in the bars made it unknowable */
  outcome: 'sell' | 'neutral' | 'buy' | null
  /** direction == outcome; null when unknowable */
  hit: boolean | null
  /** Open of the bar after the signal */
  entry_price: number | null
  /** Close at expiry */
  exit_price: number | null
  /** Fraction, in the signal's direction */
  gross_return: number | null
  /** Fees and slippage, fraction of notional */
  cost: number | null
  /** Paid (+) or received (-), fraction of notional */
  funding: number | null
  /** gross - cost - funding; 0 for neutral */
  net_return: number | null
  /** Multiclass Brier score, in [0, 2] */
  brier: number | null
  /** Natural log */
  log_loss: number | null
  /** The most probable one at the signal; null: an older release */
  regime: 'bull' | 'bear' | 'sideways' | null
  /** Of the signal; null: C, neutral, or an older release */
  grade_promise: number | null
}

export interface SelectionTest {
  rule: 'universal' | 'argmax' | 'blend'
  rows: number
  log_loss: number
  universal_log_loss: number
  /** Universal less the rule, nats a row: above 0 is better */
  difference: number
  /** Of that mean, blocks of time resampled; null: too few blocks */
  interval: [number, number] | null
  /** Of the interval; shared out over the rules */
  level: number
  /** Whether the whole interval lies above 0 */
  beats: boolean
}

export interface SequenceView {
  family: string
  /** What the ledger of the strategy grants this challenge */
  alpha: number
  horizon_bars: number
  /** Of trades: each is a block */
  block_bars: number
  /** Bars, or trades, that have been compared */
  outcomes: number
  blocks: number
  /** Log-loss less, or net return more, than the champion; null before a block */
  gain: number | null
  /** Null: too few blocks, or all alike */
  low: number | null
  high: number | null
  /** Until it decides if all goes on like that; null: too early, or of trades */
  more_bars: number | null
  /** The same of a challenge on trades: of both together, none beside another */
  more_trades: number | null
}

export interface ServingModel {
  model_version: string
  /** Why inference cannot load it; null: it can */
  refused: string | null
  /** Model version that answers: another one while it is refused; null: none does */
  answered_by: string | null
  effective_from: string
  replaces: string | null
  reason: string
  qualified: boolean
  gates: Record<string, boolean>
  metrics: ModelMetrics
  /** Null: it was imported, nobody knows */
  trained_from: string | null
  /** The same */
  trained_to: string | null
  symbols: string[]
  timeframe: string
  timeframe_ms: number
  horizon_bars: number
  feature_set_id: string
  features: number
  /** Null until it is mirrored into MLflow */
  mlflow_run_id: string | null
  /** Who answers, and the figures that decided it; null: an older release */
  selection: ModelSelection | null
}

export interface SettingList {
  settings: SettingView[]
}

export interface SettingView {
  name: string
  part: 'gateway' | 'pipeline'
  /** Null: not set; ********: it may be a secret */
  value: string | null
  masked: boolean
  /** Where the value comes from; run: an option of the run, or what it decided */
  source: 'run' | 'variable' | 'secret file' | '.env' | 'default'
  /** By what name it came; null: by none */
  named: string | null
}

export interface ShadowResult {
  challenge_id: string
  /** Of both models */
  strategy: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  /** Close of the bar that ended it */
  event_time_ms: number
  variant: 'champion' | 'challenger'
  /** On paper; its id is the idea's */
  result: TradeResult
}

export interface SignIn {
  /** off: nobody has to */
  mode: 'off' | 'keys' | 'tokens and keys'
  /** Where people sign in; null: they give an API key */
  issuer: string | null
  /** As whom the page asks there; null: by API key alone */
  client_id: string | null
  /** What the page asks the issuer for */
  request_scopes: string
}

export interface Signal {
  signal_id: string
  prediction_id: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  event_time_ms: number
  available_time_ms: number
  strategy: string
  model_version: string
  feature_set_id: string
  qualified: boolean
  direction: 'buy' | 'sell' | 'neutral'
  /** Calibrated probability of the direction */
  confidence: number
  grade: 'A+' | 'A' | 'B' | 'C'
  probabilities: ClassProbabilities
  members: Record<string, ClassProbabilities>
  strategy_weights: Record<string, number>
  regime: RegimeView
  confirmations: Confirmation[]
  horizon_bars: number
  /** Close of the last bar of the horizon */
  expires_ms: number
  /** Close at t: shown, never traded */
  reference_price: number
  /** Where the idea is wrong */
  invalidation_price: number | null
  target_price: number | null
  /** Return that would make it right, a fraction */
  threshold: number
  context: MarketContext
  /** Advice, rounded down to the step; null: equity unknown */
  recommended_quantity: number | null
  risk_approved: boolean
  risk_checks: RiskCheck[]
  risk_notes: string[]
  device: string
  /** Of the config it was graded by; null: none was effective */
  config_id: string | null
  /** Fraction of notional, by that config; null: the default */
  round_trip_cost: number | null
  /** Venn-Abers bounds of the direction's probability; null: the model has none */
  confidence_interval: [number, number] | null
  /** Of its direction, after costs and the funding due until it expires; null: neutral, or the model has no tables */
  expected_net_return: ReturnBounds | null
  /** Part of the model that answered; null: an older release */
  answered_by: 'universal' | 'bull_specialist' | 'bear_specialist' | 'sideways_specialist' | 'blend' | null
  /** Why that one answered, for people */
  why: string | null
  /** Percentile of its expected net return among the last 1,000 of its symbol and timeframe; null: its lower bound is not above 0, or there are fewer than 100 */
  rank: number | null
  /** act: it may open an idea; else why not, by its config; null: an older release */
  decision: 'act' | 'neutral' | 'unqualified' | 'grade' | 'no_tables' | 'edge' | 'data' | null
  /** Of the unbroken row of signals with this direction that it belongs to, the close of the first; null: an older release, or an answer that is no signal */
  since_ms: number | null
  /** Least hit rate that its grade stands for, by its config; null: C, neutral, or an older release */
  grade_promise: number | null
}

export interface SignalAcknowledged {
  signal_id: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  event_time_ms: number
  by: string
}

export interface SignalDetail {
  signal_id: string
  prediction_id: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  event_time_ms: number
  available_time_ms: number
  strategy: string
  model_version: string
  feature_set_id: string
  qualified: boolean
  direction: 'buy' | 'sell' | 'neutral'
  /** Calibrated probability of the direction */
  confidence: number
  grade: 'A+' | 'A' | 'B' | 'C'
  probabilities: ClassProbabilities
  members: Record<string, ClassProbabilities>
  strategy_weights: Record<string, number>
  regime: RegimeView
  confirmations: Confirmation[]
  horizon_bars: number
  /** Close of the last bar of the horizon */
  expires_ms: number
  /** Close at t: shown, never traded */
  reference_price: number
  /** Where the idea is wrong */
  invalidation_price: number | null
  target_price: number | null
  /** Return that would make it right, a fraction */
  threshold: number
  context: MarketContext
  /** Advice, rounded down to the step; null: equity unknown */
  recommended_quantity: number | null
  risk_approved: boolean
  risk_checks: RiskCheck[]
  risk_notes: string[]
  device: string
  /** Of the config it was graded by; null: none was effective */
  config_id: string | null
  /** Fraction of notional, by that config; null: the default */
  round_trip_cost: number | null
  /** Venn-Abers bounds of the direction's probability; null: the model has none */
  confidence_interval: [number, number] | null
  /** Of its direction, after costs and the funding due until it expires; null: neutral, or the model has no tables */
  expected_net_return: ReturnBounds | null
  /** Part of the model that answered; null: an older release */
  answered_by: 'universal' | 'bull_specialist' | 'bear_specialist' | 'sideways_specialist' | 'blend' | null
  /** Why that one answered, for people */
  why: string | null
  /** Percentile of its expected net return among the last 1,000 of its symbol and timeframe; null: its lower bound is not above 0, or there are fewer than 100 */
  rank: number | null
  /** act: it may open an idea; else why not, by its config; null: an older release */
  decision: 'act' | 'neutral' | 'unqualified' | 'grade' | 'no_tables' | 'edge' | 'data' | null
  /** Of the unbroken row of signals with this direction that it belongs to, the close of the first; null: an older release, or an answer that is no signal */
  since_ms: number | null
  /** Least hit rate that its grade stands for, by its config; null: C, neutral, or an older release */
  grade_promise: number | null
  /** Null: nobody has seen it */
  acknowledged: SignalAcknowledged | null
  /** Null before its expiry */
  score: ScoredSignal | null
  /** Whether its explanation has been made */
  explained: boolean
  /** Whether signals of its grade, ticker and timeframe have kept less than the grade promises, by now */
  grade_refuted: boolean
  /** Null until made; GET /api/explain/{ticker} asks for the newest */
  explanation: Explanation | null
  /** Of the explanation's features, where enough bars are held to tell */
  ranks: Record<string, FeatureRank>
}

export interface SignalItem {
  signal_id: string
  prediction_id: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  event_time_ms: number
  available_time_ms: number
  strategy: string
  model_version: string
  feature_set_id: string
  qualified: boolean
  direction: 'buy' | 'sell' | 'neutral'
  /** Calibrated probability of the direction */
  confidence: number
  grade: 'A+' | 'A' | 'B' | 'C'
  probabilities: ClassProbabilities
  members: Record<string, ClassProbabilities>
  strategy_weights: Record<string, number>
  regime: RegimeView
  confirmations: Confirmation[]
  horizon_bars: number
  /** Close of the last bar of the horizon */
  expires_ms: number
  /** Close at t: shown, never traded */
  reference_price: number
  /** Where the idea is wrong */
  invalidation_price: number | null
  target_price: number | null
  /** Return that would make it right, a fraction */
  threshold: number
  context: MarketContext
  /** Advice, rounded down to the step; null: equity unknown */
  recommended_quantity: number | null
  risk_approved: boolean
  risk_checks: RiskCheck[]
  risk_notes: string[]
  device: string
  /** Of the config it was graded by; null: none was effective */
  config_id: string | null
  /** Fraction of notional, by that config; null: the default */
  round_trip_cost: number | null
  /** Venn-Abers bounds of the direction's probability; null: the model has none */
  confidence_interval: [number, number] | null
  /** Of its direction, after costs and the funding due until it expires; null: neutral, or the model has no tables */
  expected_net_return: ReturnBounds | null
  /** Part of the model that answered; null: an older release */
  answered_by: 'universal' | 'bull_specialist' | 'bear_specialist' | 'sideways_specialist' | 'blend' | null
  /** Why that one answered, for people */
  why: string | null
  /** Percentile of its expected net return among the last 1,000 of its symbol and timeframe; null: its lower bound is not above 0, or there are fewer than 100 */
  rank: number | null
  /** act: it may open an idea; else why not, by its config; null: an older release */
  decision: 'act' | 'neutral' | 'unqualified' | 'grade' | 'no_tables' | 'edge' | 'data' | null
  /** Of the unbroken row of signals with this direction that it belongs to, the close of the first; null: an older release, or an answer that is no signal */
  since_ms: number | null
  /** Least hit rate that its grade stands for, by its config; null: C, neutral, or an older release */
  grade_promise: number | null
  /** Null: nobody has seen it */
  acknowledged: SignalAcknowledged | null
  /** Null before its expiry */
  score: ScoredSignal | null
  /** Whether its explanation has been made */
  explained: boolean
  /** Whether signals of its grade, ticker and timeframe have kept less than the grade promises, by now */
  grade_refuted: boolean
}

export interface SignalList {
  /** Of every signal listed */
  timeframe: string
  signals: SignalItem[]
  /** What the track record covers */
  span: ScoreSpan | null
  /** Scores of every signal that has expired, held here or not, by group */
  summary: ScoreRow[] | null
  /** The same signals by confidence: is 80 % right 80 % of the time? */
  reliability: ReliabilityBin[] | null
}

export interface SignalReading {
  signal_id: string
  event_time_ms: number
  direction: 'buy' | 'sell' | 'neutral'
  grade: 'A+' | 'A' | 'B' | 'C'
  confidence: number
  qualified: boolean
  model_version: string
  horizon_bars: number
  expires_ms: number
  /** Its horizon lies behind */
  expired: boolean
  reference_price: number
  invalidation_price: number | null
  target_price: number | null
}

export interface Specialist {
  name: 'bull_specialist' | 'bear_specialist' | 'sideways_specialist'
  /** (sum w)^2 / sum w^2 of its weighted rows; null: not tried */
  effective_rows: number | null
  /** Of its pool's evidence; null: it is missing */
  temperature: number | null
  /** Out of sample, rows weighted by its regime */
  log_loss: number | null
  /** Of the universal model on the same rows */
  universal_log_loss: number | null
  /** Of the class prior's log-loss less its own, on the same rows; null: too few */
  edge_interval: [number, number] | null
  /** Better than the class prior beyond chance */
  qualified: boolean
  /** Why it is missing, or why it is qualified or not */
  reason: string
}

export interface SpecialistPolicy {
  /** Rows are regimes, columns specialists, both bull, bear, sideways; each row sums to 1 */
  matrix: [[number, number, number], [number, number, number], [number, number, number]]
  /** Whether the weights even out as the regime's entropy nears 1 */
  shrink: boolean
}

export interface StrategyList {
  strategies: StrategySummary[]
}

export interface StrategySummary {
  name: string
  active: string | null
  versions: number
  revision: number
}

export interface StreamFigures {
  open: number
  /** Closed since the start because they were too slow */
  dropped: number
}

export interface SuppressedItem {
  /** <strategy>/<symbol>/<timeframe_ms>, the Kafka key */
  subject: string
  /** The Kafka key */
  strategy: string
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** Bar length in milliseconds */
  timeframe_ms: number
  /** Close of the last one's bar */
  event_time_ms: number
  available_time_ms: number
  /** Close of the first signal counted */
  from_ms: number
  /** Ideas that were decided meanwhile */
  decided: number
  /** How many signals each has stopped */
  reasons: Record<'neutral' | 'unqualified' | 'grade' | 'no_tables' | 'edge' | 'data' | 'open', number>
  /** Of the last one, as all that follows */
  signal_id: string
  reason: 'neutral' | 'unqualified' | 'grade' | 'no_tables' | 'edge' | 'data' | 'open'
  direction: 'buy' | 'sell' | 'neutral'
  grade: 'A+' | 'A' | 'B' | 'C'
  /** Null: neutral, or the model has no tables */
  expected_net_return: ReturnBounds | null
  timeframe: string
}

export interface SuppressedList {
  /** That opened none */
  signals: number
  /** Ideas meanwhile */
  decided: number
  reasons: Record<'neutral' | 'unqualified' | 'grade' | 'no_tables' | 'edge' | 'data' | 'open', number>
  /** The highest mean among the last ones; null: none has a direction and tables */
  best_expected_net_return: number | null
  /** By symbol and timeframe */
  markets: SuppressedItem[]
}

export interface SymbolExposure {
  symbol: string
  long: number
  short: number
  /** long less short */
  net: number
  /** long and short */
  gross: number
  /** gross over equity; null without equity */
  share: number | null
}

export interface SymbolHealth {
  symbol: string
  timeframe: string
  timeframe_ms: number
  /** How many are held */
  bars: number
  /** How many are held */
  signals: number
  /** Close of the newest bar */
  last_bar_ms: number
  age_bars: number
  /** Older than two bars, and not ended */
  stale: boolean
  /** It gets no more bars: neither a fault nor stale */
  ended: boolean
  /** Close of the bar at which no feature is null for want of bars, if none goes missing; null: the newest bar's are complete */
  features_complete_at_ms: number | null
  last_price: number
}

export interface TableView {
  table: string
  /** Hash of all rows: it changes only with them */
  version: string
  source: string
  /** Rows in this answer */
  count: number
  rows: (Record<string, unknown>)[]
}

export interface TestView {
  /** Above 0: the challenger is better */
  statistic: number
  p_value: number
  /** Of freedom; null: by the normal distribution */
  degrees: number | null
  /** At the alpha of the challenge */
  significant: boolean
}

export interface Ticket {
  /** Offered as the sub-protocol ticket.<ticket>, once */
  ticket: string
  expires_in_s: number
}

export interface TimeframeAgreement {
  /** In [-1, 1]; null when fewer than two directions are known */
  score: number | null
  /** By timeframe; null: it does not vote */
  votes: Record<string, 'bullish' | 'bearish' | 'neutral' | null>
  definition: string
}

export interface TimeframeAnalysis {
  timeframe: string
  timeframe_ms: number
  /** Whether the other timeframes are made of its bars */
  base: boolean
  /** Null until the first bar */
  close_ms: number | null
  close: number | null
  /** The newest bar is older than two of its bars, and not ended */
  stale: boolean
  /** Why something is not there yet; empty when all is */
  detail: string
  model: ModelState
  /** By definitions.direction */
  direction: 'bullish' | 'bearish' | 'neutral' | null
  /** In [-1, 1] */
  balance: number | null
  regime: RegimeReading | null
  signal: SignalReading | null
  families: FamilyReading[]
  levels: ChannelLevels[]
  volatility: VolatilityReading
  funding: FundingReading
}

export interface TimeframeHealth {
  timeframe: string
  timeframe_ms: number
  /** Whether the other timeframes are made of its bars */
  base: boolean
  /** How many are held, of all symbols */
  bars: number
  /** How many are held, of all symbols */
  signals: number
  model: ModelState
  symbols: SymbolHealth[]
}

export interface TimingView {
  count: number
  /** Null before the first */
  mean_ms: number | null
  p50_ms: number | null
  p95_ms: number | null
  /** At most the largest bound, 1000 */
  p99_ms: number | null
}

export interface TradeDetails {
  trade_id: string
  symbol: string
  strategy_name: string
  /** passed: it was skipped or missed */
  state: 'open' | 'closed' | 'passed'
  /** 1: as it was added */
  revision: number
  /** Wall clock, of the newest revision */
  recorded_ms: number
  by: string
  trade: JournalTrade
  /** Of the signal; null: it was about none */
  grade: string | null
  grounds: EntryGrounds | null
  /** Null while it has no end */
  result: TradeResult | null
  /** The oldest first */
  history: JournalEntry[]
}

export interface TradeFigures {
  /** With an exit */
  trades: number
  /** That earned more than 0 after costs */
  wins: number
  /** Won: share of wins. A signal's hit rate counts its direction instead */
  hit_rate: number | null
  /** By those of which each was opened when the last had ended, of any ticker */
  hit_rate_low: number | null
  hit_rate_high: number | null
  /** Mean net return of a trade, a fraction */
  expectancy: number | null
  /** By days with an exit; null before ten are over (longer blocks where calls overlap for long), or without spread */
  expectancy_low: number | null
  expectancy_high: number | null
  /** Mean of the net returns that were expected at the decisions */
  expected: number | null
  /** Mean net return over the distance to the stop; null: none had one */
  expectancy_r: number | null
  /** As that of the expectancy, of those trades */
  expectancy_r_low: number | null
  expectancy_r_high: number | null
  /** Trades that had a stop */
  r_trades: number
  /** With an exit */
  days: number
  /** First entry */
  from_ms: number | null
  /** Last exit */
  to_ms: number | null
  /** Sum, as with equal stakes, a fraction */
  net_return: number | null
  /** Of each symbol from its first entry to its last exit, the mean: price alone */
  buy_and_hold: number | null
  /** Of the trades whose quantity is known, in their quote currency */
  profit: string | null
  /** How many those are */
  profit_trades: number
  /** Null without a loss */
  profit_factor: number | null
  /** Of the sum of net returns, as with equal stakes, a fraction */
  max_drawdown: number | null
  /** Costs and funding over the return before them; null unless that is above 0 */
  cost_share: number | null
  average_hold_ms: number | null
  /** Trades whose fees were not said */
  fees_assumed: number
}

export interface TradeList {
  trades: TradeView[]
  /** Ask for the next page with it; null: this is the last */
  after: string | null
}

export interface TradePerformance {
  /** With an exit */
  trades: number
  /** That earned more than 0 after costs */
  wins: number
  /** Won: share of wins. A signal's hit rate counts its direction instead */
  hit_rate: number | null
  /** By those of which each was opened when the last had ended, of any ticker */
  hit_rate_low: number | null
  hit_rate_high: number | null
  /** Mean net return of a trade, a fraction */
  expectancy: number | null
  /** By days with an exit; null before ten are over (longer blocks where calls overlap for long), or without spread */
  expectancy_low: number | null
  expectancy_high: number | null
  /** Mean of the net returns that were expected at the decisions */
  expected: number | null
  /** Mean net return over the distance to the stop; null: none had one */
  expectancy_r: number | null
  /** As that of the expectancy, of those trades */
  expectancy_r_low: number | null
  expectancy_r_high: number | null
  /** Trades that had a stop */
  r_trades: number
  /** With an exit */
  days: number
  /** First entry */
  from_ms: number | null
  /** Last exit */
  to_ms: number | null
  /** Sum, as with equal stakes, a fraction */
  net_return: number | null
  /** Of each symbol from its first entry to its last exit, the mean: price alone */
  buy_and_hold: number | null
  /** Of the trades whose quantity is known, in their quote currency */
  profit: string | null
  /** How many those are */
  profit_trades: number
  /** Null without a loss */
  profit_factor: number | null
  /** Of the sum of net returns, as with equal stakes, a fraction */
  max_drawdown: number | null
  /** Costs and funding over the return before them; null unless that is above 0 */
  cost_share: number | null
  average_hold_ms: number | null
  /** Trades whose fees were not said */
  fees_assumed: number
  open: number
  skipped: number
  missed: number
}

export interface TradeResult {
  trade_id: string
  /** journal: a human did it; paper: nobody did, it is what an idea came to */
  kind: 'journal' | 'paper'
  /** Canonical symbol, e.g. BTCUSDT */
  symbol: string
  /** The Kafka key */
  strategy: string
  revision: number
  /** A correction says that there is no such trade, or no end of it */
  withdrawn: boolean
  side: 'buy' | 'sell'
  opened_ms: number
  closed_ms: number
  entry_price: number
  exit_price: number
  /** Null: it was not said */
  quantity: string | null
  /** Fraction of the entry, in the trade's direction */
  gross_return: number
  /** Fees, fraction of the entry; negative: a rebate */
  cost: number
  /** The fees were not said: those of a taker on both sides */
  fees_assumed: boolean
  /** gross_return - cost, less the funding that is known */
  net_return: number
  /** In the quote currency; null without a quantity */
  profit: string | null
  /** Null: it was about no signal */
  grounds: EntryGrounds | null
  /** Of the idea, as what follows */
  timeframe_ms: number | null
  /** Null: it was about no idea */
  idea_id: string | null
  exit_reason: 'target' | 'invalidation' | 'horizon' | 'reversal' | 'unknown' | null
  /** Paid (+) or received (-), fraction */
  funding: number | null
  /** net_return over the distance to the stop; null: there was none */
  r_multiple: number | null
  /** Furthest against it, fraction of the entry */
  adverse_excursion: number | null
  /** Furthest its way, fraction of the entry */
  favourable_excursion: number | null
  /** As it was expected at the decision */
  expected_net_return: ReturnBounds | null
}

export interface TradeView {
  trade_id: string
  symbol: string
  strategy_name: string
  /** passed: it was skipped or missed */
  state: 'open' | 'closed' | 'passed'
  /** 1: as it was added */
  revision: number
  /** Wall clock, of the newest revision */
  recorded_ms: number
  by: string
  trade: JournalTrade
  /** Of the signal; null: it was about none */
  grade: string | null
  grounds: EntryGrounds | null
  /** Null while it has no end */
  result: TradeResult | null
}

export interface TrainingView {
  /** Null: the step does not tell */
  timeframe: string | null
  stage: string
  done: number
  note: string
}

export interface UnreadableRecord {
  topic: string
  partition: number
  offset: number
  cause: string
  /** When it was written */
  appended_ms: number
}

export interface UnreadableView {
  count: number
  newest: UnreadableRecord
}

export interface Validation {
  valid: boolean
  /** Path, value and expectation of each fault */
  errors: string[]
  config_hash: string | null
  /** Normalised, as it is hashed */
  config_data: Record<string, unknown> | null
}

export interface VariantView {
  /** Its number; null where the versions do not tell */
  version: number | null
  model_version: string
  trades: number
  wins: number
  win_rate: number | null
  /** Net, of a trade, a fraction */
  mean_return: number | null
  /** Of those returns; null below two */
  deviation: number | null
}

export interface VersionDetails {
  /** 1, 2, 3, ... of a strategy and timeframe */
  version: number
  model_version: string
  stage: 'None' | 'Staging' | 'Production' | 'Archived'
  /** Market time of the stage, ISO 8601 */
  since: string
  /** Why it has this stage */
  reason: string
  /** Market time of the first bar of its last service; null: it has never served */
  effective_from: string | null
  timeframe: string
  /** Passed every gate */
  qualified: boolean
  gates: Record<string, boolean>
  /** Market time, ISO 8601 */
  registered_at: string
  /** Null: it was imported, nobody knows */
  trained_from: string | null
  /** The same */
  trained_to: string | null
  symbols: string[]
  horizon_bars: number
  feature_set_id: string
  /** Of the training */
  request_id: string
  metrics: ModelMetrics
  /** With the version that served when it was trained; null: none */
  comparison: ModelComparison | null
  /** The gates in order */
  reports: GateReport[]
  /** Beside members and baselines, on the folds */
  scores: ForecastScore[]
  holdout: Holdout | null
  certificate: ModelCertificate | null
  /** Who answers; null: an older release */
  selection: ModelSelection | null
  /** Of the answers that serve, on the folds; empty: an older release */
  reliability: ConfidenceBin[]
  /** Of the same; null: an older release */
  equity: ModelEquity | null
  uri: string
  files: string[]
  /** Null until it is mirrored into MLflow */
  mlflow_run_id: string | null
  /** Every change of its stage; what thresholds decided, with the values found */
  history: ModelStageChanged[]
  /** By which its training judged it; null: older than policies in configs */
  policy: GatesUsed | null
}

export interface VersionList {
  strategy_name: string
  timeframe: string
  as_of: string
  /** Now, whatever the time asked for */
  revision: number
  /** The version that serves, or served the bars that closed then; null: none */
  production: number | null
  versions: VersionView[]
  /** What retrainings are left now; null: nothing was told of it */
  retraining: RetrainingView | null
}

export interface VersionView {
  /** 1, 2, 3, ... of a strategy and timeframe */
  version: number
  model_version: string
  stage: 'None' | 'Staging' | 'Production' | 'Archived'
  /** Market time of the stage, ISO 8601 */
  since: string
  /** Why it has this stage */
  reason: string
  /** Market time of the first bar of its last service; null: it has never served */
  effective_from: string | null
  timeframe: string
  /** Passed every gate */
  qualified: boolean
  gates: Record<string, boolean>
  /** Market time, ISO 8601 */
  registered_at: string
  /** Null: it was imported, nobody knows */
  trained_from: string | null
  /** The same */
  trained_to: string | null
  symbols: string[]
  horizon_bars: number
  feature_set_id: string
  /** Of the training */
  request_id: string
  metrics: ModelMetrics
  /** With the version that served when it was trained; null: none */
  comparison: ModelComparison | null
}

export interface ViewFigures {
  /** Since its newest record was written, wall clock */
  age_s: number
}

export interface VolatilityReading {
  /** Average true range over the close, a fraction */
  natr_14: number | null
  /** Share of the values before it that are below, [0, 1] */
  rank: number | null
  /** How many bars the rank looks at */
  rank_bars: number
}
