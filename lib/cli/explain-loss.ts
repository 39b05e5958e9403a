/** Gloo's words for a process that has gone, c10d's for one that does not come, NCCL's and its watchdog's for both. */
const LOST = [
  /Connection (?:closed by peer|reset)|Broken pipe|not connected/i,
  /Watchdog caught collective operation timeout|timed out in blocking wait|NCCL operation timed out/,
  /NCCL communicator was aborted|ncclRemoteError|remote process exit(?:ed|ing)/,
  /Application timeout|timed? ?out/i, // the first of a connection that Gloo has given up after the second
] as const;

/** NCCL's own account of what went wrong, behind its line of code and version. */
const NCCL = /NCCL error|\bnccl(?:Unhandled|System|Internal|Invalid)\w*:/;

/**
 * In one line what a failure of c10d means for a process of a run.
 * @param message c10d's words, of Gloo or of NCCL.
 * @param way what to do when another process has ended.
 * @returns null where the words are clear by themselves.
 */
export function explainLoss(
  message: string,
  { rank, size }: { readonly rank: number; readonly size: number },
  way: string,
): string | null {
  const lost = LOST.map((form) => form.exec(message)).find((found) => found !== null);
  if (lost !== undefined)
    return `Rank ${rank} of ${size} cannot go on, another process has ended or did not come in time (${lost[0]}); ${way}`;
  if (!NCCL.test(message)) return null;
  const [kind] = /\bnccl\w+:[^\n]*/.exec(message) ?? [];
  const [, last] = /Last error:\s*([^\n]+)/.exec(message) ?? [];
  const words = [kind ?? message.split('\n')[0] ?? '', last].filter((each) => each !== undefined);
  return `Rank ${rank} of ${size} cannot go on, NCCL failed (${words.map((each) => each.trim()).join(' ')}); NCCL_DEBUG=INFO has it say more`;
}
