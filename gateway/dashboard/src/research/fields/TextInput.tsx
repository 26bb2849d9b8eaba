import { useId } from 'react'

import { described, type InputProps, Labelled } from './Labelled'

export function TextInput({ field, value, error, onChange }: InputProps<string>) {
  const id = useId()
  return (
    <Labelled field={field} error={error} id={id}>
      <input
        id={id}
        type={field.kind === 'time' ? 'datetime-local' : 'text'}
        inputMode={field.kind === 'number' ? 'decimal' : undefined}
        value={value}
        placeholder={field.nullable ? field.empty || 'not set' : undefined}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
        {...described(field, error, id)}
      />
    </Labelled>
  )
}
