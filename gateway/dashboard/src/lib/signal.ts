// Words and marks of a signal: each meaning has a shape and a word, colour only helps.

import type { SignalItem } from '../contract'

export type Grade = SignalItem['grade']
export type Direction = SignalItem['direction']

export const GRADES: readonly Grade[] = ['A+', 'A', 'B', 'C']
export const DIRECTIONS: readonly Direction[] = ['buy', 'sell', 'neutral']

export const ARROW: Record<Direction, string> = { buy: '▲', sell: '▼', neutral: '●' }
export const WORD: Record<Direction, string> = { buy: 'Buy', sell: 'Sell', neutral: 'Neutral' }
/** Class that gives the colour, see `styles/meaning.css`. */
export const TONE: Record<Direction, string> = { buy: 'up', sell: 'down', neutral: 'flat' }
