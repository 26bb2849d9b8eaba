// For the keyboard: past the head of the page. It is seen while it has the focus.

import type { ComponentPropsWithRef } from 'react'

import styles from './SkipLink.module.css'

export function SkipLink(props: ComponentPropsWithRef<'a'>) {
  return <a className={styles.skip} {...props} />
}
