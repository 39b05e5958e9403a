/** What the pictures that we draw have in common: colours, and text on an SVG page. */

export const colour = {
  train: '#1d4ed8',
  valid: '#d97706',
  ink: '#1f2937',
  faded: '#6b7280',
  grid: '#e5e7eb',
  card: '#ffffff',
};

export const font = 'font-family="\'DejaVu Sans\', Verdana, Helvetica, Arial, sans-serif"';

/** A coordinate in tenths of a pixel. */
export function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function text(
  x: number,
  y: number,
  words: string,
  size: number,
  fill: string,
  anchor: string,
  weight = 'normal',
): string {
  return `<text x="${n(x)}" y="${n(y)}" font-size="${size}" fill="${fill}" text-anchor="${anchor}" font-weight="${weight}">${words}</text>`;
}

/** Words as they may stand in an SVG document. */
export function escaped(words: string): string {
  return words.replace(/[&<>"]/g, (each) => `&#${each.charCodeAt(0)};`).replace(/\p{Cc}/gu, '\uFFFD');
}
