// Features and their values in words. `tests/gateway/test_feature_words.py` compares the lists with the catalogue.

import { percent, valueText } from '../lib/format'
import { BASE, LADDER, REGIME, RUNG } from './featureTables'

/** Features that only point: up, down or nowhere. A rank would say nothing of them. */
const POINTERS = ['ema_order', 'supertrend_direction', 'ichimoku_cloud_position', 'direction']

/** Features that are a share of the price, and so read in percent. */
const SHARES = [
  'log_return_1',
  'log_return_5',
  'log_return_15',
  'log_return_60',
  'roc_10',
  'roc_20',
  'macd_line',
  'macd_signal',
  'macd_histogram',
  'natr_14',
  'natr_50',
  'true_range_ratio',
  'log_range',
  'historical_volatility_20',
  'historical_volatility_60',
  'realised_volatility_20',
  'realised_volatility_60',
  'parkinson_volatility_20',
  'garman_klass_volatility_20',
  'sma_distance_20',
  'sma_distance_50',
  'sma_distance_200',
  'ema_distance_12',
  'ema_distance_26',
  'ema_distance_50',
  'ema_distance_200',
  'supertrend_distance',
  'ichimoku_tenkan_distance',
  'ichimoku_kijun_distance',
  'ichimoku_lead_spread',
  'ichimoku_span_a_distance',
  'ichimoku_span_b_distance',
  'regression_slope_20',
  'vwap_distance_20',
  'vwap_distance_60',
  'mark_basis',
  'funding_rate',
]

const HIGHER = /^htf(\d)_(.+)$/

/** A feature in words; its name as it is where no table knows it. */
export function wordsOf(feature: string): string {
  const [, rung, name = ''] = HIGHER.exec(feature) ?? []
  const words = rung === undefined ? (BASE[feature] ?? REGIME[feature]) : RUNG[name]
  if (words === undefined) return feature.replaceAll('_', ' ')
  return rung === undefined ? words : `${words}, on bars ${LADDER[Number(rung) - 1]} × as long`
}

export function isRegime(feature: string): boolean {
  return feature in REGIME
}

export function isPointer(feature: string): boolean {
  return POINTERS.includes(onItsBars(feature))
}

/** The value of a feature with its unit: where it points, percent, or the number. */
export function featureText(feature: string, value: number | null): string {
  if (value !== null && isPointer(feature)) return value > 0 ? 'up' : value < 0 ? 'down' : 'nowhere'
  if (isRegime(feature)) return percent(value)
  return value !== null && SHARES.includes(onItsBars(feature)) ? shareText(value) : valueText(value)
}

function onItsBars(feature: string): string {
  return HIGHER.exec(feature)?.[2] ?? feature
}

function shareText(share: number): string {
  return `${(share * 100).toLocaleString('en-US', { maximumSignificantDigits: 3 }).replace('-', '−')}%`
}
