import { GLOSSARY, type Word } from '../lib/glossary'
import { Definition } from './Definition'

/** A word of the glossary, with its meaning one hover away. */
export function Term({ word }: { word: Word }) {
  return (
    <>
      {word} <Definition of={word} sentences={GLOSSARY[word]} />
    </>
  )
}
