import picocolors from 'picocolors';

/** A stream that text can be written to and that may be a terminal. */
export type Output = NodeJS.WriteStream;

/** Whether a progress bar makes sense there. */
export function isTerminal(output: Output): boolean {
  // In a pipe isTTY is undefined, whatever its type says.
  return (output.isTTY as boolean | undefined) === true && process.env['TERM'] !== 'dumb';
}

/** Colours for a stream; plain text under NO_COLOR and in a pipe. */
export function coloursFor(output: Output): ReturnType<typeof picocolors.createColors> {
  // Never undefined: createColors would take that for "as the environment says", and colour pipes in CI.
  return picocolors.createColors(isTerminal(output) && picocolors.isColorSupported);
}

/** Seconds as `0:07`, `12:34` or `1:02:03`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-:--';
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** An error as one line: its message without line breaks. */
export function errorLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.trim().replace(/\s*\n\s*/g, ' ');
}
