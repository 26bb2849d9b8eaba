// A bug in one part is shown there, and the rest of the page goes on.

import { Component, type ReactNode } from 'react'

import { Button } from './Button'
import { FailureBox } from './Failure'

interface Props {
  /** What is drawn here, e.g. "The chart". */
  what: string
  children: ReactNode
}

export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null }

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error }
  }

  override render(): ReactNode {
    const { error } = this.state
    if (error === null) return this.props.children
    return (
      <FailureBox>
        <p>
          <strong>{this.props.what} met a bug.</strong> {error.message}
        </p>
        <Button onClick={() => this.setState({ error: null })}>Draw it again</Button>
      </FailureBox>
    )
  }
}
