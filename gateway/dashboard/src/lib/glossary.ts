// The words of the page that a newcomer has to look up, a sentence or several each.

export const GLOSSARY = {
  'Expected net return': [
    'What ideas at this score came to out of sample, less fees, slippage and the funding that will be due.',
    'The 90 % band is of their mean, and holds at all scores together; one idea may end far outside.',
    'Only a lower end above the least edge of the config opens an idea.',
  ],
  Idea: [
    'A decision to act on a signal: entered at the open of the next bar, left at its first exit.',
    'Of one market and timeframe there is one at a time, so results of ideas do not overlap. It is never an order.',
  ],
  Rank: [
    'The share of the last 1,000 signals of the market and timeframe that expected less.',
    'It is told only where the lower end of the expected net return is above 0, and among 100 signals or more.',
  ],
  R: ['A result as a multiple of what was risked: the distance from the entry to where the idea is wrong.'],
  Won: ['The share that earned more than 0 after costs.', 'Its bounds hold at every look, however often one looks.'],
  'What a human made of it': [
    'Trades of the journal beside the ideas that they are about, and ideas that were let pass.',
    'They were chosen by a human: no experiment, so no proof of skill.',
  ],
  'Gain of the challenger': [
    'How much better the challenger predicts the same bars: champion less challenger log-loss.',
    'Of posted trades it is the difference of mean net returns. The band holds at every look together.',
  ],
} as const

export type Word = keyof typeof GLOSSARY
