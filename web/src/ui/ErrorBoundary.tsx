/**
 * A part of the page that fails while it is drawn is replaced by what happened and the way on; the rest of the page stays.
 * Does not catch what event handlers throw: writes go through `attempt`.
 */
import { RotateCcw, TriangleAlert } from 'lucide-react';
import { Component } from 'react';
import type { ReactNode } from 'react';

interface BoundaryProps {
  /** What could not be shown, as a title. */
  title: string;
  /** Other ways on, beside drawing it again. */
  exits?: ReactNode;
  /** Of the box that takes its place. */
  className?: string;
  children: ReactNode;
}

interface BoundaryState {
  why: string | null;
}

export class ErrorBoundary extends Component<BoundaryProps, BoundaryState> {
  override state: BoundaryState = { why: null };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { why: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    const { title, exits, className = '', children } = this.props;
    const { why } = this.state;
    if (why === null) return children;
    return (
      <div className={`empty ${className}`} role="alert">
        <TriangleAlert size={28} aria-hidden />
        <h2>{title}</h2>
        <p>Your changes are kept. What went wrong: {why}</p>
        <div className="row">
          <button type="button" className="btn btn-primary" onClick={() => this.setState({ why: null })}>
            <RotateCcw aria-hidden /> Try again
          </button>
          {exits}
        </div>
      </div>
    );
  }
}
