// The foot of a page that shows candles: what no part of the system does, and whose charts these are.

export function ChartFooter() {
  return (
    <>
      Analysis only: nothing here can place an order. <a href="/docs">API</a> · Charts by{' '}
      <a href="https://www.tradingview.com/" target="_blank" rel="noreferrer">
        TradingView Lightweight Charts™
      </a>
    </>
  )
}
