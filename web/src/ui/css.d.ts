/** Custom properties in React's style objects, and style sheets imported for their effect. */
import 'react';

declare module 'react' {
  interface CSSProperties {
    [custom: `--${string}`]: string | number | undefined;
  }
}
