// What a command changed, or would change, in words.

export interface FactText {
  text: string
  /** The topic that holds it. */
  topic: string
}

const WORDS: Record<string, (words: readonly string[], markets: string) => string> = {
  'configs.changes.v1': ([, id, status]) => `${id} becomes ${status}`,
  'configs.active.v1': ([name, id]) => `${id} is the config that ${name} runs by`,
  'models.changes.v1': ([name]) => `Inference is told which model answers for ${name}`,
  'models.serving.v1': ([name]) => `The model that serves ${name} is kept for later starts`,
  'models.stages.v1': ([, version, stage]) => `${version} becomes ${stage}`,
  'models.versions.v1': ([, version]) => `${version} is listed at its new stage`,
  'regimes.parameters.v1': ([model]) => `Regimes are read by the filters of ${model}`,
  'configs.effective.v1': ([, id], markets) => `Signals of ${markets} follow ${id}`,
}

/** A fact such as `configs.changes.v1: ensemble v2-1a2b3c4d ACTIVE`; one of another form stands as it is. */
export function factText(fact: string): FactText {
  const [, topic, about, markets] = /^([\w.]+): (.*?)(?:, (\d+ markets))?$/.exec(fact) ?? []
  if (topic === undefined || about === undefined) return { text: fact, topic: '' }
  const words = WORDS[topic]
  return { text: words ? words(about.split(' '), markets ?? '1 market') : about, topic }
}
