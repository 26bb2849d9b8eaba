import { useId } from 'react'

import { described, type InputProps, Labelled } from './Labelled'

export function SelectInput({
  field,
  value,
  error,
  names,
  options,
  onChange,
}: InputProps<string> & { options: readonly string[] }) {
  const id = useId()
  const known = new Map(names?.map((each) => [each.name, each]))
  // A link may name what this home does not have: it is shown, and refused by the gateway.
  const all = value === '' || options.includes(value) ? options : [value, ...options]
  const meaning = known.get(value)?.meaning
  return (
    <Labelled field={meaning ? { ...field, hint: meaning } : field} error={error} id={id}>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)} {...described(field, error, id)}>
        {field.nullable && <option value="">{field.empty || 'none'}</option>}
        {all.map((name) => (
          <option key={name} value={name}>
            {known.get(name)?.label ?? name.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </Labelled>
  )
}
