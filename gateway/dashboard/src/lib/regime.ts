// Market regimes: which one a set of probabilities speaks for.

export interface RegimeShares {
  bull: number
  bear: number
  sideways: number
}

export function likeliest({ bull, bear, sideways }: RegimeShares): keyof RegimeShares {
  if (bull > bear) return bull > sideways ? 'bull' : 'sideways'
  return bear > sideways ? 'bear' : 'sideways'
}
