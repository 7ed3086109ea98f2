import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presenceColor } from './color.ts';

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const contrast = (one: string, other: string): number => {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};

const ids = Array.from({ length: 1_000 }, (_, index) => `user-${index}`);

test('a colour is readable on light and dark, and carries a white name', () => {
  for (const id of ['', 'ann', 'Ünï', ...ids]) {
    const color = presenceColor(id);
    assert.match(color, /^#[0-9a-f]{6}$/);
    assert.ok(contrast(color, '#ffffff') >= 4.5, `${color} on white`);
    assert.ok(contrast(color, '#1c1c1e') >= 3, `${color} on dark`);
  }
});

test('the same user has the same colour; users spread over all hues', () => {
  assert.equal(presenceColor('ann'), presenceColor('ann'));
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(presenceColor(id), (counts.get(presenceColor(id)) ?? 0) + 1);
  assert.equal(counts.size, 36);
  assert.ok(Math.max(...counts.values()) < 60, 'of 28 expected');
});
