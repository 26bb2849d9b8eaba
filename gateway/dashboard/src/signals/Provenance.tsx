// Where a signal comes from: model, features, regime filter, ids.

import type { SignalItem } from '../contract'
import { stampText } from '../lib/format'
import { Fact, Facts } from '../ui/Facts'
import { Panel } from '../ui/Panel'
import { Tag } from '../ui/Tag'

export function Provenance({ signal }: { signal: SignalItem }) {
  return (
    <Panel
      title="Provenance"
      aside={<Tag tone={signal.qualified ? 'good' : 'warn'}>{signal.qualified ? '✓ qualified' : '! unqualified'}</Tag>}
    >
      <Facts>
        <Fact name="Model">
          <code>{signal.model_version}</code>
        </Fact>
        <Fact name="Feature set">
          <code>{signal.feature_set_id}</code>
        </Fact>
        <Fact name="Regime filter">
          <code>{signal.regime.parameters_version ?? 'none fitted'}</code>
        </Fact>
        <Fact name="Device">{signal.device}</Fact>
        <Fact name="Bar closed">{stampText(signal.event_time_ms)}</Fact>
        <Fact name="Known">{`${signal.available_time_ms - signal.event_time_ms} ms after the close`}</Fact>
        <Fact name="Signal">
          <code>{signal.signal_id}</code>
        </Fact>
        <Fact name="Prediction">
          <code>{signal.prediction_id}</code>
        </Fact>
      </Facts>
    </Panel>
  )
}
