// A button: a plain one, the main one of its place, or one with an icon alone.

import type { ComponentPropsWithRef } from 'react'

import { classes } from '../lib/classes'
import styles from './Button.module.css'

interface Props extends ComponentPropsWithRef<'button'> {
  kind?: 'plain' | 'main' | 'icon'
}

const CLASSES = { plain: '', main: styles.main, icon: styles.icon }

export function Button({ kind = 'plain', className, type = 'button', ...props }: Props) {
  return <button type={type} className={classes(styles.button, CLASSES[kind], className)} {...props} />
}
