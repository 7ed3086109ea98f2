/** The mark: a sun over the line of the day. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden focusable="false">
      <rect width="32" height="32" rx="8" fill="var(--sun)" />
      <path d="M16 9.5a7.5 7.5 0 0 1 7.5 7.5h-15A7.5 7.5 0 0 1 16 9.5Z" fill="#fff" />
      <path d="M6.5 20.5h19M10 24.5h12" stroke="#fff" strokeWidth="2.4" strokeLinecap="round" />
    </svg>
  );
}
