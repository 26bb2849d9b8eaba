// A balance between bearish and bullish: from the middle to the side that it leans to.

import styles from './BalanceBar.module.css'

export function BalanceBar({ balance }: { balance: number | null }) {
  const share = Math.abs(balance ?? 0) * 50
  return (
    <span className={styles.bar} aria-hidden="true">
      {balance !== null && (
        <i
          className={balance < 0 ? 'down' : balance > 0 ? 'up' : 'flat'}
          style={{ left: `${balance < 0 ? 50 - share : 50}%`, width: `${share}%` }}
        />
      )}
      <b />
    </span>
  )
}
