/**
 * A person's colour, the same on every board and node: a hue from the user id, at one fixed brightness.
 *
 * Guarantees: `#rrggbb` (stock editors append an alpha to it); at least 4.5:1 against white, so that a white name can stand
 * on it and a cursor line shows on a light page, and at least 3:1 against #1c1c1e, so that it shows on a dark one.
 * Does not: keep two people apart for certain; there are 36 hues.
 */

const HUES = 36;

/** Relative luminance (WCAG): 4.5:1 to white needs at most 0.183, 3:1 to #1c1c1e at least 0.135. */
const LUMINANCE = 0.168;

export function presenceColor(userId: string): string {
  const hue = ((hash(userId) % HUES) * 360) / HUES;
  // lightness for the wanted luminance: monotonic, so halve the interval
  let low = 0;
  let high = 1;
  for (let step = 0; step < 16; step++) {
    const middle = (low + high) / 2;
    if (luminance(rgb(hue, middle)) < LUMINANCE) low = middle;
    else high = middle;
  }
  return `#${rgb(hue, low)
    .map((channel) => Math.round(channel * 255).toString(16).padStart(2, '0'))
    .join('')}`;
}

/** FNV-1a, 32 bits, with a final mix so that ids which differ in their last character only get distant hues. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}

const SATURATION = 0.72; // lively, but yellow at this brightness is not yet mud

/** HSL to sRGB channels of 0..1. */
function rgb(hue: number, lightness: number): number[] {
  const chroma = SATURATION * Math.min(lightness, 1 - lightness);
  return [0, 8, 4].map((offset) => {
    const k = (offset + hue / 30) % 12;
    return lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  });
}

function luminance(channels: readonly number[]): number {
  const linear = channels.map((channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4));
  const [red = 0, green = 0, blue = 0] = linear;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
